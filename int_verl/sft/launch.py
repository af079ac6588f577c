"""The SFT stage as one exact command of verl's stock trainer.

    torchrun ... -m verl.trainer.sft_trainer --config-name int_sft [+int=cpu_sft] data.train_files=... model.path=...

`plan` checks what verl would only fail on later and returns the command; `run` starts it; `result` says whether the
stage is done and where its model lies.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from int_verl import trainer_process
from int_verl.errors import UserError
from int_verl.trainer_process import Progress, TrainerCommand

CPU_ENV = {"VERL_PLATFORM": "cpu", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


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
    train_suffix: bool = False
    gpus_per_node: int = 1
    nnodes: int = 1
    platform: Literal["cpu", "gpu"] = "gpu"
    overrides: tuple[str, ...] = ()
    "Hydra overrides, last and strongest."


@dataclass(frozen=True, slots=True)
class SFTResult:
    """A finished SFT stage."""

    model_path: Path
    "A folder that transformers, vLLM and verl load."
    steps: int


def plan(cfg: SFTLaunch) -> TrainerCommand:
    """The command, checked.

    Raises:
        UserError: a file is missing or too small for the batch, or an override would make verl fail or do nothing.
    """
    rows = _check(cfg)
    steps = _steps_per_epoch(rows, cfg.batch_size, cfg.gpus_per_node * cfg.nnodes) * cfg.epochs
    return TrainerCommand(arguments(cfg), environment(cfg.platform), cfg.output_dir, steps)


def environment(platform: str) -> dict[str, str]:
    """What the trainer needs in its environment."""
    return dict(CPU_ENV) if platform == "cpu" else {"TOKENIZERS_PARALLELISM": "false"}


def _check(cfg: SFTLaunch) -> int:
    """What `plan` raises; returns the rows to train on."""
    if not (cfg.model_path / "config.json").exists():
        raise UserError(f"{cfg.model_path}: no config.json there; model_path must be a folder with a model")
    _check_overrides(cfg)
    rows = _rows(cfg.train_file, cfg)
    if rows < cfg.batch_size:
        raise UserError(
            f"{cfg.train_file}: {rows} rows are fewer than one batch of {cfg.batch_size}; lower sft.batch_size"
        )
    if cfg.val_file is not None and _rows(cfg.val_file, cfg) < cfg.batch_size:
        raise UserError(f"{cfg.val_file}: fewer rows than one batch of {cfg.batch_size}; verl would report a NaN loss")
    world = cfg.gpus_per_node * cfg.nnodes
    if cfg.batch_size % world:
        raise UserError(f"sft.batch_size={cfg.batch_size} is no multiple of the {world} GPUs")
    return rows


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
        "data.intervention.train_suffix": cfg.train_suffix,
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
        *(f"{key}={quote(value)}" for key, value in settings.items()),
        *cfg.overrides,
    ]


def run(
    cfg: SFTLaunch,
    on_progress: Callable[[Progress], None] | None = None,
    hang_seconds: float = trainer_process.HANG_SECONDS,
) -> SFTResult:
    """Trains, resuming from the last checkpoint, and returns the finished model; does nothing where it is finished.

    Raises:
        UserError: see `plan` and `result`.
        TrainerError: see `trainer_process.run`.
    """
    command = plan(cfg)
    if trainer_process.checkpointed_step(cfg.output_dir) != command.expected_step:
        forget_finished_epoch(cfg.output_dir, command.expected_step // cfg.epochs)
        trainer_process.run(command, on_progress, hang_seconds)
    finished = result(cfg, command)
    if finished is None:
        raise trainer_process.TrainerError(f"SFT ended without a model; see {command.log_path}")
    return finished


def forget_finished_epoch(output_dir: Path, steps_per_epoch: int) -> None:
    """Sets aside the data loader's state of a checkpoint at an epoch's end, before resuming from it.

    From such a state verl believes the next epoch to be over as well, skips it and exits with 0
    (verl/trainer/sft_trainer.py:347, verl issue 7401). Without it the epoch starts at its first row, as it should.
    """
    step = trainer_process.checkpointed_step(output_dir)
    if step and step % steps_per_epoch == 0:
        for file in (output_dir / f"global_step_{step}").glob("data_*.pt"):
            file.rename(file.with_suffix(".pt.epoch_end"))


def result(cfg: SFTLaunch, command: TrainerCommand) -> SFTResult | None:
    """The finished stage, or None while verl's last checkpoint is not that of the last step.

    Raises:
        UserError: the model has another tokenizer than the base, or its weights are still those of the base.
    """
    if trainer_process.checkpointed_step(cfg.output_dir) != command.expected_step:
        return None
    model = cfg.output_dir / f"global_step_{command.expected_step}" / "huggingface"
    check_model(model, cfg.model_path)
    return SFTResult(model, command.expected_step)


def check_model(model: Path, base: Path) -> None:
    """Same tokenizer as the base, other weights.

    Raises:
        UserError: naming the folder and the difference.
    """
    if not list(model.glob("*.safetensors")):
        raise UserError(f"{model}: no weights; checkpoint.save_contents must hold hf_model")
    if _vocabulary(model) != _vocabulary(base):
        raise UserError(f"{model}: its tokenizer differs from that of {base}")
    if _same_weights(model, base):
        raise UserError(f"{model}: the weights are those of {base}; did the learning rate stay 0?")


def quote(value: object) -> str:
    """A value in Hydra's override grammar."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path):
        text = str(value)
        return text if not set(text) & set(" ,=:{}[]()'\"$\\") else "'" + text.replace("'", "\\'") + "'"
    return str(value)


def _check_overrides(cfg: SFTLaunch) -> None:
    for override in cfg.overrides:
        key, _, value = override.lstrip("+~").partition("=")
        if key == "data.pad_mode" and value != "no_padding":
            raise UserError(f"{override}: verl's FSDP engine trains only with data.pad_mode=no_padding")
        if key == "trainer.test_freq" and cfg.val_file is None and value not in ("-1", "0"):
            raise UserError(f"{override}: needs a validation file; set sft.val_file")
        if key in ("data.train_batch_size", "trainer.total_epochs", "trainer.total_training_steps", "data.train_files"):
            raise UserError(f"{override}: set sft.{_SETTING[key]} instead, so that the stage knows when it is done")


_SETTING = {
    "data.train_batch_size": "batch_size",
    "data.train_files": "train_file",
    "trainer.total_epochs": "epochs",
    "trainer.total_training_steps": "epochs",
}


def _rows(file: Path, cfg: SFTLaunch) -> int:
    """Rows that `InterventionSFTDataset` will keep."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if not file.exists():
        raise UserError(f"{file}: no such file")
    names = ["prompt_ids", "prefix_ids", "intervention_ids", *(["suffix_ids"] if cfg.train_suffix else [])]
    schema = pq.read_schema(file).names
    for name in names:
        if name not in schema:
            raise UserError(f"{file}: column {name} is missing")
    table = pq.read_table(file, columns=names)
    lengths = [sum(row) for row in zip(*(pc.list_value_length(table[n]).to_pylist() for n in names), strict=True)]
    too_long = [index for index, length in enumerate(lengths) if length > cfg.max_length]
    if too_long and cfg.overlong == "error":
        raise UserError(
            f"{file} row {too_long[0]}: {lengths[too_long[0]]} tokens are more than sft.max_length={cfg.max_length} "
            f"({len(too_long)} such rows); raise it, or set sft.overlong=drop"
        )
    return len(lengths) - len(too_long)


def _steps_per_epoch(rows: int, batch_size: int, world: int) -> int:
    """verl drops the last rows of every rank and the last batch of every epoch."""
    return (rows // world) // (batch_size // world)


def _vocabulary(model: Path) -> bytes:
    file = model / "tokenizer.json"
    if not file.exists():
        return b""
    import json

    content = json.loads(file.read_text())
    return json.dumps([content.get("model"), content.get("added_tokens")], sort_keys=True).encode()


def _same_weights(model: Path, base: Path) -> bool:
    """Whether every tensor that both hold is equal; reads tensor by tensor and stops at the first difference."""
    import torch
    from safetensors import safe_open

    where = {}
    for file in sorted(base.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            where.update(dict.fromkeys(tensors.keys(), file))
    for file in sorted(model.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a dict
                if name in where:
                    with safe_open(where[name], "pt") as others:
                        ours, theirs = tensors.get_tensor(name), others.get_tensor(name)
                    if ours.shape != theirs.shape or not torch.equal(ours.float(), theirs.float()):
                        return False
    return True
