"""What the launches of SFT and RL share: checks before a trainer starts, and the finished model after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from int_verl.errors import TrainerError, UserError
from int_verl.trainers import process as trainer_process
from int_verl.trainers.checkpoint import check_model
from int_verl.trainers.lora import merge_adapters
from int_verl.trainers.process import Progress, TrainerCommand

CPU_ENV = {"VERL_PLATFORM": "cpu", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

LEGACY_KEYS = {
    "custom_reward_function": "reward.custom_reward_function",
    "reward_model.reward_manager": "reward.reward_manager.name",
    "reward_model.launch_reward_fn_async": "nothing: rewards are always computed while rollouts run",
    "reward_model.num_workers": "reward.num_workers",
    "reward_model": "reward.reward_model",
    "sandbox_fusion": "reward.sandbox_fusion",
}
"Keys of earlier verl versions that 0.9 ignores without a word -> today's key."


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What a finished trainer leaves."""

    model_path: Path
    "A folder that transformers, vLLM and verl load."
    steps: int


def train(
    command: TrainerCommand,
    on_progress: Callable[[Progress], None] | None,
    hang_seconds: float,
    before_start: Callable[[], None] = lambda: None,
) -> TrainedModel:
    """Trains, resuming from the last checkpoint, and returns the finished model; does nothing where it is finished.

    Args:
        before_start: called before the trainer is started, and only then.

    Raises:
        UserError: the model is not fit to go on with, see `check_model`.
        TrainerError: see `trainer_process.run`.
    """
    if trainer_process.checkpointed_step(command.output_dir) != command.expected_step:
        before_start()
        trainer_process.run(command, on_progress, hang_seconds)
    done = trained_model(command)
    if done is None:
        raise TrainerError(f"the trainer ended without a model; see {command.log_path}")
    return done


def trained_model(command: TrainerCommand) -> TrainedModel | None:
    """The finished model, or None while verl's last checkpoint is not that of the last step.

    Raises:
        UserError: see `check_model`.
    """
    if trainer_process.checkpointed_step(command.output_dir) != command.expected_step:
        return None
    model = command.output_dir / f"global_step_{command.expected_step}" / command.model_in_checkpoint
    merge_adapters(model)
    check_model(model, command.start_model)
    return TrainedModel(model, command.expected_step)


def check_start_model(folder: Path) -> None:
    """Raises UserError where no model lies."""
    if not (folder / "config.json").exists():
        raise UserError(f"{folder}: no config.json there; model_path must be a folder with a model")


def check_overrides(overrides: tuple[str, ...], settings: Mapping[str, str]) -> None:
    """Refuses keys that verl 0.9 ignores, and those that the stage must know about.

    Args:
        settings: verl's key -> the setting of ours that must be used instead, such as ``sft.epochs``.

    Raises:
        UserError: naming the key and the right one.
    """
    for override in overrides:
        key, equals, _ = override.lstrip("+~").partition("=")
        if not equals and not override.startswith("~"):
            raise UserError(f"{override}: no override; write key=value, as in a verl command line")
        for legacy, today in LEGACY_KEYS.items():
            if key == legacy or key.startswith(f"{legacy}."):
                right = today + key[len(legacy) :] if today.startswith("reward.") else today
                raise UserError(f"{key}: verl 0.9 ignores this key; use {right}")
        if key in settings:
            raise UserError(f"{override}: set {settings[key]} instead, so that the stage knows when it is done")
