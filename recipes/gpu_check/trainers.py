"""What the parts of the two trainers share: how the 4B model fits on one card, and what verl logged."""

from __future__ import annotations

import importlib.util
import shutil
from typing import Any

from job import Job

from int_verl.trainers.process import TrainerCommand, run_trainer
from int_verl.trainers.verl_folder import read_metrics

PACKED = {"gpu": 16_384, "cpu": 512}
"Tokens of one forward pass: rows are packed up to it."


def start_over(job: Job) -> None:
    """Two steps are not worth resuming, and an earlier try may have left half of them."""
    shutil.rmtree(job.home, ignore_errors=True)
    job.home.mkdir(parents=True)


def one_card(job: Job, fsdp: str, model: str) -> tuple[str, ...]:
    """Overrides: Adam's moments wait in the host's memory while gradients are computed; flash-attn where there is one.

    Args:
        fsdp: verl's key of the trainer's FSDP settings.
        model: verl's key of its model.
    """
    if job.platform == "cpu":
        return ()
    attention = "flash_attention_2" if importlib.util.find_spec("flash_attn") else "sdpa"
    job.figure(attention=attention)
    return (f"{fsdp}.optimizer_offload=true", f"+{model}.override_config.attn_implementation={attention}")


def train(job: Job, command: TrainerCommand) -> list[dict[str, Any]]:
    """Runs it and returns what verl logged, a dict a step; the peak of its memory is among the job's figures."""
    run_trainer(command)
    steps = read_metrics(command.output_dir)
    for kind in ("allocated", "reserved"):
        peak = max(row[key] for row in steps for key in row if key.endswith(f"max_memory_{kind}_gb"))
        job.figure(**{f"peak_memory_{kind},_GiB": f"{peak:.1f}"})
    return steps
