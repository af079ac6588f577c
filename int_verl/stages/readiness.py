"""Would this run work here: its model, its problems, and what its plan needs of disk, memory and GPUs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from int_verl.doctor import Check
from int_verl.errors import UserError
from int_verl.files import read_json
from int_verl.generate.model import LocalModel
from int_verl.run.run import Run
from int_verl.run.stage import Stage
from int_verl.settings.engine import ProposerSettings
from int_verl.stages.budget import Budget, StageBudget, budget_of, gpu_memories
from int_verl.stages.footprint import GIB, servers_need

HUB_SECONDS = 20
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
    yield from _lengths(run)
    budget = budget_of(run, [stage.name for stage in stages])
    yield _disk(run.folder.path, budget)
    if run.platform == "gpu":
        yield from _gpus(run, budget)
    yield _host(budget)


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
    from huggingface_hub.errors import HfHubHTTPError

    named = f"{model.key}={model.name}: not on this machine"
    try:
        found = HfApi(library_name="int-verl").model_info(model.name, timeout=HUB_SECONDS, files_metadata=True)
    except (HfHubHTTPError, HTTPError, OSError) as error:
        remedy = f"`hf download {model.name}` where there is a network, and give the folder as {model.key}"
        return Check("model", False, f"{named}, and the hub does not answer for it ({type(error).__name__})", remedy)
    size = sum(file.size or 0 for file in found.siblings or [])
    return Check("model", True, f"{named}; its {size / 1e9:.1f} GB are fetched from the hub when the run begins")


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


def _lengths(run: Run) -> Iterator[Check]:
    """What verl and vLLM refuse only when they start."""
    rl, context = run.settings.rl, run.model.context_length_in_plan
    allowed, longest = replace(run.model, longest=None).context_length_in_plan, rl.max_prompt_length
    longest += rl.max_response_length
    if allowed is not None:
        detail = f"{longest:,} tokens of a prompt and its response; the model allows {allowed:,}"
        remedy = f"rl.max_response_length={max(1, allowed - rl.max_prompt_length)}"
        yield Check("context of RL", longest <= allowed, detail, remedy)
    most = max(stage.sampling.max_tokens for stage in (run.settings.sample, run.settings.guide))
    if context is not None:
        detail = f"{context:,} tokens; a completion may have {most:,} of them"
        yield Check("context", most < context, detail, "raise engine.context_length, or lower sampling.max_tokens")


def _disk(home: Path, budget: Budget) -> Check:
    used = sum(file.lstat().st_size for file in home.rglob("*") if file.is_file()) if home.is_dir() else 0
    place = next(folder for folder in (home.absolute(), *home.absolute().parents) if folder.is_dir())
    free, needed = shutil.disk_usage(place).free, max(budget.disk - used, 0)
    detail = f"{free / 1e9:,.0f} GB free at {place}; the run takes {needed / 1e9:,.0f} more, estimated"
    if budget.size is None:
        detail = f"{free / 1e9:,.0f} GB free at {place}; what the run takes is told when its model is here"
    remedy = "run.dir on a larger disk, or sft.keep_optimizer=false; `int-verl run --dry-run` says what takes how much"
    return Check("disk for the run", needed <= free, detail, remedy)


def _gpus(run: Run, budget: Budget) -> Iterator[Check]:
    here, settings = len(gpu_memories()), run.settings
    asked = {"sft.gpus_per_node": settings.sft.gpus_per_node, "rl.gpus_per_node": settings.rl.gpus_per_node}
    engine = settings.engine
    if engine.name == "verl":
        asked["engine.gpus_per_node"] = engine.gpus_per_node
    wrong = [key for key, number in asked.items() if number > here]
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
        yield Check("GPU memory of servers", need <= share, detail, remedy)
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
    )


def _host(budget: Budget) -> Check:
    memory = _host_memory()
    needs = {stage.name: stage.footprint.host for stage in budget.stages if stage.footprint}
    most = max(needs, key=lambda name: needs[name], default=None)
    if most is None:
        return Check("host memory", True, f"{memory / GIB:.0f} GiB; what the run takes is told when its model is here")
    detail = f"{needs[most] / GIB:.0f} GiB of {memory / GIB:.0f} at its peak, in {most}; estimated"
    remedy = "a host with more, or fewer GPUs a node: every GPU's process loads the model there"
    return Check("host memory", needs[most] <= memory, detail, remedy)


def _host_memory() -> float:
    """Bytes of the host, or of the container where it has a limit."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in map(Path, _LIMITS):
        said = file.read_text().strip() if file.is_file() else ""
        sizes += [int(said)] if said.isdigit() else []
    return min(sizes)
