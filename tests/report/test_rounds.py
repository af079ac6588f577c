"""The rounds of a run, side by side."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq

from int_verl import records
from int_verl.report import write_report
from int_verl.report.rounds import rounds_cells
from int_verl.report.run_reader import RunReader
from tests.report.pages import read
from tests.report.run_folders import write


def score(run: Path, rates: dict[str, int]) -> None:
    rows = [
        {"model": model, "problem_set": "heldout", "problem_id": "p", "samples": 10, "correct": correct, "truncated": 0}
        for model, correct in rates.items()
    ]
    write(run / "eval/scores.parquet", records.SCORE, rows)


def test_each_rounds_funnel_and_gain(run: Path) -> None:
    assert rounds_cells(RunReader(run)) is None
    second = shutil.copytree(run, run.parent / "second")
    second.rename(run / "round-2")
    score(run, {"base": 2, "InT SFT": 3, "InT SFT + RL": 5})
    score(run / "round-2", {"base": 5, "InT SFT": 6})
    (run / "round-3").mkdir()  # not begun
    cells = rounds_cells(RunReader(run))
    assert cells is not None
    first, later = ([*row] for row in cells.rows)
    attempts = pq.read_table(run / "sample/attempts.parquet").to_pylist()
    ids = {row["problem_id"] for row in attempts}
    unsolved = ids - {row["problem_id"] for row in attempts if row["correct"]}
    kept = sum(row["kept"] for row in pq.read_table(run / "guide/interventions.parquet").to_pylist())
    assert first[:4] == ["1", str(len(ids)), str(len(unsolved)), str(len(attempts))]
    assert first[6:] == [str(kept), "20.0 %", "30.0 %", "50.0 %", "+30.0 points"]
    assert later[7:] == ["50.0 %", "60.0 %", "-", "-"]
    assert "Rounds" in read(run).text
    write_report(run)
    assert json.loads((run / "report.json").read_text())["tables"]["rounds"]["rows"] == cells.rows
