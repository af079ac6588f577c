"""Launches of the two trainers for tests: the default settings, but for what a test changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from int_verl.settings.compose import section
from int_verl.settings.evaluation import EvalSettings
from int_verl.settings.training import RLSettings, SFTSettings
from int_verl.trainers.rl import RLLaunch
from int_verl.trainers.sft import SFTLaunch

SECTIONS = {"sft": SFTSettings, "rl": RLSettings, "eval": EvalSettings}


def sft_launch(model: Path, train: Path, out: Path, **changes: Any) -> SFTLaunch:
    """On the CPU. `changes` are of the launch's own fields, or of the settings `sft`.

    Raises:
        UserError: a value that the settings do not allow.
    """
    own = {"model_path": model, "train_file": train, "val_file": None, "output_dir": out, "seed": 1, "platform": "cpu"}
    return SFTLaunch(**_changed(own, changes), settings=_section("sft", changes))


def rl_launch(model: Path, rows: Path, out: Path, **changes: Any) -> RLLaunch:
    """On the CPU, trained and validated on the same rows. `changes` as in `sft_launch`."""
    own = {"model_path": model, "base_model": None, "output_dir": out, "seed": 1, "platform": "cpu"}
    own |= {"train_files": (rows,), "val_files": (rows,)}
    own |= {"validation_dir": out.parent / "validation", "rollout_dir": out.parent / "rollouts"}
    evaluation = _section("eval", {})
    return RLLaunch(**_changed(own, changes), settings=_section("rl", changes), evaluation=evaluation)


def _changed(own: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`own` with what `changes` has of it, which is taken out of there."""
    return {name: changes.pop(name, value) for name, value in own.items()}


def _section(name: str, changes: dict[str, Any]) -> Any:
    return section(OmegaConf.create({name: changes}), name, SECTIONS[name])
