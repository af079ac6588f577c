"""The data step of the recipe for Qwen3-4B, on small files with the columns of the published sets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from int_verl.cli import cli
from int_verl.generate.journal import Journal
from int_verl.problems.sets import ProblemSet
from tests.quickstart_files import SCRIPT
from tests.recipes.published_sets import write_published_sets

pytestmark = pytest.mark.slow  # eighteen commands, twelve of which start a grader

ATTEMPTS, OMNI_ATTEMPTS, FIRST = 6, 8, 2


def rows(file: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = pq.read_table(file).to_pylist()
    return found


@pytest.fixture(scope="module")
def prepared(asked: Callable[..., list[list[str]]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of the problem sets and of the samples, after the script's commands have run, by a scripted model."""
    folder = tmp_path_factory.mktemp("published")
    variables = write_published_sets(folder)
    variables |= {"ATTEMPTS": str(ATTEMPTS), "OMNI_ATTEMPTS": str(OMNI_ATTEMPTS), "FIRST": str(FIRST), "TEST": "2"}
    variables |= {"OUT": str(folder / "sets"), "SAMPLES": str(folder / "samples")}
    settings = ["platform=cpu", "engine.name=scripted", f"engine.script={SCRIPT}:script", "engine.context_length=512"]
    settings += ["rl.max_response_length=96", "rl.max_prompt_length=400", "grader.workers=1"]
    for call in asked("int_qwen3_4b/prepare_data.sh", *settings, **variables):
        cli.main(call, standalone_mode=False)
    return folder / "sets", folder / "samples"


def test_a_run_takes_what_is_made(prepared: tuple[Path, Path]) -> None:
    sets, _ = prepared
    train = ProblemSet(str(sets / "hard.parquet"))
    heldout = ProblemSet(str(sets / "heldout.parquet"), need_reference=False)
    test = ProblemSet(str(sets / "test.parquet"))
    assert len(test) == 2
    assert {problem.source for problem in train} <= {"Polaris", "AceReason-Math", "Omni-MATH", "IMO-AnswerBench"}
    assert len({problem.source for problem in train}) > 2
    by_benchmark = Counter(problem.source for problem in heldout)
    assert by_benchmark["HMMT-Nov-2025"] == 3
    assert (by_benchmark["AMO-Bench"], by_benchmark["Apex-Shortlist"]) == (3, 2)
    assert 0 < by_benchmark["IMO-AnswerBench"] < 8
    assert {problem.id for problem in heldout} >= {"AMO-Bench/1", "AMO-Bench/2", "AMO-Bench/3"}
    texts = [problem.problem for of_set in (train, heldout, test) for problem in of_set]
    assert len(texts) == len(set(texts)), "no problem is in two of them, whichever sets publish it"


def test_the_hard_problems_are_those_that_no_attempt_solves(prepared: tuple[Path, Path]) -> None:
    sets, samples = prepared
    for name, attempts in (("polaris", ATTEMPTS), ("acereason_math", ATTEMPTS), ("omni_math", OMNI_ATTEMPTS)):
        everything = {row["id"] for row in rows(sets / f"{name}.parquet")}
        drawn = rows(samples / name / "samples.parquet")
        solved = {row["problem_id"] for row in drawn if row["correct"]}
        hard = {row["id"]: row for row in rows(sets / f"{name}_0_of_{attempts}.parquet")}
        assert 0 < len(hard) < len(everything)
        assert {row["attempts"] for row in hard.values()} == {attempts}
        assert hard.keys().isdisjoint(solved)
        early = {row["id"] for row in rows(sets / f"{name}_0_of_{FIRST}.parquet")}
        assert hard.keys() <= early <= everything
        with Journal(samples / name / "journal.sqlite") as journal:
            assert len(journal) == FIRST * len(everything) + (attempts - FIRST) * len(early), "none is drawn twice"


def test_problems_without_a_reference_solution_are_named(prepared: tuple[Path, Path]) -> None:
    sets, _ = prepared
    found = json.loads((sets / "joined.join.json").read_text())["sets"]
    assert found["Omni-MATH"]["referenced"] == 0, "it has its own"
    assert found["Polaris"]["referenced"] == found["Polaris"]["taken"]
    unknown = {row["problem"] for row in rows(sets / "polaris.parquet")} & {
        row["problem"] for row in rows(sets / f"polaris_0_of_{ATTEMPTS}.parquet")
    } - {json.loads(line)["problem"] for line in (sets.parent / "references.jsonl").open()}
    assert len([drop for drop in found["Polaris"]["dropped"] if drop["kind"] == "no_reference"]) == len(unknown)
