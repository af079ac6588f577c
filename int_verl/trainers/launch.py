"""What the launches of SFT and RL share: one exact command of a stock trainer, and the finished model after it."""

from __future__ import annotations

import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

from omegaconf import DictConfig, OmegaConf

from int_verl.attention import VERLS_OWN, check_sequence_parallel, named_attention
from int_verl.doctor import check_flash_attention, has_nvidia
from int_verl.errors import UserError
from int_verl.hydra_overrides import hydra_overrides, key_and_value
from int_verl.settings.environment import as_hydra_reads, resolved
from int_verl.settings.training import RLSettings, SFTSettings
from int_verl.trainers.checkpoint import check_model, merge_adapters
from int_verl.trainers.composed import composed
from int_verl.trainers.hang import Patience
from int_verl.trainers.phases import SFT_PHASES, Phase
from int_verl.trainers.pickles import check_pickles
from int_verl.trainers.process import OnStep, OnWait, TrainerCommand, run_trainer
from int_verl.trainers.verl_folder import checkpointed_ranks, checkpointed_step

THREADS = "OMP_NUM_THREADS"

LEGACY_KEYS = {
    "custom_reward_function": "reward.custom_reward_function",
    "reward_model.reward_manager": "reward.reward_manager.name",
    "reward_model.launch_reward_fn_async": "nothing: rewards are always computed while rollouts run",
    "reward_model.num_workers": "reward.num_workers",
    "reward_model": "reward.reward_model",
    "sandbox_fusion": "reward.sandbox_fusion",
}
"Keys of earlier verl versions that 0.9 ignores without a word -> today's key."


def cpu_environment() -> dict[str, str]:
    """Of a trainer on a CPU: one thread a process, unless the environment says another number."""
    return {"VERL_PLATFORM": "cpu", THREADS: os.environ.get(THREADS, "1"), "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch(ABC):
    """A stock trainer with its settings, its files and its folder."""

    section: ClassVar[str]
    "Of the settings."
    primary: ClassVar[str]
    "The config that verl's Hydra starts from."
    cpu_fragment: ClassVar[str]
    "Of the config's group `int`, added on a CPU."
    model_section: ClassVar[str]
    "verl's key of the model."
    our_settings: ClassVar[Mapping[str, str]]
    "verl's key -> the setting that must be used instead, see `check_overrides`."
    model_in_checkpoint: ClassVar[str]
    phases: ClassVar[tuple[Phase, ...]] = SFT_PHASES
    env_of_workers: ClassVar[str | None] = None
    "See `TrainerCommand`."

    settings: SFTSettings | RLSettings
    model_path: Path
    "The model that is trained."
    output_dir: Path
    "verl's checkpoints."
    seed: int
    platform: Literal["cpu", "gpu"]

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """What the trainer needs in its environment."""

    @abstractmethod
    def program(self) -> list[str]:
        """What is started, up to the trainer's own arguments."""

    @abstractmethod
    def verl_settings(self) -> dict[str, object]:
        """verl's key -> value."""

    @abstractmethod
    def check_settings(self) -> None:
        """Refuses, with a UserError that names the setting, what can be told without data and model."""

    def patience(self) -> Patience:
        """How long the trainer may say nothing new."""
        return Patience(60 * self.settings.stall_minutes)

    def arguments(self) -> list[str]:
        """The command line, unchecked: the files that it names need not be there yet."""
        return [*self.program(), "--config-name", self.primary, *self.config_arguments()]

    def config_arguments(self) -> list[str]:
        """Those that Hydra composes the trainer's configuration from."""
        return [
            *([f"+int={self.cpu_fragment}"] if self.platform == "cpu" else []),
            *hydra_overrides(self.verl_settings()),
            *self.settings.overrides,
        ]

    def check_overrides(self) -> None:
        """Refuses overrides as `check_overrides` does, and those with which verl would train on wrong losses."""
        check_overrides(self.settings.overrides, self.our_settings)
        config = self._composed() if self.settings.overrides else None
        if config is not None:
            check_sequence_parallel(config)

    def check_host(self) -> None:
        """Refuses, on a host with a GPU, to train with flash-attn that is not installed; verl would at its start."""
        if self.platform == "gpu" and has_nvidia() and find_spec("flash_attn") is None:
            check = check_flash_attention("is not installed", {self.section: self.attention()})
            if not check.ok:
                raise UserError(f"{check.detail}; {check.remedy}")

    def attention(self) -> str:
        """What verl would train with, as transformers calls it."""
        config = self._composed()
        return VERLS_OWN if config is None else named_attention(OmegaConf.select(config, self.model_section))

    def _composed(self) -> DictConfig | None:
        return composed(self.primary, self.config_arguments(), f"{self.section}.overrides")

    def shell(self) -> str:
        """Environment and command line as a line for a terminal, unchecked."""
        environment = (f"{name}={shlex.quote(value)}" for name, value in self.environment().items())
        return " ".join([*environment, shlex.join(self.arguments())])

    def check_start_model(self) -> None:
        """Raises UserError where no model lies."""
        if not (self.model_path / "config.json").exists():
            raise UserError(f"{self.model_path}: no config.json there; model_path must be a folder with a model")

    def command_until(self, step: int, steps_per_epoch: int | None = None) -> TrainerCommand:
        """The command, unchecked, that is done when it has trained so many steps."""
        return TrainerCommand(
            argv=self.arguments(),
            env=self.environment(),
            output_dir=self.output_dir,
            expected_step=step,
            steps_per_epoch=steps_per_epoch,
            patience=self.patience(),
            start_model=self.model_path,
            model_in_checkpoint=self.model_in_checkpoint,
            ask_for=None if self.settings.trust_checkpoint else f"{self.section}.trust_checkpoint",
            env_of_workers=self.env_of_workers,
            phases=self.phases,
            ranks=self.settings.nnodes * self.settings.gpus_per_node,
        )


def check_overrides(overrides: Sequence[str], our_settings: Mapping[str, str]) -> None:
    """Refuses, with a UserError that names the right one, keys that verl 0.9 ignores and those of `our_settings`."""
    for override in overrides:
        if "=" not in override and not override.startswith("~"):
            raise UserError(f"{override}: no override; write key=value, as in a verl command line")
        key, _ = key_and_value(override)
        for legacy, today in LEGACY_KEYS.items():
            if key == legacy or key.startswith(f"{legacy}."):
                right = today + key[len(legacy) :] if today.startswith("reward.") else today
                raise UserError(f"{key}: verl 0.9 ignores this key; use {right}")
        if key == "trainer.logger" and "file" not in _names(override):
            raise UserError(f"{override}: the report draws its curves from the logger `file`; add it to the list")
        if key in our_settings:
            raise UserError(f"{override}: set {our_settings[key]} instead, so that the stage knows of it")


def _names(override: str) -> list[str]:
    """Of the loggers that an override names."""
    value = as_hydra_reads(resolved(override))
    return [str(name) for name in value] if isinstance(value, list) else [str(value)]


def check_ranks(command: TrainerCommand) -> None:
    """Refuses, with a UserError, a checkpoint of another number of ranks, in which verl would miss its shards."""
    found = checkpointed_ranks(command.output_dir)
    if None not in (found, command.ranks) and found != command.ranks:
        raise UserError(
            f"{command.output_dir}: the checkpoint was written by {found} ranks, and nnodes * gpus_per_node are "
            f"{command.ranks} now; take as many as before, or --force to start the stage anew"
        )


def train(command: TrainerCommand, on_step: OnStep | None = None, on_wait: OnWait | None = None) -> Path:
    """Trains, from the last checkpoint on and not at all where it is the last, and returns the finished model's folder.

    Raises:
        UserError: the checkpoint holds more than data, see `check_pickles`; the model is not fit to go on with, see
            `check_model`.
        TrainerError: see `run_trainer`.
    """
    if checkpointed_step(command.output_dir) != command.expected_step:
        check_ranks(command)
        if command.ask_for is not None:
            check_pickles(command.output_dir, command.ask_for)
        run_trainer(command, on_step, on_wait)
    model = command.output_dir / f"global_step_{command.expected_step}" / command.model_in_checkpoint
    merge_adapters(model)
    check_model(model, command.start_model)
    return model
