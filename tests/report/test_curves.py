"""Curves from logs and dumps."""

from __future__ import annotations

import json

import pytest

from int_verl.report.curves import Curve, curve, downsample, metric_log, rl_curves, smooth
from int_verl.report.run_reader import RunReader
from tests.report.run_folders import metrics


def test_a_step_logged_twice_counts_once_and_gaps_stay_gaps(tmp_path):
    lines = [
        {"step": 1, "data": {"a": 1.0}},
        {"step": 2, "data": {"a": 2.0, "data/source/a_b": 1}},
        {"step": 2, "data": {"a": 3.0}},
        {"step": 3, "data": {"a": None, "other": "text"}},
        {"step": 4, "data": {"a": float("nan")}},
        {"step": None},
    ]
    (tmp_path / "rl").mkdir()
    (tmp_path / "rl/metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"step": 5, "da')
    folder = RunReader(tmp_path)
    log = metric_log(folder, "rl")
    assert curve(log, ["absent", "a"]) == Curve((1, 2), (1.0, 3.0))
    assert curve(log, ["a_b"]) == Curve((2,), (1.0,))
    assert folder.remarks == ["rl/metrics.jsonl: 1 damaged line skipped"]


def test_curves_shrink_without_moving():
    line = Curve(tuple(range(10_000)), tuple(float(i) for i in range(10_000)))
    small = downsample(line, 100)
    assert len(small.steps) == 100
    assert small.steps == small.values
    assert smooth(small).values == pytest.approx(small.values)
    assert smooth(Curve((1,), (2.0,))).values == (2.0,)


def test_validation_is_on_the_held_out_problems_alone(finished):
    with_hard = [json.loads(line) for line in (finished / "rl/validation/60.jsonl").read_text().splitlines()]
    heldout = [row["score"] for row in with_hard if "heldout" in row["input"]]
    validation = rl_curves(RunReader(finished))["validation"]["InT SFT + RL"]
    assert validation.steps == (0, 60)
    assert validation.values[1] == pytest.approx(sum(heldout) / len(heldout))


def test_a_running_trainer_has_its_metrics_beside_its_checkpoints(tmp_path):
    for start, rows in enumerate(({1: {"a": 1.0}, 2: {"a": 2.0}}, {2: {"a": 3.0}})):
        metrics(tmp_path / f"sft/checkpoints/metrics/{start:04d}.jsonl", rows)
    assert curve(metric_log(RunReader(tmp_path), "sft"), ["a"]) == Curve((1, 2), (1.0, 3.0))


def test_zero_advantage_from_dumped_rollouts(run):
    log = [json.loads(line) for line in (run / "rl/metrics.jsonl").read_text().splitlines()]
    kept = {e["step"]: {k: v for k, v in e["data"].items() if "zero_advantage" not in k} for e in log}
    metrics(run / "rl/metrics.jsonl", kept)
    (run / "rl/rollouts").mkdir()
    rows = [{"input": p, "output": "", "gts": "1", "score": s} for p, s in [("a", 0), ("a", 0), ("b", 0), ("b", 1)]]
    (run / "rl/rollouts/1.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert rl_curves(RunReader(run))["zero_advantage"]["InT SFT + RL"] == Curve((1,), (0.5,))
