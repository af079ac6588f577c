"""Where the outputs of a stage come from: the command that was typed, the host, and the commit of int_verl."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

import int_verl
from int_verl.settings.written import written_config


def origin(command: Sequence[str]) -> dict[str, Any]:
    """As a manifest has it: ``{"command": ["int-verl", "run"], "host": "node7", "commit": "0a1b2c3d4e5f"}``."""
    found = {"command": list(command), "host": platform.node(), "commit": _commit()}
    return {name: value for name, value in found.items() if value}


def command_line(command: str, config_file: Path | None, overrides: Sequence[str], config: DictConfig) -> list[str]:
    """A command of the schedule as it was typed, its settings as `config.yaml` has them: without secrets."""
    kept = written_config(config)
    words = ["int-verl", command, *(["--config", str(config_file)] if config_file else [])]
    for override in overrides:
        key = override.partition("=")[0].lstrip("+~")
        value = OmegaConf.select(kept, key)
        plain = OmegaConf.to_container(value, resolve=False) if OmegaConf.is_config(value) else value
        words.append(f"{key}={plain if isinstance(plain, str) else json.dumps(plain)}")
    return words


@cache
def _commit() -> str | None:
    """Of the checkout that int_verl is imported from, `-dirty` where its files were changed; None without one."""
    checkout = Path(int_verl.__file__).parents[1]
    if not (checkout / ".git").exists():
        return None
    ask = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    try:
        return subprocess.run(ask, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
