"""The evaluation of trained models: through engine and journal, where the trainer has not drawn as many samples."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from int_verl.console import SafeConsole
from int_verl.errors import EngineError, UserError
from int_verl.generate.journal import Journal
from int_verl.progress import StageProgress
from int_verl.records import read_rows
from int_verl.run.run import Run
from int_verl.run_files import SCORES, validation_dump
from int_verl.settings.compose import compose
from int_verl.stages.assemble import Stages
from int_verl.stages.evaluate import EvaluationStage
from tests.quickstart_files import QUICKSTART, SCRIPT

MODELS = ("base", "InT SFT", "InT SFT + RL")
SAMPLES = 3

FAILS_AFTER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from mod23_script import script as answer
from int_verl.errors import EngineError

def script(request):
    with Path(__file__).with_suffix(".drawn").open("a") as drawn:
        if drawn.tell() >= {limit}:
            raise EngineError("the node is gone")
        drawn.write(".")
    return answer(request)
"""


@pytest.fixture
def trained(generated: Path, tmp_path: Path) -> Path:
    """A run whose SFT and RL left the base with other weights."""
    run = tmp_path / "run"
    shutil.copytree(generated, run)
    last = "sft/checkpoints/global_step_4/huggingface"
    for number, folder in enumerate((run / last, run / "rl/model"), 1):
        shutil.copytree(QUICKSTART / "model", folder)
        weights = load_file(folder / "model.safetensors")
        save_file({name: tensor + number for name, tensor in weights.items()}, folder / "model.safetensors")
    (run / "sft/model.txt").write_text(str(run / last))
    return run


def evaluation(run: Path, problem_sets: Path, *overrides: str, script: str = f"{SCRIPT}:script") -> EvaluationStage:
    sets = [f"problems.{split}={problem_sets / f'{split}.jsonl'}" for split in ("train", "heldout")]
    settings = ["baseline.rl=false", f"eval.samples={SAMPLES}", "rl.val_samples=2", "engine.name=scripted"]
    settings = [*sets, f"run.dir={run}", *settings, f"engine.script={script}", *overrides]
    console = SafeConsole(quiet=True)
    return Stages(Run(compose(QUICKSTART / "quickstart.yaml", settings), console)).eval


def execute(stage: EvaluationStage) -> list[dict[str, Any]]:
    with StageProgress(SafeConsole(quiet=True), "eval") as progress:
        stage.execute(progress)
    return list(read_rows(stage.folder / SCORES))


def script_that_fails(folder: Path, limit: int) -> str:
    file = folder / f"fails_after_{limit}.py"
    file.write_text(FAILS_AFTER.format(limit=limit, tests=str(SCRIPT.parent)))
    return f"{file}:script"


def journaled(run: Path) -> int:
    with Journal(run / "journal.sqlite") as journal:
        return len(journal)


def test_every_model_is_drawn_through_the_journal_and_a_killed_evaluation_goes_on(
    trained: Path, problem_sets: Path, tmp_path: Path
) -> None:
    before = journaled(trained)
    sets = evaluation(trained, problem_sets).problem_sets()
    problems = {name: sum(1 for _ in of_set) for name, of_set in sets.items()}
    assert problems["heldout"] == 8
    assert problems["hard"]
    each = sum(problems.values()) * SAMPLES
    limit = each + 5  # in the second model
    with pytest.raises(EngineError, match="the node is gone"):
        execute(evaluation(trained, problem_sets, script=script_that_fails(tmp_path, limit)))
    assert journaled(trained) == before + limit
    rest = 3 * each - limit
    rows = execute(evaluation(trained, problem_sets, script=script_that_fails(tmp_path, rest)))
    assert journaled(trained) == before + 3 * each, "no sample is drawn twice"
    assert Counter(row["model"] for row in rows) == dict.fromkeys(MODELS, sum(problems.values()))
    assert {row["samples"] for row in rows} == {SAMPLES}
    assert execute(evaluation(trained, problem_sets, script=script_that_fails(tmp_path, 0))) == rows


def write_dump(stage: EvaluationStage, step: int, samples: int, leave_out: int = 0) -> None:
    """A validation in which every sample is right, as verl's trainer writes it."""
    codec, file = stage.policy.model.codec, stage.folder / validation_dump("rl", step)
    problems = [problem for of_set in stage.problem_sets().values() for problem in of_set]
    file.parent.mkdir(exist_ok=True)
    with file.open("w") as lines:
        for problem in problems[leave_out:]:
            prompt_ids = codec.prompt_ids(stage.prompts.solve(problem.problem))
            prompt = codec.tokenizer.decode(prompt_ids, skip_special_tokens=True)
            sample = {"input": prompt, "output": "", "gts": problem.answer, "score": 1.0, "acc": 1.0, "step": step}
            lines.write((json.dumps(sample) + "\n") * samples)


def rates(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Model -> share of right samples."""
    return {
        model: sum(row["correct"] for row in rows if row["model"] == model)
        / sum(row["samples"] for row in rows if row["model"] == model)
        for model in MODELS
    }


def test_what_the_trainer_drew_counts_where_it_is_just_as_much(trained: Path, problem_sets: Path) -> None:
    stage = evaluation(trained, problem_sets, f"rl.val_samples={SAMPLES}")
    write_dump(stage, 0, SAMPLES)
    write_dump(stage, stage.rl.total_steps, SAMPLES)
    found = rates(execute(stage))
    assert 0 < found["base"] < 1
    assert found["InT SFT"] == found["InT SFT + RL"] == 1
    write_dump(stage, 0, SAMPLES - 1)  # another rl.val_samples then
    write_dump(stage, stage.rl.total_steps, SAMPLES, leave_out=1)  # cut off
    found = rates(execute(stage))
    assert all(0 < share < 1 for share in found.values())
    write_dump(stage, stage.rl.total_steps, SAMPLES)
    best = evaluation(trained, problem_sets, f"rl.val_samples={SAMPLES}", "rl.export=best", "rl.test_freq=10")
    assert rates(execute(best))["InT SFT + RL"] < 1, "the model of another step"


def test_lost_samples_do_not_count(trained: Path, problem_sets: Path, tmp_path: Path) -> None:
    script = tmp_path / "loses.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(SCRIPT.parent)!r})\n"
        "from mod23_script import script as answer\nfrom int_verl.errors import RefusedRequestError\n"
        "def script(request):\n    if request.seed % 10 == 0:\n        raise RefusedRequestError('no')\n"
        "    return answer(request)\n"
    )
    rows = execute(evaluation(trained, problem_sets, "engine.lost_share=0.5", script=f"{script}:script"))
    assert {row["samples"] for row in rows} >= {SAMPLES, SAMPLES - 1}
    with pytest.raises(UserError, match="no"):
        execute(evaluation(trained, problem_sets, "engine.lost_share=0", "run.seed=9", script=f"{script}:script"))


def test_servers_by_url_have_the_base_alone(trained: Path, problem_sets: Path) -> None:
    urls = ("engine.name=openai", "engine.base_urls=[http://127.0.0.1:9/v1]", "rl.gpus_per_node=2")
    stage = evaluation(trained, problem_sets, *urls)
    engines = [stage._policy_of(model).settings for model in stage._models()]
    assert [(engine.name, engine.gpus_per_node) for engine in engines] == [("openai", 1), ("verl", 2), ("verl", 2)]


def test_other_weights_are_evaluated_anew(trained: Path, problem_sets: Path) -> None:
    stage = evaluation(trained, problem_sets)
    inputs = stage.inputs()
    assert inputs.keys() >= {*MODELS}
    assert len({inputs[model] for model in MODELS}) == 3
    shutil.rmtree(trained / "rl/model")
    assert stage.inputs()["InT SFT + RL"] == "missing"
    with pytest.raises(UserError, match=r"InT SFT \+ RL: its training is not done"):
        execute(stage)
