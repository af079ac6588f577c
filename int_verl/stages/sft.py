"""SFT on prefix + intervention as a stage of the schedule."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from int_verl.doctor import require_verl
from int_verl.errors import UserError
from int_verl.files import file_hash, read_text, write_text
from int_verl.generate.model import LocalModel, model_revision
from int_verl.progress import StageProgress
from int_verl.run.folder import RunFolder
from int_verl.run.stage import Stage
from int_verl.run_files import GUIDED_ROLLOUTS, KEPT, ROWS_WITH_SUFFIX, SFT_CHECKPOINTS, SFT_METRICS, SFT_MODEL
from int_verl.settings.training import SFTSettings
from int_verl.sft.ablation_rows import write_with_suffix
from int_verl.stages.training import trainer_progress, write_metrics
from int_verl.trainers.launch import train
from int_verl.trainers.sft import SFTLaunch
from int_verl.trainers.verl_folder import remove_optimizer


@dataclass(frozen=True)
class SFTStage(Stage):
    """Runs verl's stock SFT trainer on the kept interventions."""

    folder: RunFolder
    model: LocalModel
    "The base model."
    settings: SFTSettings
    rows: str
    "The file to train on, in the run's folder: the kept interventions, or what stands in their place."
    seed: int
    platform: Literal["cpu", "gpu"]

    name = "sft"
    does = "train on prefix + intervention (stock verl.trainer.sft_trainer)"
    reads = ("guide", "sft_data")
    depends_on = ("run.seed", "sft")
    indifferent = (
        *("sft.stall_minutes", "sft.trust_checkpoint", "sft.keep_optimizer"),
        *("sft.ending_problems", "sft.ending_samples", "sft.max_truncation_rise"),
    )

    @property
    def training_file(self) -> Path:
        """What SFT trains on."""
        return self.folder / (ROWS_WITH_SUFFIX if self.settings.suffix else self.rows)

    def inputs(self) -> dict[str, str]:
        guided = {"guided rollouts": file_hash(self.folder / GUIDED_ROLLOUTS)} if self.settings.suffix else {}
        return {"interventions": file_hash(self.folder / self.rows), "model": self.model.revision, **guided}

    def outputs(self) -> dict[str, str]:
        return {"model": SFT_MODEL, "metrics": SFT_METRICS}

    def check(self) -> None:
        self._launch(self.model.folder_in_plan).check_settings()

    def check_host(self) -> None:
        self._launch(self.model.folder_in_plan).check_host()

    def attention(self) -> str:
        """See `Launch.attention`."""
        return self._launch(self.model.folder_in_plan).attention()

    def total(self) -> int | None:
        if not self.training_file.is_file() or not pq.read_metadata(self.training_file).num_rows:
            return None
        launch = self._launch(self.model.folder)
        return launch.command(launch.training_rows()).expected_step

    def execute(self, progress: StageProgress) -> dict[str, dict[str, Any]]:
        interventions = pq.read_metadata(self.folder / self.rows).num_rows
        if not interventions:
            raise UserError(
                f"{self.folder / KEPT}: no intervention was kept, so there is nothing to train on; {self._worst_loss()}"
            )
        require_verl()
        counts = {"rows": interventions}
        if self.settings.suffix:
            kept, guided = self.folder / KEPT, self.folder / GUIDED_ROLLOUTS
            counts["without_suffix"] = write_with_suffix(kept, guided, self.training_file)
        launch = self._launch(self.model.folder)
        rows = launch.training_rows()
        counts |= {"trained_rows": len(rows), "dropped_as_too_long": rows.dropped}
        command = launch.command(rows)
        model = train(command, trainer_progress(progress, {"train/loss": "loss"}), progress.wait_for)
        write_metrics(self.folder / SFT_CHECKPOINTS, self.folder / SFT_METRICS)
        write_text(self.folder / SFT_MODEL, f"{model.resolve()}\n")
        if not self.settings.keep_optimizer:
            remove_optimizer(self.folder / SFT_CHECKPOINTS)
        return {self.name: {"steps": command.expected_step, **counts}}

    def _worst_loss(self) -> str:
        """Where most was lost, and what would mend it, by the generator's own words."""
        manifest = self.folder.manifest("guide")
        advice = manifest.counts.get("advice") if manifest else None
        return f"most was lost here: {advice[0]}" if advice else "`int-verl report` shows where they were lost"

    def plan(self) -> list[str]:
        return [self._launch(self.model.folder_in_plan).shell()]

    def start_over(self) -> None:
        (self.folder / SFT_MODEL).unlink(missing_ok=True)  # before the model that it names
        shutil.rmtree(self.folder / SFT_CHECKPOINTS, ignore_errors=True)
        (self.folder / ROWS_WITH_SUFFIX).unlink(missing_ok=True)

    def _launch(self, model: Path) -> SFTLaunch:
        return SFTLaunch(
            settings=self.settings,
            model_path=model,
            train_file=self.training_file,
            val_file=None,
            output_dir=self.folder / SFT_CHECKPOINTS,
            seed=self.seed + 1,
            platform=self.platform,
        )


def sft_model(folder: RunFolder) -> Path:
    """The SFT checkpoint that RL starts from; before SFT has run, a name that says so.

    Raises:
        UserError: SFT has run, and its model is gone.
    """
    file = folder / SFT_MODEL
    if not file.is_file():
        return folder / SFT_CHECKPOINTS / "LAST_STEP/huggingface"
    written = Path(read_text(file).strip())
    for model in (folder / SFT_CHECKPOINTS / Path(*written.parts[-2:]), written):  # the run's folder may have moved
        if (model / "config.json").is_file():
            return model
    raise UserError(f"{written}: SFT's model is gone; put it back, or train anew with `int-verl sft --force`")


def sft_model_revision(folder: RunFolder) -> str:
    """Changes when SFT's model does; `missing` before SFT has run. Raises as `sft_model`."""
    return model_revision(sft_model(folder)) if (folder / SFT_MODEL).is_file() else "missing"
