"""The rounds after the first, with a scripted model, as far as the generator: from which model, and when they end."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console

from int_verl.commands.rounds import planned_rounds, run_rounds
from int_verl.run.run import Run
from int_verl.settings.compose import compose, load_yaml
from int_verl.stages.assemble import schedule_of
from tests.quickstart_files import QUICKSTART, scripted_run, write_problem_sets

CONFIG = QUICKSTART / "quickstart.yaml"


def test_a_round_that_keeps_nothing_is_the_last(tmp_path: Path) -> None:
    write_problem_sets(tmp_path, train=8, heldout=3)
    # No intervention is short enough, so there is nothing to train on.
    overrides = (*scripted_run(tmp_path), "rounds=3", "propose.max_content_tokens=1")
    said = io.StringIO()
    first = Run(compose(CONFIG, overrides), Console(file=said, width=300))
    schedule_of(first, "guide").execute()
    trained = shutil.copytree(QUICKSTART / "model", first.folder / "rl" / "model")

    run_rounds(first, CONFIG, overrides, force=False)
    second = first.folder.path / "round-2"
    settings = load_yaml(second / "config.yaml")
    assert settings.model.path == str(trained)
    assert settings.propose.only_unsolved is True
    attempts = pq.read_table(second / "sample/attempts.parquet").to_pylist()
    solved = {row["problem_id"] for row in attempts if row["correct"]}
    proposals = pq.read_table(second / "propose/proposals.parquet").to_pylist()
    assert proposals
    assert not solved & {row["problem_id"] for row in proposals}
    assert json.loads((second / "guide" / "manifest.json").read_text())["status"] == "done"
    assert "round 2 keeps no intervention, so there is nothing to train on: the rounds end here" in said.getvalue()
    assert not (first.folder.path / "round-3").exists()
    tables = json.loads((first.folder.path / "report.json").read_text())["tables"]
    assert [row[0] for row in tables["rounds"]["rows"]] == ["1", "2"]

    # The same command again: what is done is passed over.
    said.truncate(0)
    run_rounds(first, CONFIG, overrides, force=False)
    assert "✓ sample: done" in said.getvalue()
    assert "▸ sample" not in said.getvalue()
    assert "round 2 to 3: the same schedule in" in planned_rounds(first)
