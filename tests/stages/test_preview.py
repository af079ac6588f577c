"""What --dry-run says of the generator: the paper's scale, what a folder's rows change, the first prompts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from int_verl.cli import main
from int_verl.records import read_rows
from int_verl.settings.generation import EstimateSettings, GuideSettings, ProposeSettings, SampleSettings
from int_verl.settings.sampling import Sampling
from int_verl.stages.estimate import Known, Line, Rates, assumptions, estimate, estimate_table, known_from
from int_verl.steps import split_steps
from tests.quickstart_files import QUICKSTART, scripted_run, write_problem_sets

SAMPLING = Sampling(16_384)
SAMPLE = SampleSettings(4, SAMPLING)
ONE_PROPOSAL = ProposeSettings(1, SAMPLING)
GUIDE = GuideSettings(32, SAMPLING)
# The paper drops incorrect attempts at problems without a reference solution; this many problems have one.
PAPER_PROBLEMS = round(5_583 * 16_190 / 21_295)


def by_name(lines: list[Line]) -> dict[str, Line]:
    return {line.what: line for line in lines}


def test_the_papers_scale() -> None:
    lines = by_name(estimate(PAPER_PROBLEMS, "guide", SAMPLE, ONE_PROPOSAL, GUIDE, Known()))
    assert lines["proposals"].requests == pytest.approx(16_190, rel=1e-3)
    guided = lines["guided rollouts"]
    assert guided.requests == pytest.approx(472_320, rel=1e-3)
    assert guided.tokens == pytest.approx(3.3e9, rel=5e-3)
    assert guided.most_requests == PAPER_PROBLEMS * 4 * 32
    assert guided.most_tokens == guided.most_requests * 16_384
    assert 0.999 < lines["guided solutions"].requests / PAPER_PROBLEMS <= 1


def test_the_first_proposal_alone_is_guided_at_the_papers_cost() -> None:
    first = replace(ONE_PROPOSAL, proposals=4, use="first")
    lines = by_name(estimate(PAPER_PROBLEMS, "guide", SAMPLE, first, GUIDE, Known()))
    assert lines["proposals"].requests == pytest.approx(4 * 16_190, rel=1e-3)
    assert lines["guided rollouts"].requests == pytest.approx(472_320, rel=1e-3)
    assert lines["guided rollouts"].most_requests == PAPER_PROBLEMS * 4 * 32
    measured = Known(Rates(incorrect=1.0, proposed=0.5), measured={"proposed": 100})
    lines = by_name(estimate(10, "guide", SAMPLE, replace(first, proposals=2), GUIDE, measured))
    assert lines["guided rollouts"].requests == pytest.approx(10 * 4 * 0.75 * 32)


def test_hours() -> None:
    lines = [Line("guide", "guided rollouts", "guided", 1000, 2000, 7_200, 16_384)]
    table = estimate_table(lines, EstimateSettings(tokens_per_second=1_000.0, completion_tokens=None), gpus=2)
    assert list(table.columns[6].cells) == ["2.0", "2.0"]
    assert list(table.columns[7].cells) == ["9.1", "9.1"]
    assert table.caption == "1.0 hours on 2 GPUs at 1,000 tokens/s each"
    without = estimate_table(lines, EstimateSettings(None, None), gpus=2)
    assert len(without.columns) == 6


def test_stages_that_are_not_wanted_and_turns_that_are_not_taken_cost_nothing() -> None:
    assert list(by_name(estimate(10, "sample", SAMPLE, ONE_PROPOSAL, GUIDE, Known()))) == ["attempts"]
    one_turn = replace(ONE_PROPOSAL, two_turns=False)
    assert list(by_name(estimate(10, "propose", SAMPLE, one_turn, GUIDE, Known()))) == ["attempts", "proposals"]
    controls = replace(GUIDE, controls=("wrong_step", "prefix"), control_share=0.5)
    lines = by_name(estimate(10, "guide", SAMPLE, ONE_PROPOSAL, controls, Known()))
    assert lines["controls"].requests == lines["guided rollouts"].requests
    of_problems = replace(controls, controls=("problem", "hint"))
    lines = by_name(estimate(10, "guide", SAMPLE, ONE_PROPOSAL, of_problems, Known()))
    assert lines["controls"].requests == pytest.approx(lines["guided solutions"].requests * GUIDE.rollouts)
    assert lines["controls"].most_requests == 10 * GUIDE.rollouts


def test_waves_save_what_comes_after_the_first_success() -> None:
    rates = Rates(incorrect=1.0, proposed=1.0, correct=0.1, successful=0.2)  # a fifth succeeds every other time
    waves = replace(GUIDE, rollouts=4, waves=(1, 1), stop_at_first_success=True)
    lines = by_name(estimate(100, "guide", replace(SAMPLE, attempts=1), ONE_PROPOSAL, waves, Known(rates)))
    assert lines["guided rollouts"].requests == pytest.approx(100 * (1 + 0.9 + 2 * (0.8 + 0.2 / 4)))
    assert lines["guided rollouts"].most_requests == 400
    all_drawn = replace(waves, stop_at_first_success=False)
    lines = by_name(estimate(100, "guide", replace(SAMPLE, attempts=1), ONE_PROPOSAL, all_drawn, Known(rates)))
    assert lines["guided rollouts"].requests == 400


def test_the_mixture_agrees_with_both_of_the_papers_shares() -> None:
    rates = Rates()
    assert 1 - rates.still_without_success(32) == pytest.approx(rates.successful, rel=1e-3)
    assert 1 - rates.still_without_success(1) == pytest.approx(rates.correct)
    assert Rates(successful=0.0, correct=0.0).still_without_success(8) == 1


def test_lengths_come_from_the_setting_or_the_rows_or_the_paper() -> None:
    known = Known(tokens={"attempts": 1_000.5}, measured={"incorrect": 80})
    lines = estimate(10, "guide", SAMPLE, ONE_PROPOSAL, GUIDE, known)
    assert [line.mean_tokens for line in lines] == [1_000.5, 7_000, 7_000, 7_000]
    (expected, tokens, _) = assumptions(lines, known, EstimateSettings(None, None))
    assert "the mean of the rows in this folder for attempts" in tokens
    assert "the paper's mean of 7,000 for guided solutions, proposals" in tokens
    assert "95.4% of the attempts incorrect and verified (of 80 in this folder)" in expected
    assert "91.2% of the proposals accepted (the paper)" in expected
    only_sample = estimate(10, "sample", SAMPLE, ONE_PROPOSAL, GUIDE, known)
    assert len(assumptions(only_sample, known, EstimateSettings(None, None))) == 2  # no rate is of any use
    lines = estimate(10, "propose", SAMPLE, ONE_PROPOSAL, GUIDE, known, completion_tokens=50)
    assert {line.mean_tokens for line in lines} == {50}
    short = replace(SAMPLE, sampling=Sampling(64))
    assert estimate(10, "sample", short, ONE_PROPOSAL, GUIDE, Known())[0].mean_tokens == 64


# A folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("estimate")
    write_problem_sets(folder, train=10, heldout=2)
    return [
        *("--config", str(QUICKSTART / "quickstart.yaml")),
        *scripted_run(folder),
        *("rl.prompts_per_step=8", "rl.mini_batch=8"),
    ]


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    assert not done.value.code
    return capsys.readouterr().out


@pytest.fixture
def finished(capsys: pytest.CaptureFixture[str], settings: list[str]) -> Path:
    call(capsys, "guide", *settings)
    return Path(next(value for value in settings if value.startswith("run.dir=")).partition("=")[2])


def test_before_a_run_the_prompts_are_shown_with_a_placeholder(
    capsys: pytest.CaptureFixture[str], settings: list[str]
) -> None:
    elsewhere = [*settings, "run.dir=/tmp/int_verl_no_such_run"]
    printed = call(capsys, "guide", "--dry-run", *elsewhere, "propose.two_turns=true")
    assert "Think step by step" in printed
    assert "### Reference solution" in printed
    assert "**Substep 1:** [the first step of an attempt]" in printed
    assert "a placeholder for the attempt" in printed
    assert "the paper's mean of 7,000" in printed
    assert "estimate.tokens_per_second=" in printed
    assert not Path("/tmp/int_verl_no_such_run").exists()
    printed = call(capsys, "sample", "--dry-run", *elsewhere, "estimate.tokens_per_second=1000")
    assert "GPU hours" in printed
    assert "Substep" not in printed


def test_after_a_run_the_rows_of_its_folder_count(
    capsys: pytest.CaptureFixture[str], settings: list[str], finished: Path
) -> None:
    known = known_from(finished)
    attempts = list(read_rows(finished / "sample/attempts.parquet"))
    asked = [row for row in attempts if not row["skipped"]]
    assert known.rates.incorrect == len(asked) / len(attempts)
    assert known.tokens["attempts"] == sum(row["completion_tokens"] for row in attempts) / len(attempts)
    interventions = list(read_rows(finished / "guide/interventions.parquet"))
    successful = sum(row["guided_correct"] > 0 for row in interventions)
    assert known.rates.successful == pytest.approx(successful / len(interventions))
    drawn = sum(row["guided"] for row in interventions)
    assert known.rates.correct == sum(row["guided_correct"] for row in interventions) / drawn
    assert known.measured == {
        "incorrect": len(attempts),
        "proposed": len(list(read_rows(finished / "propose/proposals.parquet", ["status"]))),
        "correct": drawn,
    }
    printed = call(capsys, "guide", "--dry-run", *settings, "problems.train_limit=9")
    assert "with a recorded attempt" in printed
    for number, step in enumerate(split_steps(asked[0]["text"]), 1):
        assert f"**Substep {number}:** {step}" in printed
    assert f"(of {len(attempts)} in this folder)" in printed
    assert "the paper" not in printed


def test_a_dry_run_imports_no_trainer_and_no_engine(settings: list[str]) -> None:
    code = f"""
import sys
from int_verl.cli import main
try:
    main({["run", "--dry-run", *settings]!r})
except SystemExit as done:
    assert not done.code
print("heavy:", *[name for name in ("vllm", "verl", "ray", "datasets") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy:"
