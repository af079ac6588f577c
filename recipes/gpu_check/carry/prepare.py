"""Prepares the check on a host without internet: every wheel, every piece, every call, before the host is asked for.

    python recipes/gpu_check/carry/prepare.py      # runs/carry/calls.json: one call after another

`host.yaml` says what the host has. Needs an index of packages, pip, and int_verl installed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from collect import download, lacking
from omegaconf import OmegaConf
from pieces import LIST, split

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
THERE = "/tmp/gpu-check"
"A folder of the host."
MARGIN_MIB, MARGIN_SECONDS = 1, 15
GO_ON = 3
"How many calls follow the one that installs; each begins what ends within it."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements" / "gpu.txt", help="lines of name==version")
    parser.add_argument("--host", type=Path, default=HERE / "host.yaml")
    parser.add_argument("--out", type=Path, default=Path("runs/carry"), help="inside the checkout, ignored by git")
    args = parser.parse_args()
    host: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(args.host))  # type: ignore[assignment]
    wanted = lacking(args.lock.read_text(), host)
    shutil.rmtree(args.out, ignore_errors=True)
    wheels = args.out / "wheels"
    wheels.mkdir(parents=True)
    download(wanted, host, wheels)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", wheels, ROOT], check=True)
    size = int((host["call_mib"] - MARGIN_MIB) * 2**20) - checkout_bytes()
    pieces = split(wheels, args.out / "pieces", size)
    calls = prepared(pieces, args.out, host["call_seconds"] - MARGIN_SECONDS)
    (args.out / "calls.json").write_text(json.dumps(calls, indent=2) + "\n")
    total = sum(file.stat().st_size for file in wheels.iterdir())
    print(
        f"{len(wanted) + 1} wheels of {total / 2**20:,.0f} MiB, {len(pieces)} pieces of {size / 2**20:.1f} MiB at most"
    )
    print(f"{len(calls)} calls in {args.out / 'calls.json'}")


def checkout_bytes() -> int:
    """Of what travels with every call: files that git knows or does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    files = (ROOT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name)
    return sum(file.lstat().st_size for file in files if file.is_file())


def prepared(pieces: Sequence[Path], out: Path, seconds: int) -> list[Mapping[str, Any]]:
    """The calls, in their order: what each carries besides the checkout, how long it may last, and its command.

    The last piece brings the installation and the first parts with it; the calls after it go on.
    """
    scripts, python = "recipes/gpu_check/carry", f"{THERE}/venv/bin/python"
    # $OUT is where the host takes what is to come back. A failed check must not hide the table.
    check = (
        f"{python} recipes/gpu_check/run_gpu_check.py --out {THERE}/run --minutes $((({seconds}-SECONDS)/60)); "
        f"cp {THERE}/run/gpu_check.* {THERE}/run/*.log $OUT/"
    )
    install = (
        f"python3 {scripts}/pieces.py join {THERE}/pieces {THERE}/wheels && "
        f"python3 {scripts}/install.py {THERE}/wheels {THERE}/venv && "
        f"rm -r {THERE}/pieces {THERE}/wheels && {{ {check}; }}"
    )
    calls: list[Mapping[str, Any]] = []
    for number, piece in enumerate(pieces):
        folder = out / f"call-{number:02d}"
        folder.mkdir()
        piece.rename(folder / piece.name)
        shutil.copy(piece.with_name(LIST), folder)
        last = number == len(pieces) - 1
        command = f"python3 {scripts}/pieces.py receive {folder} {THERE}/pieces"
        calls.append(_call(command + (f" && {install}" if last else ""), seconds if last else 120, folder))
    return calls + [_call(check, seconds) for _ in range(GO_ON)]


def _call(command: str, seconds: int, *carried: Path) -> Mapping[str, Any]:
    return {"command": command, "carry": [str(folder) for folder in carried], "timeout_s": seconds}


if __name__ == "__main__":
    main()
