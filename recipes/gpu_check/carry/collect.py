"""The wheels that a host lacks: a lock's, without what is there and what is not needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "requirements"))

from pins import pins

_OLD_TAGS = ("manylinux1", "manylinux2010", "manylinux2014")


def lacking(lock: str, host: Mapping[str, Any]) -> dict[str, str]:
    """Package -> version, for those of the lock's lines `name==version` that have to be carried.

    >>> host = {"there": {"torch": "2.11.0", "numpy": "any", "peft": "0.1"}, "left_out": {"nvidia-*": "torch has it"}}
    >>> lacking("torch==2.11.0\\nnumpy==2.3\\npeft==0.2\\nnvidia-nccl==2\\n# a remark", host)
    {'peft': '0.2'}
    """
    return {name: version for name, version in pins(lock).items() if not _spared(name, version, host)}


def _spared(name: str, version: str, host: Mapping[str, Any]) -> bool:
    if any(fnmatch(name, pattern) for pattern in host["left_out"]):
        return True
    return any(fnmatch(name, pattern) and has in (version, "any") for pattern, has in host["there"].items())


def download(wanted: Mapping[str, str], host: Mapping[str, Any], folder: Path) -> None:
    """Fetches the wheels that fit the host's Python and glibc; those that are there already stay.

    Raises:
        CalledProcessError: the index has no such wheel; pip has said which.
    """
    built = {name: wanted[name] for name in host["built"] if name in wanted}
    ready = {name: version for name, version in wanted.items() if name not in built}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    common = ["--quiet", "--no-deps"]
    if built:
        subprocess.run([*pip, "wheel", *common, "--wheel-dir", folder, *_pins(built)], check=True)
    where = [*_fitting(host), "--only-binary=:all:", "--dest", str(folder)]
    subprocess.run([*pip, "download", *common, *where, *_pins(ready)], check=True)


def _pins(versions: Mapping[str, str]) -> list[str]:
    return [f"{name}=={version}" for name, version in versions.items()]


def _fitting(host: Mapping[str, Any]) -> Iterator[str]:
    """pip's options for another interpreter than its own; it matches a platform's tag letter by letter."""
    abi = f"cp{host['python'].replace('.', '')}"
    tags: Sequence[str] = (*_OLD_TAGS, *(f"manylinux_2_{number}" for number in range(5, host["glibc"] + 1)))
    yield from ("--python-version", host["python"], "--implementation", "cp")
    for name in (abi, "abi3", "none"):
        yield from ("--abi", name)
    for tag in tags:
        yield from ("--platform", f"{tag}_x86_64")
    yield from ("--platform", "linux_x86_64")
