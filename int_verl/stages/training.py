"""What the stages that train share: the trainer's progress on the console, and its metrics as one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from int_verl.files import write_text
from int_verl.progress import StageProgress
from int_verl.trainers.process import OnStep
from int_verl.trainers.verl_folder import read_metrics


def trainer_progress(progress: StageProgress, shown: Mapping[str, str]) -> OnStep:
    """A callback for a trainer that shows the step and some metrics, given by verl's name and ours."""

    def on_progress(step: int, metrics: Mapping[str, Any]) -> None:
        found = [f"{ours} {metrics[verls]:.3g}" for verls, ours in shown.items() if verls in metrics]
        progress.advance(step, ", ".join(found))

    return on_progress


def write_metrics(checkpoints: Path, file: Path) -> None:
    """All metrics of all starts as one jsonl, a step a line: ``{"step": 1, "data": {...}}``."""
    lines = []
    for metrics in read_metrics(checkpoints):
        step = metrics.pop("step")
        lines.append(json.dumps({"step": step, "data": metrics}) + "\n")
    write_text(file, "".join(lines))
