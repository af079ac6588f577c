"""Other seeds of a run, from the folders beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from int_verl import records
from int_verl.report.run_reader import RunReader
from int_verl.report.seeds import other_seeds, seed_cells
from tests.report.pages import read
from tests.report.run_folders import write

CONFIG = """
run: {{name: {name}, seed: {seed}}}
problems: {{train: runs/{name}/problem_sets/train.jsonl}}
sft: {{epochs: 4}}
"""


def score(run: Path, rates: dict[str, int]) -> None:
    rows = [
        {"model": model, "problem_set": "heldout", "problem_id": "p", "samples": 10, "correct": correct, "truncated": 0}
        for model, correct in rates.items()
    ]
    write(run / "eval/scores.parquet", records.SCORE, rows)


@pytest.fixture
def three(run: Path) -> list[Path]:
    runs = [run, *(shutil.copytree(run, run.parent / f"quickstart-{seed}") for seed in (1, 2))]
    for seed, (one, ours) in enumerate(zip(runs, (5, 6, 9), strict=True)):
        (one / "config.yaml").write_text(CONFIG.format(name=one.name, seed=seed))
        score(one, {"base + RL": 2, "InT SFT + RL": ours})
    return runs


def test_runs_that_differ_in_their_seed_alone_stand_side_by_side(three: list[Path]) -> None:
    for number, run in enumerate(three):
        seeds = other_seeds(RunReader(run))
        assert next(iter(seeds)) == str(number)
        cells = seed_cells(seeds)
        assert cells
        assert cells.rows[1][:4] == ["InT SFT + RL", "50.0 %", "60.0 %", "90.0 %"]
        assert cells.rows[2][1:] == [
            "+30.0 points",
            "+40.0 points",
            "+70.0 points",
            "46.7 ± 20.8 points",
            "+30.0 to +70.0 points",
        ]
    assert "Seeds side by side" in read(three[0]).text


def test_another_setting_is_another_run(three: list[Path]) -> None:
    config = three[1] / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 4", "epochs: 3"))
    (three[2] / "eval/scores.parquet").unlink()
    seeds = other_seeds(RunReader(three[0]))
    assert list(seeds) == ["0"]
    assert seed_cells(seeds) is None
    assert "Seeds side by side" not in read(three[0]).text


def test_folders_beside_it_may_be_anything(three: list[Path]) -> None:
    (three[1] / "config.yaml").write_bytes(b"\xff\x00")
    (three[2] / "link").symlink_to("/etc/hosts")
    assert list(other_seeds(RunReader(three[0]))) == ["0"]
