"""SFT on prefix + intervention as a stage of the schedule."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from int_verl import trainer_process
from int_verl.doctor import require_verl
from int_verl.errors import UserError
from int_verl.progress import StageProgress
from int_verl.records import read_rows
from int_verl.run import Run
from int_verl.run_folder import file_hash, write_text
from int_verl.sft import launch
from int_verl.stage import Stage

DATA = "guide/sft.parquet"
CHECKPOINTS = "sft/checkpoints"
MODEL = "sft/model.txt"
"Holds the path of the finished model, in Hugging Face format."


class SFTStage(Stage):
    """Runs verl's stock SFT trainer on the kept interventions."""

    name = "sft"
    does = "train on prefix + intervention (stock verl.trainer.sft_trainer)"
    reads = ("guide",)
    settings = ("run.seed", "sft")

    def inputs(self, run: Run) -> dict[str, str]:
        return {"interventions": file_hash(run.folder / DATA), "model": run.model_revision}

    def outputs(self, run: Run) -> dict[str, str]:  # noqa: ARG002
        return {"model": MODEL, "metrics": "sft/metrics.jsonl"}

    def total(self, run: Run) -> int | None:
        return launch.plan(_launch(run)).expected_step if (run.folder / DATA).is_file() else None

    def execute(self, run: Run, progress: StageProgress) -> dict[str, Any]:
        if not any(True for _ in read_rows(run.folder / DATA, ["problem_id"])):
            raise UserError(
                f"{run.folder / DATA}: no intervention was kept, so there is nothing to train on; `int-verl report` "
                "shows where they were lost; more attempts, proposals or rollouts may help"
            )
        require_verl()
        done = launch.run(_launch(run), trainer_progress(progress, {"train/loss": "loss"}))
        write_metrics(run.folder / CHECKPOINTS, run.folder / "sft/metrics.jsonl")
        write_text(run.folder / MODEL, f"{done.model_path}\n")
        return {"steps": done.steps}

    def plan(self, run: Run) -> list[str]:
        cfg = _launch(run)
        return [trainer_process.shell(launch.environment(cfg.platform), launch.arguments(cfg))]

    def start_over(self, run: Run) -> None:
        shutil.rmtree(run.folder / CHECKPOINTS, ignore_errors=True)


def _launch(run: Run) -> launch.SFTLaunch:
    settings = {field.name: getattr(run.sft, field.name) for field in fields(run.sft)}
    return launch.SFTLaunch(
        model_path=run.model_folder,
        train_file=run.folder / DATA,
        val_file=None,
        output_dir=run.folder / CHECKPOINTS,
        micro_batch_tokens=1_024 if run.platform == "cpu" else run.sft.max_length,
        seed=run.seed + 1,
        platform=run.platform,
        **settings,
    )


def trained_model(run: Run) -> Path:
    """The SFT checkpoint that RL starts from; before SFT has run, a name that says so."""
    file = run.folder / MODEL
    return Path(file.read_text().strip()) if file.is_file() else run.folder / CHECKPOINTS / "LAST_STEP/huggingface"


def trainer_progress(progress: StageProgress, shown: Mapping[str, str]) -> Any:
    """A callback for `trainer_process.run` that shows the step and some metrics, given by verl's name and ours."""

    def on_progress(now: trainer_process.Progress) -> None:
        found = [f"{ours} {now.metrics[verls]:.3g}" for verls, ours in shown.items() if verls in now.metrics]
        progress.advance(now.step, ", ".join(found))

    return on_progress


def write_metrics(checkpoints: Path, file: Path) -> None:
    """All metrics of all starts as one jsonl, a step a line: ``{"step": 1, "data": {...}}``."""
    import json

    lines = []
    for metrics in trainer_process.read_metrics(checkpoints):
        step = metrics.pop("step")
        lines.append(json.dumps({"step": step, "data": metrics}) + "\n")
    write_text(file, "".join(lines))
