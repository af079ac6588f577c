"""The RL stage as one exact command of verl's stock trainer.

    python -m verl.trainer.main_ppo --config-name int_grpo [+int=cpu_grpo] data.train_files=... ...

`plan` checks what verl would only fail on later, or silently ignore, and returns the command; `run` starts it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from int_verl.errors import UserError
from int_verl.hydra_overrides import hydra_overrides, quote
from int_verl.trainers.checkpoint import check_model
from int_verl.trainers.launch import (
    CPU_ENV,
    TrainedModel,
    check_overrides,
    check_start_model,
    train,
)
from int_verl.trainers.process import HANG_SECONDS, Progress, TrainerCommand

_SETTINGS = {
    "actor_rollout_ref.model.path": "model.path",
    "trainer.total_training_steps": "rl.total_steps",
    "trainer.default_local_dir": "run.dir",
    "trainer.save_freq": "rl.save_freq",
    "data.train_batch_size": "rl.prompts_per_step",
    "data.max_prompt_length": "rl.max_prompt_length",
    "data.max_response_length": "rl.max_response_length",
    "actor_rollout_ref.rollout.n": "rl.rollouts",
    "actor_rollout_ref.actor.ppo_mini_batch_size": "rl.mini_batch",
}

COLUMNS = ("data_source", "prompt", "ability", "reward_model", "extra_info")


@dataclass(frozen=True, slots=True)
class RLLaunch:
    """What the RL stage needs to know; the defaults are the paper's.

    Example: ``RLLaunch(Path("sft/huggingface"), (Path("rl.parquet"),), (Path("heldout.parquet"),), Path("runs/x/rl"),
    total_steps=40, platform="cpu")``
    """

    model_path: Path
    "The model that RL starts from."
    train_files: tuple[Path, ...]
    val_files: tuple[Path, ...]
    output_dir: Path
    reward_path: str = "pkg://int_verl.reward_fns.math_answer"
    "A python file or `pkg://module`, as verl takes it."
    reward_name: str = "compute_score"
    prompts_per_step: int = 32
    rollouts: int = 8
    "Rollouts of one prompt: a group."
    mini_batch: int = 16
    "Prompts of one optimizer step."
    learning_rate: float = 1e-6
    total_steps: int = 400
    max_prompt_length: int = 2048
    max_response_length: int = 16_384
    micro_batch_tokens: int = 0
    "Tokens of one forward pass on one GPU; 0: one rollout of full length, on a CPU at least 512."
    temperature: float = 1.0
    val_rollouts: int = 8
    val_temperature: float = 0.7
    val_top_p: float = 0.8
    val_top_k: int = 20
    val_before_train: bool = True
    test_freq: int = 25
    "Validate every so many steps and after the last; -1: never."
    validation_data_dir: Path | None = None
    "Where verl writes `{step}.jsonl` with every validation rollout."
    rollout_data_dir: Path | None = None
    "Where verl writes `{step}.jsonl` with every training rollout."
    save_freq: int = 25
    seed: int = 1
    gpus_per_node: int = 1
    nnodes: int = 1
    tensor_parallel: int = 1
    platform: Literal["cpu", "gpu"] = "gpu"
    base_model: Path | None = None
    "Where `model_path` is a model trained from this one: it must fit, and have other weights."
    overrides: tuple[str, ...] = ()
    "Hydra overrides, last and strongest."


def plan(cfg: RLLaunch) -> TrainerCommand:
    """The command, checked.

    Raises:
        UserError: a file is missing, malformed or too small for the batch, sizes do not fit each other, the model is
            not fit to go on with, or an override is one that verl 0.9 ignores.
    """
    _check(cfg)
    return TrainerCommand(
        arguments(cfg),
        environment(cfg.platform),
        cfg.output_dir,
        cfg.total_steps,
        start_model=cfg.model_path,
        model_in_checkpoint="actor/huggingface",
    )


def environment(platform: str) -> dict[str, str]:
    """What the trainer needs in its environment."""
    return {"RAY_USAGE_STATS_ENABLED": "0", **(CPU_ENV if platform == "cpu" else {})}


def _check(cfg: RLLaunch) -> None:
    """What `plan` raises."""
    check_start_model(cfg.model_path)
    check_settings(cfg)
    _check_data(cfg)
    if cfg.base_model is not None:
        check_model(cfg.model_path, cfg.base_model)


def check_settings(cfg: RLLaunch) -> None:
    """What `plan` raises that needs no data and no model.

    Raises:
        UserError: naming the setting.
    """
    check_overrides(cfg.overrides, _SETTINGS)
    if cfg.prompts_per_step % cfg.mini_batch:
        raise UserError(f"rl.prompts_per_step={cfg.prompts_per_step} is no multiple of rl.mini_batch={cfg.mini_batch}")
    if cfg.save_freq <= 0:
        raise UserError(f"rl.save_freq={cfg.save_freq}: must be positive, or the trained model is not kept")
    _check_reward(cfg)


def arguments(cfg: RLLaunch) -> list[str]:
    """The command line, unchecked: the files that it names need not be there yet."""
    longest = cfg.max_prompt_length + cfg.max_response_length
    micro_batch = max(cfg.micro_batch_tokens or (512 if cfg.platform == "cpu" else longest), longest)
    rollout = "actor_rollout_ref.rollout"
    settings: dict[str, object] = {
        "actor_rollout_ref.model.path": cfg.model_path,
        "data.train_files": _list(cfg.train_files),
        "data.val_files": _list(cfg.val_files),
        "data.train_batch_size": cfg.prompts_per_step,
        "data.max_prompt_length": cfg.max_prompt_length,
        "data.max_response_length": cfg.max_response_length,
        "data.seed": cfg.seed,
        "actor_rollout_ref.actor.ppo_mini_batch_size": cfg.mini_batch,
        "actor_rollout_ref.actor.ppo_max_token_len_per_gpu": micro_batch,
        "actor_rollout_ref.actor.optim.lr": cfg.learning_rate,
        "actor_rollout_ref.actor.data_loader_seed": cfg.seed,
        "actor_rollout_ref.actor.fsdp_config.seed": cfg.seed,
        f"{rollout}.n": cfg.rollouts,
        f"{rollout}.seed": cfg.seed,
        f"{rollout}.temperature": cfg.temperature,
        f"{rollout}.max_model_len": longest,
        f"{rollout}.max_num_batched_tokens": max(longest, 8192),
        f"{rollout}.tensor_model_parallel_size": cfg.tensor_parallel,
        f"{rollout}.val_kwargs.n": cfg.val_rollouts,
        f"{rollout}.val_kwargs.do_sample": cfg.val_temperature > 0,
        f"{rollout}.val_kwargs.temperature": cfg.val_temperature,
        f"{rollout}.val_kwargs.top_p": cfg.val_top_p,
        f"{rollout}.val_kwargs.top_k": cfg.val_top_k,
        "reward.custom_reward_function.path": _reward_path(cfg),
        "reward.custom_reward_function.name": cfg.reward_name,
        "trainer.total_training_steps": cfg.total_steps,
        "trainer.val_before_train": cfg.val_before_train,
        "trainer.test_freq": cfg.test_freq,
        "trainer.save_freq": cfg.save_freq,
        "trainer.nnodes": cfg.nnodes,
        "trainer.n_gpus_per_node": cfg.gpus_per_node,
        "trainer.default_local_dir": cfg.output_dir.resolve(),
        "hydra.run.dir": cfg.output_dir.resolve() / "hydra",
    }
    for key, folder in (("validation", cfg.validation_data_dir), ("rollout", cfg.rollout_data_dir)):
        if folder is not None:
            settings[f"trainer.{key}_data_dir"] = folder.resolve()
    return [
        *(sys.executable, "-m", "verl.trainer.main_ppo", "--config-name", "int_grpo"),
        *(["+int=cpu_grpo"] if cfg.platform == "cpu" else []),
        *hydra_overrides(settings),
        *cfg.overrides,
    ]


def run(
    cfg: RLLaunch,
    on_progress: Callable[[Progress], None] | None = None,
    hang_seconds: float = HANG_SECONDS,
) -> TrainedModel:
    """Trains, resuming from the last checkpoint, and returns the finished model; does nothing where it is finished.

    Raises:
        UserError: see `plan`.
        TrainerError, UserError: see `trainer_launch.train`.
    """
    return train(plan(cfg), on_progress, hang_seconds)


def _check_data(cfg: RLLaunch) -> None:
    import pyarrow.parquet as pq

    first = None
    for file in (*cfg.train_files, *cfg.val_files):
        if not file.exists():
            raise UserError(f"{file}: no such file")
        schema = pq.read_schema(file)
        for name in COLUMNS:
            if name not in schema.names:
                raise UserError(f"{file}: column {name} is missing; verl's RL rows have {', '.join(COLUMNS)}")
        if first is None:
            first = schema
        elif not schema.equals(first, check_metadata=False):
            raise UserError(f"{file}: its columns differ from those of {cfg.train_files[0]}; verl needs them equal")
    rows = sum(pq.read_metadata(file).num_rows for file in cfg.train_files)
    if rows < cfg.prompts_per_step:
        raise UserError(
            f"{cfg.train_files[0]}: {rows} rows are fewer than one batch of {cfg.prompts_per_step}; "
            "lower rl.prompts_per_step"
        )
    if not cfg.val_files:
        raise UserError("problems.heldout: verl's trainer needs a validation file, even with test_freq=-1")


def _check_reward(cfg: RLLaunch) -> None:
    if not cfg.reward_path.startswith("pkg://") and not Path(cfg.reward_path).is_file():
        raise UserError(f"{cfg.reward_path}: no such file; rl.reward_path is a python file or pkg://module")


def _reward_path(cfg: RLLaunch) -> str | Path:
    return cfg.reward_path if cfg.reward_path.startswith("pkg://") else Path(cfg.reward_path)


def _list(files: tuple[Path, ...]) -> str:
    return "[" + ",".join(quote(file) for file in files) + "]"
