"""`int-verl analyse` on a real run with a scripted model, whose verifier finds every first error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from int_verl.cli import main
from int_verl.report import write_report
from tests.quickstart_files import QUICKSTART

TRUTH = f"{QUICKSTART / 'domain.py'}:first_error"


@pytest.fixture(scope="module")
def run(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(generated, tmp_path_factory.mktemp("analysed") / "run")


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as done:
        main([*map(str, words)])
    said = capsys.readouterr()
    return int(done.value.code or 0), said.out + said.err


def rows(run: Path, table: str) -> list[dict[str, Any]]:
    return pq.read_table(run / table).to_pylist()


def test_interventions(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = call(capsys, "analyse", "interventions", run, "--first-errors", TRUTH)
    assert not code, said
    found = json.loads((run / "analysis/interventions.json").read_text())
    largest = max(found["yield"]["points"], key=lambda point: (point["proposals"], point["rollouts"]))
    kept = [row for row in rows(run, "guide/interventions.parquet") if row["kept"]]
    assert largest["kept"] == pytest.approx(len(kept))
    unsolved = {row["problem_id"] for row in rows(run, "sample/attempts.parquet")}
    unsolved -= {row["problem_id"] for row in rows(run, "sample/attempts.parquet") if row["correct"]}
    assert largest["newly_solved"] == pytest.approx(len({row["problem_id"] for row in kept} & unsolved))
    with_truth = found["localisation"]["agreement"][-1]
    assert with_truth["between"] == "they and the true first error"
    assert with_truth["same"]["value"] == 1
    text = (run / "analysis/interventions.md").read_text()
    for title in ("Continuing an incorrect attempt", "Lengths and first errors", "Yield over proposals an attempt"):
        assert title in said
        assert f"## {title}" in text


def test_another_run_is_another_proposer(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = shutil.copytree(run, tmp_path / "other")
    code, said = call(capsys, "analyse", "interventions", run, "--proposer", f"30B={other}")
    assert not code, said
    found = json.loads((run / "analysis/interventions.json").read_text())
    last, own = found["table1"]["conditions"][::-1][:2]
    assert last["condition"] == "intervention by 30B"
    assert last["accuracy"] == own["accuracy"]
    assert "they and 30B" in said
    page = write_report(run).read_text()
    assert "intervention by 30B" in page
    (run / "guide/manifest.json").write_text("{}")  # made anew since
    assert "intervention by 30B" not in write_report(run).read_text()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"problem_id": "train-0000", "attempt": 0}', "row 1 has no first_error"),
        ('{"problem_id": "train-0000", "attempt": 0, "first_error": "two"}', "are whole numbers"),
        ('{"problem_id": "train-0000", "attempt": 0, "first_error": 99}', "99 is no step of attempt 0"),
        ('{"problem_id": "nobody", "attempt": 0, "first_error": 1}', "names no first error in an attempt"),
    ],
)
def test_first_errors_that_cannot_be(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, complaint: str
) -> None:
    (tmp_path / "truth.jsonl").write_text(content + "\n")
    code, said = call(capsys, "analyse", "interventions", run, "--first-errors", tmp_path / "truth.jsonl")
    assert code == 2
    assert complaint in said


def test_first_errors_from_a_file(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        {"problem_id": row["problem_id"], "attempt": row["attempt"], "first_error": None if row["correct"] else 1}
        for row in rows(run, "sample/attempts.parquet")
    ]
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert call(capsys, "analyse", "interventions", run, "--first-errors", tmp_path / "truth.jsonl")[0] == 0
    found = json.loads((run / "analysis/interventions.json").read_text())["localisation"]
    proposals = [row for row in rows(run, "propose/proposals.parquet") if row["location"] is not None]
    first = sum(row["location"] == 1 for row in proposals) / len(proposals)
    assert found["agreement"][-1]["same"]["value"] == pytest.approx(first)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nowhere",), "nowhere: no such run folder"),
        (("RUN", "--proposer", "30B"), "--proposer 30B: write NAME=VALUE"),
        (("RUN", "--first-errors", "no.py:f"), "--first-errors=no.py:f: no such file"),
        (("RUN", "--first-errors", f"{QUICKSTART / 'domain.py'}:nothing"), "has no function 'nothing'"),
    ],
)
def test_mistakes(run: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str) -> None:
    code, said = call(capsys, "analyse", "interventions", *(run if word == "RUN" else word for word in words))
    assert code == 2
    assert complaint in said
