"""SFT as one exact command of verl's stock trainer.

torchrun ... -m verl.trainer.sft_trainer --config-name int_sft [+int=cpu_sft] model.path=... data.train_files=... ...
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from int_verl.errors import UserError
from int_verl.hydra_overrides import key_and_value
from int_verl.settings.training import SFTSettings
from int_verl.trainers.launch import Launch, cpu_environment
from int_verl.trainers.process import TrainerCommand

if TYPE_CHECKING:
    from int_verl.sft.rows import SFTRows

MICRO_BATCH_ON_CPU = 1_024
"Tokens of one forward pass."


@dataclass(frozen=True, slots=True, kw_only=True)
class SFTLaunch(Launch):
    """verl's SFT trainer on rows of token ids: ``model = train(launch.command(launch.training_rows()))``."""

    section: ClassVar[str] = "sft"
    primary: ClassVar[str] = "int_sft"
    cpu_fragment: ClassVar[str] = "cpu_sft"
    model_in_checkpoint: ClassVar[str] = "huggingface"
    model_section: ClassVar[str] = "model"
    our_settings: ClassVar[dict[str, str]] = {
        "model.path": "model.path",
        "data.train_batch_size": "sft.batch_size",
        "data.train_files": "sft_data.kind",
        "data.max_length": "sft.max_length",
        "data.intervention.loss_on": "sft.loss_on",
        "data.intervention.suffix": "sft.suffix",
        "data.intervention.overlong": "sft.overlong",
        "trainer.default_local_dir": "run.dir",
        "trainer.total_epochs": "sft.epochs",
        "trainer.total_training_steps": "sft.epochs",
    }

    settings: SFTSettings
    train_file: Path
    "Parquet as `InterventionSFTDataset` reads it."
    val_file: Path | None

    def check_settings(self) -> None:
        if self.settings.nnodes > 1:
            raise UserError(
                f"sft.nnodes={self.settings.nnodes}: SFT runs on the node of the command; set sft.nnodes=1, and if "
                "the model does not fit there, engine.offload_policy=true in sft.overrides, or LoRA (docs/scale.md)"
            )
        self.check_overrides()
        for override in self.settings.overrides:
            key, value = key_and_value(override)
            if key == "data.pad_mode" and value != "no_padding":
                raise UserError(f"{override}: verl's FSDP engine trains only with data.pad_mode=no_padding")
            if key == "trainer.test_freq" and self.val_file is None and value not in ("-1", "0"):
                raise UserError(f"{override}: needs a validation file, which this stage has not; leave it out")
        batch, gpus = self.settings.batch_size, self.settings.gpus_per_node
        if batch % gpus:
            raise UserError(f"sft.batch_size={batch} is no multiple of the {gpus} GPUs")

    def training_rows(self) -> SFTRows:
        """The rows that will be trained on, as `InterventionSFTDataset` will read them; everything is checked first.

        A UserError where verl would fail or do another thing with settings, files, rows or model.
        """
        self.check_start_model()
        self.check_settings()
        rows, batch = self._rows(self.train_file), self.settings.batch_size
        if len(rows) < batch:
            raise UserError(
                f"{self.train_file}: {len(rows)} rows are fewer than one batch of {batch}; lower sft.batch_size"
            )
        if self.val_file is not None and len(self._rows(self.val_file)) < batch:
            raise UserError(f"{self.val_file}: fewer rows than one batch of {batch}; verl would report a NaN loss")
        return rows

    def command(self, rows: SFTRows) -> TrainerCommand:
        """The command that trains on `training_rows`.

        verl drops the last rows of every rank and the last batch of every epoch.
        """
        gpus = self.settings.gpus_per_node
        steps_per_epoch = (len(rows) // gpus) // (self.settings.batch_size // gpus)
        return self.command_until(steps_per_epoch * self.settings.epochs, steps_per_epoch)

    def environment(self) -> dict[str, str]:
        return cpu_environment() if self.platform == "cpu" else {"TOKENIZERS_PARALLELISM": "false"}

    def program(self) -> list[str]:
        processes = f"--nproc-per-node={self.settings.gpus_per_node}"
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nnodes=1", processes]
        return [*torchrun, "-m", "verl.trainer.sft_trainer"]

    def verl_settings(self) -> dict[str, object]:
        settings, output_dir = self.settings, self.output_dir.resolve()
        at_once = max(MICRO_BATCH_ON_CPU, settings.max_length) if self.platform == "cpu" else settings.max_length
        return {
            "model.path": self.model_path,
            "data.train_files": self.train_file,
            "data.val_files": self.val_file,
            "data.train_batch_size": settings.batch_size,
            "data.max_length": settings.max_length,
            "data.max_token_len_per_gpu": at_once,
            "data.intervention.overlong": settings.overlong,
            "data.intervention.loss_on": settings.loss_on,
            "data.intervention.suffix": settings.suffix,
            "optim.lr": settings.learning_rate,
            "optim.lr_warmup_steps_ratio": settings.warmup_ratio,
            "optim.min_lr_ratio": settings.min_lr_ratio,
            "optim.weight_decay": settings.weight_decay,
            "engine.seed": self.seed,
            "trainer.seed": self.seed,
            "trainer.total_epochs": settings.epochs,
            "trainer.nnodes": 1,
            "trainer.n_gpus_per_node": settings.gpus_per_node,
            "trainer.default_local_dir": output_dir,
            "trainer.test_freq": "after_each_epoch" if self.val_file is not None else -1,
            "hydra.run.dir": output_dir / "hydra",
            "hydra.output_subdir": None,  # else the command line is kept there, keys and all
        }

    def _rows(self, file: Path) -> SFTRows:
        from transformers import AutoTokenizer

        from int_verl.sft.rows import RowSettings, SFTRows

        settings = self.settings
        how = RowSettings(settings.max_length, settings.loss_on, settings.suffix, settings.overlong)
        return SFTRows([file], AutoTokenizer.from_pretrained(str(self.model_path)), how)
