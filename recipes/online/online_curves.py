"""What a run's RL was worth for what it generated: held-out pass@1 and zero-advantage ratio over tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow.parquet as pq

from int_verl.rl.validation_dump import dumped_samples


@dataclass(frozen=True, slots=True)
class Point:
    """After a validated step."""

    step: int
    tokens: float
    "That RL has generated so far: attempts, and what interventions cost beside them. Validation is not counted."
    pass_at_1: float
    "Of the held-out problems, without help."
    zero_advantage: float
    "Share of groups without an advantage, mean of the steps since the last point; 0 at step 0."


def curve(stage: Path, rollouts: int) -> list[Point]:
    """The points of an RL stage's folder, in order; none if it has not been run.

    Args:
        rollouts: of a step, in all.
    """
    file = stage / "metrics.jsonl"
    if not file.is_file():
        return []
    lines = [json.loads(line) for line in file.open(encoding="utf-8")]
    steps = [{"step": line["step"], **line["data"]} for line in lines]
    contents = {row[0]["content"] for row in pq.read_table(stage / "heldout.parquet")["prompt"].to_pylist()}
    points, tokens, since = [], 0.0, list[float]()
    for row in [{"step": 0}, *steps]:
        if row["step"]:
            tokens += step_tokens(row, rollouts)
            since.append(row["int/zero_advantage_ratio"])
        dump = stage / "validation" / f"{row['step']}.jsonl"
        if dump.is_file():
            points.append(Point(row["step"], tokens, held_out(dump, contents), fmean(since) if since else 0.0))
            since = []
    return points


def step_tokens(metrics: Mapping[str, Any], rollouts: int) -> float:
    """New tokens of a step's rollouts.

    A spliced response has tokens of its attempt, which are counted there, and of its verification.
    """
    if "int/online/attempt_tokens" in metrics:
        return float(metrics["int/online/attempt_tokens"] + metrics["int/online/extra_tokens"])
    return float(metrics["response_length/mean"] * rollouts)


def held_out(dump: Path, contents: Iterable[str]) -> float:
    """Share of right samples of the problems with these user messages."""
    known = tuple(contents)
    right = [sample.correct for sample in dumped_samples(dump) if any(text in sample.prompt for text in known)]
    return fmean(right)


def at(points: list[Point], tokens: float) -> float | None:
    """pass@1 when so many tokens were generated, between two points on a straight line; None if that is beyond them."""
    for before, after in pairwise(points):
        if before.tokens <= tokens <= after.tokens:
            share = (tokens - before.tokens) / (after.tokens - before.tokens)
            return before.pass_at_1 + share * (after.pass_at_1 - before.pass_at_1)
    return None
