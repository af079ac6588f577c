"""Would this run work here: its model, its problems, and what its plan needs of disk, memory and GPUs.

One list of checks, for `int-verl doctor`, for a plan (`--dry-run`) and for the run itself before its first stage.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from int_verl.doctor import Check, require_verl
from int_verl.errors import UserError
from int_verl.files import read_json
from int_verl.generate.model import LocalModel
from int_verl.progress import StageProgress
from int_verl.ray_cluster import joins_a_cluster
from int_verl.redaction import without_credentials
from int_verl.run.run import Run
from int_verl.run.stage import Stage
from int_verl.settings.engine import ProposerSettings
from int_verl.settings.generation import UNTIL
from int_verl.stages.budget import Budget, StageBudget, budget_of, gpu_memories
from int_verl.stages.footprint import GIB, servers_need
from int_verl.stages.preflight import room_for_prompts
from int_verl.trainers.composed import composed

HUB_SECONDS = 20
_RL = ("rl", "rl_baseline")
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"Of a container's memory, in cgroups of either version."


def checks_of(run: Run, stages_of_run: Callable[[], Sequence[Stage]]) -> Iterator[Check]:
    """What can be told of a run before it is started; what hangs on a check that fails is left out.

    Args:
        stages_of_run: all stages of it; called when the parts that they are made of are found to be there.
    """
    first = [_tried("model", lambda: _model(run.model)), _tried("problems", lambda: _problems(run))]
    if run.settings.proposer != ProposerSettings():
        first.append(_tried("proposer", lambda: _proposer(run)))
    first.append(_tried("settings", lambda: _settings(run)))
    yield from first
    if not all(check.ok for check in first):
        return
    stages = stages_of_run()
    yield from (_tried(f"settings of {stage.name}", partial(_accepted, stage)) for stage in stages)
    yield from _before(run, stages)


def checks_before(run: Run, stages: Sequence[Stage], download: bool) -> Iterator[Check]:
    """The same of the stages that a run is about to begin, whose settings were accepted: of a plan, and of the run.

    Args:
        stages: those that are not done.
        download: get the models that are not on this machine; a plan asks the hub for them.
    """
    if all(stage.name == "report" for stage in stages):
        return
    models = {"model": run.model} | ({"proposer": run.proposer.model} if run.proposer else {})
    for name, model in models.items():
        if download:
            _ = model.folder
        found = _tried(name, partial(_model, model))
        yield found
        if not found.ok and found.is_certain:
            return
    yield from _before(run, stages)


def _before(run: Run, stages: Sequence[Stage]) -> Iterator[Check]:
    """What settings, problems, model and machine say together; what is cheap comes first."""
    names = [stage.name for stage in stages]
    generating = [stage for stage in stages if stage.name in UNTIL]
    yield _tried("this machine", partial(_host_fits, stages))
    if any(name in names for name in _RL):
        yield from _context_of_rl(run)
    contexts = [*_contexts(run, names)]
    yield from contexts
    yield from _batches(run, stages)
    yield from _of_verl(run, names)
    yield from _servers(run, names)
    budget = budget_of(run, names)
    if run.platform == "gpu":
        yield from _gpus(run, budget, names)
    yield _disk(run.folder.path, budget)
    yield _host(budget)
    if generating and all(check.ok for check in contexts):
        yield _tried("golds and prompts", partial(_golds, run, generating[0]))


def _tried(name: str, look: Callable[[], str | Check]) -> Check:
    """What was found, or what the user is told of it: a message that names the remedy."""
    try:
        found = look()
    except UserError as error:
        return Check(name, False, str(error))
    return found if isinstance(found, Check) else Check(name, True, found)


def _model(model: LocalModel) -> str | Check:
    if not (model.folder_in_plan / "config.json").is_file():
        return _at_the_hub(model)
    config = read_json(model.folder / "config.json")
    added = len(model.codec.prompt_ids("1 + 1"))  # loads the tokenizer, and renders the chat template
    architecture = (config.get("architectures") or ["of no architecture that its config.json names"])[0]
    return f"{model.label}: {architecture}, {model.context_length:,} tokens; a prompt of a line has {added}"


def _at_the_hub(model: LocalModel) -> Check:
    from httpx import HTTPError
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    named = f"{model.key}={model.name}: not on this machine"
    try:
        found = HfApi(library_name="int-verl").model_info(model.name, timeout=HUB_SECONDS, files_metadata=True)
    except GatedRepoError:
        remedy = f"ask for access at https://huggingface.co/{model.name}, then `hf auth login`"
        return Check("model", False, f"{named}, and the hub gives it only to those who have asked", remedy)
    except RepositoryNotFoundError:
        remedy = f"is {model.key} written right? `hf auth login` where it is a private one"
        return Check("model", False, f"{named}, and the hub has none of this name", remedy)
    except (HfHubHTTPError, HTTPError, OSError) as error:
        remedy = f"`hf download {model.name}` where there is a network, and give the folder as {model.key}"
        said = f"{named}, and the hub does not answer for it ({type(error).__name__})"
        return Check("model", False, said, remedy, is_certain=False)
    size = sum(file.size or 0 for file in found.siblings or [])
    said = f"{named}; its {size / 1e9:.1f} GB are fetched from the hub when the run begins"
    return Check("model", True, said, is_certain=False)


def _problems(run: Run) -> str:
    train, heldout = run.problems.train, run.problems.heldout
    return f"{len(train):,} to train on in {train.file}, {len(heldout):,} held out in {heldout.file}"


def _proposer(run: Run) -> str | Check:
    assert run.proposer is not None
    return _model(run.proposer.model)


def _settings(run: Run) -> str:
    run.try_parts()
    return f"prompts {run.prompts.solve_version} and {run.prompts.verify_version}, and the grader, are there"


def _accepted(stage: Stage) -> str:
    stage.check()
    return stage.does


def _host_fits(stages: Sequence[Stage]) -> str:
    for stage in stages:
        stage.check_host()
    return next(filter(None, (stage.which_ray() for stage in stages)), "no stage needs a Ray")


def _context_of_rl(run: Run) -> Iterator[Check]:
    """What vLLM refuses only when it starts."""
    rl = run.settings.rl
    allowed, longest = replace(run.model, longest=None).context_length_in_plan, rl.max_prompt_length
    longest += rl.max_response_length
    if allowed is not None:
        detail = f"{longest:,} tokens of a prompt and its response; the model allows {allowed:,}"
        remedy = f"rl.max_response_length={max(1, allowed - rl.max_prompt_length)}"
        yield Check("context of RL", longest <= allowed, detail, remedy)


def _contexts(run: Run, names: Sequence[str]) -> Iterator[Check]:
    """Whether a prompt has any room beside the longest completion of each generator stage."""
    settings, proposer = run.settings, (run.proposer or run.policy).model
    asked = [
        ("sample", run.model, "sample", settings.sample.sampling),
        ("propose", proposer, "propose", settings.propose.sampling),
        ("guide", run.model, "guide", settings.guide.sampling),
    ]
    for name, model, section, sampling in asked:
        if name not in names:
            continue
        context = model.context_length_in_plan
        if context is None or not (model.folder_in_plan / "config.json").is_file():
            said = f"{model.name} is not on this machine, and what it allows is not known"
            yield Check(f"context of {name}", True, said, is_certain=False)
            continue
        yield _tried(f"context of {name}", partial(_context, model, section, sampling.max_tokens))


def _context(model: LocalModel, section: str, max_tokens: int) -> str:
    room = room_for_prompts(model, section, max_tokens)
    return f"{model.context_length:,} tokens: {room:,} for a prompt beside {max_tokens:,} of its completion"


def _batches(run: Run, stages: Sequence[Stage]) -> Iterator[Check]:
    """Whether there can be as many rows as a batch has: verl's trainers fail on fewer, and do so last of all."""
    if with_rl := [stage for stage in stages if stage.name in _RL]:
        yield _tried("batch of RL", partial(_enough, run, with_rl[0]))
    settings, problems = run.settings, run.problems.share_size
    drawn = settings.sample.attempts_from is None and settings.propose.interventions_from is None
    if drawn and {"guide", "sft"} <= {stage.name for stage in stages}:
        of_one = settings.sample.attempts * settings.propose.proposals
        most = problems * (of_one if settings.select.interventions == "all" else 1)
        batch = settings.sft.batch_size
        detail = f"{most:,} rows at most, of {problems:,} problems; a batch has {batch}"
        yield Check("batch of sft", most >= batch, detail, f"sft.batch_size={most} or less")


def _enough(run: Run, stage: Stage) -> str:
    stage.check_problems(StageProgress(run.console, "checks"))
    return f"{len(run.problems.train):,} problems; a batch has {run.settings.rl.prompts_per_step}"


def _of_verl(run: Run, names: Sequence[str]) -> Iterator[Check]:
    """Whether what the stages start is installed, and takes what the engine is told."""
    overrides = {}
    if any(name in names for name in UNTIL):
        policies = {"engine": run.policy, "proposer.engine": run.proposer}
        overrides = {
            f"{key}.overrides": policy.settings.overrides
            for key, policy in policies.items()
            if policy and policy.settings.name == "verl"
        }
    if not overrides and not {"sft", *_RL} & set(names):
        return
    installed = _tried("verl", _installed)
    yield installed
    if installed.ok:
        yield from (_tried(key, partial(_composes, run, key, said)) for key, said in overrides.items() if said)


def _installed() -> str:
    require_verl()
    return "installed, with what it needs"


def _composes(run: Run, key: str, overrides: Sequence[str]) -> str | Check:
    on_cpu = ["+int=cpu_grpo"] if run.platform == "cpu" else []
    if composed("int_grpo", [*on_cpu, *overrides], key) is None:
        return Check(key, True, "verl alone can tell whether it takes them", is_certain=False)
    return "verl takes them"


def _servers(run: Run, names: Sequence[str]) -> Iterator[Check]:
    """Servers by URL are asked when the run begins; it waits for those that are still starting."""
    policies = {"engine": run.policy, "proposer.engine": run.proposer}
    for key, policy in policies.items():
        if policy is None or policy.settings.name != "openai" or not any(name in names for name in UNTIL):
            continue
        urls = ", ".join(map(without_credentials, policy.settings.base_urls))
        yield Check("servers", True, f"{key}.base_urls: {urls} are asked when the run begins", is_certain=False)


def _golds(run: Run, stage: Stage) -> str | Check:
    if not (run.model.folder_in_plan / "config.json").is_file():
        said = f"prompts and golds are looked at when the tokenizer of {run.model.name} is here"
        return Check("golds and prompts", True, said, is_certain=False)
    with StageProgress(run.console, "checks", lead="checked") as progress:
        stage.check_problems(progress)
    return f"the grader can use the golds of {run.problems.share_size + len(run.problems.heldout):,} problems"


def _disk(home: Path, budget: Budget) -> Check:
    used = sum(file.lstat().st_size for file in home.rglob("*") if file.is_file()) if home.is_dir() else 0
    place = next(folder for folder in (home.absolute(), *home.absolute().parents) if folder.is_dir())
    free, needed = shutil.disk_usage(place).free, max(budget.disk - used, 0)
    detail = f"{free / 1e9:,.0f} GB free at {place}; the run takes {needed / 1e9:,.0f} more, estimated"
    if budget.size is None:
        detail = f"{free / 1e9:,.0f} GB free at {place}; what the run takes is told when its model is here"
    remedy = "run.dir on a larger disk, or sft.keep_optimizer=false; `int-verl run --dry-run` says what takes how much"
    return Check("disk for the run", needed <= free, detail, remedy, is_certain=needed <= free)


def _gpus(run: Run, budget: Budget, names: Sequence[str]) -> Iterator[Check]:
    here, settings, engine = len(gpu_memories()), run.settings, run.settings.engine
    asked = {"sft.gpus_per_node": settings.sft.gpus_per_node} if "sft" in names else {}
    if not joins_a_cluster():  # else a cluster's nodes have them, which the stages ask
        if any(name in names for name in _RL):
            asked["rl.gpus_per_node"] = settings.rl.gpus_per_node
        if engine.name == "verl" and any(name in names for name in UNTIL):
            asked["engine.gpus_per_node"] = engine.gpus_per_node
    wrong = [key for key, number in asked.items() if number > here]
    if asked:
        said = ", ".join(f"{key}={number}" for key, number in asked.items())
        remedy = " ".join(f"{key}={here}" for key in wrong) if here else "run where the GPUs are"
        yield Check("GPUs", not wrong, f"{here} here; {said}", remedy)
    if budget.size is None:
        return
    if engine.name == "verl":
        context = run.model.context_length_in_plan or 0
        need, share = (
            servers_need(budget.size, context, engine.tensor_parallel),
            engine.gpu_memory_utilization * budget.gpu_memory,
        )
        detail = f"{need / GIB:.0f} GiB for weights and {context:,} tokens of cache, of {share / GIB:.0f}; estimated"
        remedy = "a larger engine.tensor_parallel, or a smaller engine.context_length"
        yield Check("GPU memory of servers", need <= share, detail, remedy, is_certain=need <= share)
    yield from (_gpu_memory(stage, budget) for stage in budget.stages if stage.name in ("sft", "rl"))


def _gpu_memory(stage: StageBudget, budget: Budget) -> Check:
    assert stage.footprint is not None
    need, sft = stage.footprint.gpu, stage.name == "sft"
    offload = "engine" if sft else "actor_rollout_ref.actor.fsdp_config"
    shorter = "sft.max_length" if sft else "rl.max_response_length"
    return Check(
        f"GPU memory of {stage.name}",
        need <= budget.gpu_memory,
        f"{need / GIB:.0f} GiB of {budget.gpu_memory / GIB:.0f} at its peak; estimated",
        f"more GPUs, a smaller {shorter}, or '{stage.name}.overrides=[{offload}.offload_policy=true]'",
        is_certain=need <= budget.gpu_memory,
    )


def _host(budget: Budget) -> Check:
    memory = _host_memory()
    needs = {stage.name: stage.footprint.host for stage in budget.stages if stage.footprint}
    most = max(needs, key=lambda name: needs[name], default=None)
    if most is None:
        return Check("host memory", True, f"{memory / GIB:.0f} GiB; what the run takes is told when its model is here")
    detail = f"{needs[most] / GIB:.0f} GiB of {memory / GIB:.0f} at its peak, in {most}; estimated"
    remedy = "a host with more, or fewer GPUs a node: every GPU's process loads the model there"
    enough = needs[most] <= memory
    return Check("host memory", enough, detail, remedy, is_certain=enough)


def _host_memory() -> float:
    """Bytes of the host, or of the container where it has a limit."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in map(Path, _LIMITS):
        said = file.read_text().strip() if file.is_file() else ""
        sizes += [int(said)] if said.isdigit() else []
    return min(sizes)
