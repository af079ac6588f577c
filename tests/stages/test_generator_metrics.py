"""A run whose overrides name trackers: what they are told of the generator."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from int_verl.run.run import Run
from int_verl.run_files import KEPT
from int_verl.settings.compose import compose
from int_verl.stages.assemble import schedule_of
from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets

pytestmark = pytest.mark.verl


def test_the_trackers_of_the_trainers_are_told_of_the_generator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensorboard = importlib.util.find_spec("tensorboard") is not None
    monkeypatch.setenv("TENSORBOARD_DIR", str(tmp_path / "events"))
    write_problem_sets(tmp_path, 8, 2)
    settings = [
        f"run.dir={tmp_path / 'run'}",
        f"problems.train={tmp_path / 'train.jsonl'}",
        f"problems.heldout={tmp_path / 'heldout.jsonl'}",
        "engine.name=scripted",
        f"engine.script={SCRIPT}:script",
        f"rl.overrides=['trainer.logger=[console,file{',tensorboard' if tensorboard else ''}]']",
    ]
    said = io.StringIO()
    schedule_of(
        Run(compose(QUICKSTART / "quickstart.yaml", settings), Console(file=said, width=200)), "guide"
    ).execute()
    assert "trainer.logger" not in said.getvalue()

    last = json.loads((tmp_path / "run" / "metrics" / "000.jsonl").read_text().splitlines()[-1])
    guide = json.loads((tmp_path / "run" / "guide" / "manifest.json").read_text())["counts"]
    sample = json.loads((tmp_path / "run" / "sample" / "manifest.json").read_text())["counts"]
    metrics = last["data"]
    assert last["step"] == metrics["generator/requests/drawn"] == guide["requests"]["drawn"] > 0
    assert metrics["generator/tokens"] == guide["requests"]["drawn_tokens"] > 0
    assert metrics["generator/problems"] == 8
    assert metrics["generator/requests/in_flight"] == metrics["generator/requests/lost"] == 0
    for outcome, number in sample["outcomes"].items():
        assert metrics.get(f"generator/attempts/{outcome}", 0) == number
    for outcome, number in guide["rollouts"]["intervention"].items():
        assert metrics.get(f"generator/guided/{outcome}", 0) == number
    assert metrics["generator/funnel/attempts"] == sum(sample["outcomes"].values())
    assert metrics["generator/funnel/kept"] == pq.read_metadata(tmp_path / "run" / KEPT).num_rows > 0
    assert all(isinstance(value, int | float) for value in metrics.values())

    if tensorboard:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(tmp_path / "events"))
        events.Reload()
        assert set(events.Tags()["scalars"]) == set(metrics)
        scalar = events.Scalars("generator/tokens")[-1]
        assert (scalar.step, scalar.value) == (last["step"], metrics["generator/tokens"])
