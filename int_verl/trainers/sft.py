"""The SFT stage as one exact command of verl's stock trainer.

    torchrun ... -m verl.trainer.sft_trainer --config-name int_sft [+int=cpu_sft] data.train_files=... model.path=...

`plan` checks what verl would only fail on later and returns the command; `run` starts it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from int_verl.errors import UserError
from int_verl.hydra_overrides import hydra_overrides
from int_verl.trainers.launch import (
    CPU_ENV,
    TrainedModel,
    check_overrides,
    check_start_model,
    train,
)
from int_verl.trainers.process import HANG_SECONDS, Progress, TrainerCommand, checkpointed_step

if TYPE_CHECKING:
    from int_verl.sft.rows import SFTRows

_SETTINGS = {
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


@dataclass(frozen=True, slots=True)
class SFTLaunch:
    """What the SFT stage needs to know; the defaults are the paper's.

    Example: ``SFTLaunch(Path("base"), Path("sft.parquet"), None, Path("runs/x/sft"), platform="cpu")``
    """

    model_path: Path
    train_file: Path
    "Parquet as `InterventionSFTDataset` reads it."
    val_file: Path | None
    output_dir: Path
    epochs: int = 4
    batch_size: int = 64
    "Rows of one optimizer step, over all GPUs."
    learning_rate: float = 1e-6
    max_length: int = 16_384
    "Tokens of a row at most."
    micro_batch_tokens: int = 16_384
    "Tokens of one forward pass on one GPU; raised to `max_length` where smaller."
    warmup_ratio: float = 0.1
    min_lr_ratio: float = 0.1
    "The cosine ends here."
    seed: int = 1
    "Of the engine; verl shuffles the rows with a fixed seed of its own."
    overlong: Literal["error", "drop"] = "error"
    loss_on: Literal["prefix_and_intervention", "intervention"] = "prefix_and_intervention"
    suffix: bool = False
    gpus_per_node: int = 1
    nnodes: int = 1
    platform: Literal["cpu", "gpu"] = "gpu"
    overrides: tuple[str, ...] = ()
    "Hydra overrides, last and strongest."


def plan(cfg: SFTLaunch) -> TrainerCommand:
    """The command, checked.

    Raises:
        UserError: a file is missing or too small for the batch, a row is not fit to train on, or an override would
            make verl fail or do nothing.
    """
    steps = _steps_per_epoch(cfg, len(training_rows(cfg)))
    return TrainerCommand(
        arguments(cfg),
        environment(cfg.platform),
        cfg.output_dir,
        steps * cfg.epochs,
        start_model=cfg.model_path,
        model_in_checkpoint="huggingface",
    )


def environment(platform: str) -> dict[str, str]:
    """What the trainer needs in its environment."""
    return dict(CPU_ENV) if platform == "cpu" else {"TOKENIZERS_PARALLELISM": "false"}


def training_rows(cfg: SFTLaunch) -> SFTRows:
    """The rows that will be trained on, as `InterventionSFTDataset` will read them; everything is checked first.

    Raises:
        UserError: see `plan`.
    """
    check_start_model(cfg.model_path)
    check_settings(cfg)
    rows = _rows(cfg, cfg.train_file)
    if len(rows) < cfg.batch_size:
        raise UserError(
            f"{cfg.train_file}: {len(rows)} rows are fewer than one batch of {cfg.batch_size}; lower sft.batch_size"
        )
    if cfg.val_file is not None and len(_rows(cfg, cfg.val_file)) < cfg.batch_size:
        raise UserError(f"{cfg.val_file}: fewer rows than one batch of {cfg.batch_size}; verl would report a NaN loss")
    return rows


def check_settings(cfg: SFTLaunch) -> None:
    """What `plan` raises that needs no data and no model.

    Raises:
        UserError: naming the setting.
    """
    check_overrides(cfg.overrides, _SETTINGS)
    _check_overrides(cfg)
    world = cfg.gpus_per_node * cfg.nnodes
    if cfg.batch_size % world:
        raise UserError(f"sft.batch_size={cfg.batch_size} is no multiple of the {world} GPUs")


def arguments(cfg: SFTLaunch) -> list[str]:
    """The command line, unchecked: the files that it names need not be there yet."""
    settings = {
        "model.path": cfg.model_path,
        "data.train_files": cfg.train_file,
        "data.val_files": cfg.val_file if cfg.val_file is not None else "null",
        "data.train_batch_size": cfg.batch_size,
        "data.max_length": cfg.max_length,
        "data.max_token_len_per_gpu": max(cfg.micro_batch_tokens, cfg.max_length),
        "data.intervention.overlong": cfg.overlong,
        "data.intervention.loss_on": cfg.loss_on,
        "data.intervention.suffix": cfg.suffix,
        "optim.lr": cfg.learning_rate,
        "optim.lr_warmup_steps_ratio": cfg.warmup_ratio,
        "optim.min_lr_ratio": cfg.min_lr_ratio,
        "engine.seed": cfg.seed,
        "trainer.seed": cfg.seed,
        "trainer.total_epochs": cfg.epochs,
        "trainer.nnodes": cfg.nnodes,
        "trainer.n_gpus_per_node": cfg.gpus_per_node,
        "trainer.default_local_dir": cfg.output_dir.resolve(),
        "trainer.test_freq": "after_each_epoch" if cfg.val_file is not None else -1,
        "hydra.run.dir": cfg.output_dir.resolve() / "hydra",
    }
    rendezvous = (
        ["--standalone", "--nnodes=1"]
        if cfg.nnodes == 1
        else [
            f"--nnodes={cfg.nnodes}",
            f"--node-rank={os.environ.get('NODE_RANK', '0')}",
            f"--master-addr={os.environ.get('MASTER_ADDR', 'localhost')}",
            f"--master-port={os.environ.get('MASTER_PORT', '29500')}",
        ]
    )
    return [
        *(sys.executable, "-m", "torch.distributed.run", *rendezvous, f"--nproc-per-node={cfg.gpus_per_node}"),
        *("-m", "verl.trainer.sft_trainer", "--config-name", "int_sft"),
        *(["+int=cpu_sft"] if cfg.platform == "cpu" else []),
        *hydra_overrides(settings),
        *cfg.overrides,
    ]


def run(
    cfg: SFTLaunch,
    on_progress: Callable[[Progress], None] | None = None,
    hang_seconds: float = HANG_SECONDS,
) -> TrainedModel:
    """Trains, resuming from the last checkpoint, and returns the finished model; does nothing where it is finished.

    Raises:
        UserError: see `plan`.
        TrainerError, UserError: see `trainer_launch.train`.
    """
    command = plan(cfg)
    steps_per_epoch = command.expected_step // cfg.epochs
    return train(command, on_progress, hang_seconds, lambda: forget_finished_epoch(cfg.output_dir, steps_per_epoch))


def forget_finished_epoch(output_dir: Path, steps_per_epoch: int) -> None:
    """Sets aside the data loader's state of a checkpoint at an epoch's end, before resuming from it.

    From such a state verl believes the next epoch to be over as well, skips it and exits with 0
    (verl/trainer/sft_trainer.py:347, verl issue 7401). Without it the epoch starts at its first row, as it should.
    """
    step = checkpointed_step(output_dir)
    if step and step % steps_per_epoch == 0:
        for file in (output_dir / f"global_step_{step}").glob("data_*.pt"):
            file.rename(file.with_suffix(".pt.epoch_end"))


def _check_overrides(cfg: SFTLaunch) -> None:
    for override in cfg.overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if key == "data.pad_mode" and value != "no_padding":
            raise UserError(f"{override}: verl's FSDP engine trains only with data.pad_mode=no_padding")
        if key == "trainer.test_freq" and cfg.val_file is None and value not in ("-1", "0"):
            raise UserError(f"{override}: needs a validation file, which this stage has not; leave it out")


def _rows(cfg: SFTLaunch, file: Path) -> SFTRows:
    from transformers import AutoTokenizer

    from int_verl.sft.rows import RowSettings, SFTRows

    settings = RowSettings(cfg.max_length, cfg.loss_on, cfg.suffix, cfg.overlong)
    return SFTRows([file], AutoTokenizer.from_pretrained(str(cfg.model_path)), settings)


def _steps_per_epoch(cfg: SFTLaunch, rows: int) -> int:
    """verl drops the last rows of every rank and the last batch of every epoch."""
    world = cfg.gpus_per_node * cfg.nnodes
    return (rows // world) // (cfg.batch_size // world)
