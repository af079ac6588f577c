"""Whether SFT's model still ends its answers: with a model that was trained not to, and with the base in its place."""

from __future__ import annotations

import io
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from domain import draw_problem, own_solution, solve_prompt

from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.files import write_text
from int_verl.generate.chat import ChatCodec
from int_verl.generate.journal import Journal
from int_verl.generate.sampler import Sampler
from int_verl.interruption import run_until_interrupted
from int_verl.progress import StageProgress
from int_verl.records import read_rows
from int_verl.report import write_report
from int_verl.run.run import Run
from int_verl.run.schedule import Schedule
from int_verl.settings.compose import compose
from int_verl.stages.assemble import Stages, schedule_of
from tests.quickstart_files import QUICKSTART, scripted_run, write_problem_sets
from tests.transformers_engine import TransformersPolicy

HELDOUT, SAMPLES = 4, 2


@pytest.fixture(scope="module")
def endless(model_folder: Path, codec: ChatCodec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's model, trained for some steps to begin a next step where an answer has its end."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("endless") / "model"
    shutil.copytree(model_folder, folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    rng = random.Random(0)
    for _ in range(60):
        problem = draw_problem(rng)
        answer = codec.encode(own_solution(problem, problem.values))
        tokens = [*codec.prompt_ids(solve_prompt(problem)), *answer, *codec.encode("\n\n"), *answer]
        model(torch.tensor([tokens]), labels=torch.tensor([tokens])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_problem_sets(tmp_path, train=6, heldout=8)
    TransformersPolicy.opened.clear()
    return tmp_path


def open_run(folder: Path, *overrides: str) -> Run:
    settings = [
        *scripted_run(folder),
        f"sft.ending_problems={HELDOUT}",
        f"sft.ending_samples={SAMPLES}",
    ]
    console = SafeConsole(file=io.StringIO(), width=200)
    return Run(compose(QUICKSTART / "quickstart.yaml", [*settings, *overrides]), console)


def look(folder: Path, trained: Path, *overrides: str) -> Run:
    """The stage alone, after an SFT that left this model, with real draws."""
    run = open_run(folder, *overrides)
    write_text(run.folder / "sft/model.txt", f"{trained}\n")
    stage, model, engine = Stages(run).ending, run.model, run.policy.settings
    stage = replace(stage, base=TransformersPolicy(model, engine, (1, 1), "cpu"))
    Schedule(run.folder, run.config, run.console, (stage,)).execute()
    return run


def said(run: Run) -> str:
    return " ".join(run.console.file.getvalue().split())  # type: ignore[attr-defined]


def drawn() -> list[int]:
    return [engine.drawn for engine in TransformersPolicy.opened]


@pytest.mark.verl
def test_a_model_that_does_not_end_its_answers_stops_the_run_until_the_limit_is_raised(
    folder: Path, endless: Path
) -> None:
    stopped = r"of the answers .* do not end after SFT.*sft\.max_truncation_rise=0\.1.*sft\.epochs.*sft\.suffix=true"
    with pytest.raises(UserError, match=stopped) as found:
        look(folder, endless)
    assert "\n" not in str(found.value)
    assert drawn() == [HELDOUT * SAMPLES] * 2
    manifest = open_run(folder).folder.manifest("ending")
    assert manifest is not None
    assert manifest.status != "done"
    report = write_report(folder / "run").read_text()
    assert "RL is not started from this model" in report

    run = look(folder, endless, "sft.max_truncation_rise=1")
    assert drawn()[2:] == [0, 0]
    manifest = run.folder.manifest("ending")
    assert manifest is not None
    assert manifest.status == "done"
    counts = manifest.counts
    assert counts["answers"] == 2 * HELDOUT * SAMPLES
    assert counts["truncated_after"] > counts["truncated_before"] + 0.5
    assert counts["truncation_rise"] == pytest.approx(counts["truncated_after"] - counts["truncated_before"])
    assert counts["end_probability_before"] > 0.9
    assert counts["end_probability_after"] < 0.2
    assert "Does the model still end its answers?" in said(run)

    rows = list(read_rows(run.folder / "ending/answers.parquet"))
    assert {row["model"] for row in rows} == {run.model.label, "sft/model.txt"}
    for row in rows:
        asked = row["when"] == "before" and row["correct"] and row["finish_reason"] == "stop"
        assert (row["end_before"] is None) is (row["end_after"] is None)
        assert asked or row["end_before"] is None
    assert "✓ ending: done" in said(look(folder, endless, "sft.max_truncation_rise=1"))


@pytest.mark.verl
def test_the_base_in_the_place_of_sfts_model_goes_on(folder: Path, model_folder: Path) -> None:
    counts = look(folder, model_folder).folder.manifest("ending").counts  # type: ignore[union-attr]
    assert drawn() == [HELDOUT * SAMPLES, 0], "equal models, equal draws"
    assert counts["truncation_rise"] == 0
    assert counts["end_probability_before"] == counts["end_probability_after"]


def test_servers_by_url_are_asked_for_the_base_alone(folder: Path) -> None:
    run = open_run(folder, "engine.name=openai", "engine.base_urls=[http://127.0.0.1:9/v1]", "rl.gpus_per_node=2")
    write_text(run.folder / "sft/model.txt", f"{run.model.folder}\n")
    policies = Stages(run).ending._policies()
    assert policies["before"].settings.name == "openai"
    assert (policies["after"].settings.name, policies["after"].settings.gpus_per_node) == ("verl", 2)


@pytest.mark.verl
def test_a_model_that_cannot_be_loaded_here_costs_the_probability_alone(folder: Path, model_folder: Path) -> None:
    """vLLM has models that transformers has not, and a GPU may be too small for one beside nothing else."""
    broken = folder / "broken"
    shutil.copytree(model_folder, broken)
    run = open_run(folder)
    stage = replace(Stages(run).ending, base=TransformersPolicy(run.model, run.policy.settings, (1, 1), "cpu"))
    write_text(run.folder / "sft/model.txt", f"{broken}\n")
    with StageProgress(run.console, "ending") as progress:
        rows = run_until_interrupted(stage._draw(progress))
        (broken / "model.safetensors").unlink()
        stage._add_end_probabilities(rows, progress)
    assert "the probability of the end token is not known: OSError" in said(run)
    assert {row["end_before"] for row in rows} == {None}


def test_when_it_is_looked_at(folder: Path) -> None:
    def names(target: str | None, *overrides: str) -> list[str]:
        return [stage.name for stage in schedule_of(open_run(folder, *overrides), target).stages]

    assert names("rl") == ["sample", "propose", "guide", "sft", "ending", "rl"]
    assert "ending" in names(None)
    assert "ending" in names("eval")
    for target in ("guide", "sft", "rl_baseline", "report"):
        assert "ending" not in names(target)
    assert names("ending") == ["sample", "propose", "guide", "sft", "ending"]
    assert "ending" not in names(None, "sft.ending_problems=0")
    with pytest.raises(UserError, match=r"sft\.ending_problems=0"):
        names("ending", "sft.ending_problems=0")


def test_the_generator_draws_the_bases_answers_while_its_engine_is_there(folder: Path) -> None:
    """And the evaluation of the base asks for the same ones again."""
    run = open_run(folder, "baseline.rl=false", "eval.samples=3")
    schedule = schedule_of(run, "ending")
    Schedule(run.folder, run.config, run.console, schedule.stages[:3]).execute()
    stages = Stages(run)
    evaluation = stages.eval

    async def ask() -> tuple[int, int, int]:
        """How many answers there are, how many of them are drawn anew, and how many the evaluation draws."""
        with Journal(run.folder.journal) as journal, run.grader() as grader:
            engine = run.policy.open(journal, print)
            async with engine:
                answers = await stages.heldout_answers.draw(Sampler(engine, run.model))
            before = len(journal)
            with StageProgress(run.console, "eval") as progress:
                await evaluation.draw(evaluation._models()[0], journal, grader, progress)
            return len(answers), engine.drawn, len(journal) - before

    problems = sum(1 for of_set in evaluation.problem_sets().values() for _ in of_set)
    assert run_until_interrupted(ask()) == (HELDOUT * SAMPLES, 0, 3 * problems - HELDOUT * SAMPLES)
