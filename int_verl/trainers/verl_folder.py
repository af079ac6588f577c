"""What verl's trainers leave in their output folder: the tracker of their checkpoints, and their metrics."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TRACKER = "latest_checkpointed_iteration.txt"
"verl's record of the last complete checkpoint."
METRICS = "metrics"
"One jsonl of verl's `file` logger for each start."
_SHARDS = "model_world_size_*_rank_0.pt"
"verl/utils/checkpoint/fsdp_checkpoint_manager.py:316"
_VALIDATION = re.compile(r"val-core/.+/mean@\d+")


def checkpointed_step(output_dir: Path) -> int | None:
    """The step of verl's last complete checkpoint, or None."""
    try:
        step = int((output_dir / TRACKER).read_text())
    except (OSError, ValueError):
        return None
    return step if (output_dir / f"global_step_{step}").is_dir() else None


def checkpointed_ranks(output_dir: Path) -> int | None:
    """Ranks that wrote verl's last complete checkpoint, by the names of FSDP's shards; None: it has none."""
    names = [file.name for file in (output_dir / f"global_step_{checkpointed_step(output_dir)}").rglob(_SHARDS)]
    return int(names[0].split("_")[3]) if names else None


def mend_tracker(output_dir: Path) -> None:
    """Removes a tracker that verl would stumble over: empty after a kill, or of a checkpoint that is gone."""
    tracker = output_dir / TRACKER
    if tracker.exists() and checkpointed_step(output_dir) is None:
        tracker.unlink()


def set_aside_finished_epoch(output_dir: Path, steps_per_epoch: int) -> None:
    """Sets aside the data loader's state of a checkpoint at an epoch's end, before SFT resumes from it.

    From such a state verl believes the next epoch to be over as well, skips it and exits with 0
    (verl/trainer/sft_trainer.py:347, verl issue 7401). Without it the epoch starts at its first row, as it should.
    """
    step = checkpointed_step(output_dir)
    if step and step % steps_per_epoch == 0:
        for file in (output_dir / f"global_step_{step}").glob("data_*.pt"):
            file.rename(file.with_suffix(".pt.epoch_end"))


def remove_optimizer(output_dir: Path) -> None:
    """Removes the optimizer's shards of every checkpoint; what is left can be used, but not be trained on from."""
    for file in output_dir.glob("global_step_*/optim_world_size_*.pt"):
        file.unlink()


def read_metrics(output_dir: Path) -> list[dict[str, Any]]:
    """All metrics of all starts: ``[{"step": 1, "train/loss": 0.7, ...}, ...]`` by step, later starts winning."""
    by_step: dict[int, dict[str, Any]] = {}
    for file in sorted((output_dir / METRICS).glob("*.jsonl")):
        for step, metrics in parse_metrics(file.read_bytes()):
            by_step.setdefault(step, {"step": step}).update(metrics)
    return [by_step[step] for step in sorted(by_step)]


def parse_metrics(text: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """Step and metrics of every line that is whole."""
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            yield int(entry["step"]), dict(entry["data"])
        except (ValueError, KeyError, TypeError):
            continue


def mean_validation_scores(output_dir: Path) -> dict[int, float]:
    """Step -> mean of verl's `val-core/<data source>/<metric>/mean@k` over the data sources, where it validated."""
    scores = {}
    for metrics in read_metrics(output_dir):
        found = [float(value) for name, value in metrics.items() if _VALIDATION.fullmatch(name)]
        if found:
            scores[int(metrics["step"])] = sum(found) / len(found)
    return scores
