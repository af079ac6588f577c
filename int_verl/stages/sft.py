"""SFT on prefix + intervention as a stage of the schedule."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from int_verl.doctor import require_verl
from int_verl.errors import UserError
from int_verl.files import file_hash, write_text
from int_verl.progress import StageProgress
from int_verl.run.run import Run
from int_verl.run.stage import Stage
from int_verl.sft.suffix_rows import write_with_suffix
from int_verl.stages.sft_data import KEPT, sft_file
from int_verl.trainers.launch import train
from int_verl.trainers.process import FinishedStep
from int_verl.trainers.sft import SFTLaunch
from int_verl.trainers.verl_folder import read_metrics

GUIDED = "guide/guided.parquet"
WITH_SUFFIX = "sft/with_suffix.parquet"
CHECKPOINTS = "sft/checkpoints"
MODEL = "sft/model.txt"
"Holds the path of the finished model, in Hugging Face format."


class SFTStage(Stage):
    """Runs verl's stock SFT trainer on the kept interventions."""

    name = "sft"
    does = "train on prefix + intervention (stock verl.trainer.sft_trainer)"
    reads = ("guide", "sft_data")
    settings = ("run.seed", "sft")
    indifferent = ("sft.stall_minutes",)

    def inputs(self, run: Run) -> dict[str, str]:
        guided = {"guided rollouts": file_hash(run.folder / GUIDED)} if run.sft.suffix else {}
        return {"interventions": file_hash(run.folder / sft_file(run)), "model": run.model_revision, **guided}

    def outputs(self, run: Run) -> dict[str, str]:  # noqa: ARG002
        return {"model": MODEL, "metrics": "sft/metrics.jsonl"}

    def check(self, run: Run) -> None:
        _launch(run, run.model_in_plan).check_settings()

    def total(self, run: Run) -> int | None:
        if not training_file(run).is_file() or not pq.read_metadata(training_file(run)).num_rows:
            return None
        launch = _launch(run, run.model_folder)
        return launch.command(launch.training_rows()).expected_step

    def execute(self, run: Run, progress: StageProgress) -> dict[str, Any]:
        interventions = pq.read_metadata(run.folder / sft_file(run)).num_rows
        if not interventions:
            raise UserError(
                f"{run.folder / KEPT}: no intervention was kept, so there is nothing to train on; `int-verl report` "
                "shows where they were lost; more attempts, proposals or rollouts may help"
            )
        require_verl()
        counts = {"rows": interventions}
        if run.sft.suffix:
            counts["without_suffix"] = write_with_suffix(run.folder / KEPT, run.folder / GUIDED, training_file(run))
        launch = _launch(run, run.model_folder)
        rows = launch.training_rows()
        counts |= {"trained_rows": len(rows), "dropped_as_too_long": rows.dropped}
        done = train(launch.command(rows), trainer_progress(progress, {"train/loss": "loss"}))
        write_metrics(run.folder / CHECKPOINTS, run.folder / "sft/metrics.jsonl")
        write_text(run.folder / MODEL, f"{done.model_path.resolve()}\n")
        return {"steps": done.steps, **counts}

    def plan(self, run: Run) -> list[str]:
        return [_launch(run, run.model_in_plan).shell()]

    def start_over(self, run: Run) -> None:
        (run.folder / MODEL).unlink(missing_ok=True)  # before the model that it names
        shutil.rmtree(run.folder / CHECKPOINTS, ignore_errors=True)
        (run.folder / WITH_SUFFIX).unlink(missing_ok=True)


def _launch(run: Run, model: Path) -> SFTLaunch:
    return SFTLaunch(
        settings=run.sft,
        model_path=model,
        train_file=training_file(run),
        val_file=None,
        output_dir=run.folder / CHECKPOINTS,
        seed=run.seed + 1,
        platform=run.platform,
    )


def training_file(run: Run) -> Path:
    """What SFT trains on."""
    return run.folder / (WITH_SUFFIX if run.sft.suffix else sft_file(run))


def trained_model(run: Run) -> Path:
    """The SFT checkpoint that RL starts from; before SFT has run, a name that says so.

    Raises:
        UserError: SFT has run, and its model is gone.
    """
    file = run.folder / MODEL
    if not file.is_file():
        return run.folder / CHECKPOINTS / "LAST_STEP/huggingface"
    written = Path(file.read_text().strip())
    for model in (run.folder / CHECKPOINTS / Path(*written.parts[-2:]), written):  # the run's folder may have moved
        if (model / "config.json").is_file():
            return model
    raise UserError(f"{written}: SFT's model is gone; put it back, or train anew with `int-verl sft --force`")


def trainer_progress(progress: StageProgress, shown: Mapping[str, str]) -> Any:
    """A callback for `train` that shows the step and some metrics, given by verl's name and ours."""

    def on_progress(now: FinishedStep) -> None:
        found = [f"{ours} {now.metrics[verls]:.3g}" for verls, ours in shown.items() if verls in now.metrics]
        progress.advance(now.step, ", ".join(found))

    return on_progress


def write_metrics(checkpoints: Path, file: Path) -> None:
    """All metrics of all starts as one jsonl, a step a line: ``{"step": 1, "data": {...}}``."""
    import json

    lines = []
    for metrics in read_metrics(checkpoints):
        step = metrics.pop("step")
        lines.append(json.dumps({"step": step, "data": metrics}) + "\n")
    write_text(file, "".join(lines))
