"""From a recipe to verl's configuration: the stock commands of a dry run, and what several versions of verl compose."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Commands = dict[str, list[str]]


def stock_commands(arguments: list[str]) -> Commands:
    """`int-verl ... --dry-run`: stage -> the command of verl's that it would start."""
    from int_verl.cli import cli
    from int_verl.errors import UserError

    printed = io.StringIO()
    # This machine has no GPUs and the tiny model no room for the paper's lengths, which is said below the plan.
    with contextlib.redirect_stdout(printed), contextlib.suppress(UserError):
        cli.main([*arguments, "--dry-run"], standalone_mode=False)
    commands: Commands = {}
    stage = ""
    for line in printed.getvalue().splitlines():
        if line.startswith("▸ "):
            stage = line.removeprefix("▸ ").partition(":")[0]
        if " -m verl.trainer." in line:
            commands[stage] = shlex.split(line)
    return commands


def startable(commands: Commands, model: Path) -> Commands:
    """The same, but starting from `model` where the checkpoint to start from does not exist yet."""

    def present(argument: str) -> str:
        return f"{argument.partition('=')[0]}={model}" if "LAST_STEP" in argument else argument

    return {stage: [present(argument) for argument in command] for stage, command in commands.items()}


def compose_all(versions: Mapping[str, Path | None], commands: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
    """Version -> name of a command -> what that verl composes and accepts; the versions side by side.

    Args:
        versions: where each lies; None: installed.
    """
    running = {}
    once = {json.dumps(command): name for name, command in commands.items()}  # many a recipe differs elsewhere
    different = {name: commands[name] for name in once.values()}
    for version, folder in versions.items():
        env = {**os.environ, "OMP_NUM_THREADS": "1", **({"PYTHONPATH": str(folder)} if folder else {})}
        running[version] = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("compose_commands.py")],
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    composed = {}
    for process in running.values():
        assert process.stdin is not None
        process.stdin.write(json.dumps(different))
        process.stdin.close()
        process.stdin = None
    for version, process in running.items():
        out, err = process.communicate()
        assert process.returncode == 0, f"verl {version}: {err[-3000:]}"
        answer = json.loads(out.rpartition("COMPOSED")[2])
        assert answer["verl"] == version
        assert answer["plugin"], f"verl {version} did not load int_verl.plugin"
        composed[version] = {name: answer["configs"][once[json.dumps(command)]] for name, command in commands.items()}
    return composed
