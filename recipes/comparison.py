"""What the comparisons on the quickstart's problems share: arguments, problem sets, and where a run of theirs lies."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

QUICKSTART = Path(__file__).parent / "quickstart"
CONFIG = QUICKSTART / "quickstart.yaml"


def arguments(description: str | None, out: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side; each keeps a core and 5 GB busy")
    parser.add_argument("--out", type=Path, default=Path(out))
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings of int-verl, for every run")
    return parser


def write_problem_sets(out: Path) -> None:
    """Once for all runs in the folder."""
    sets = out / "problem_sets"
    if not (sets / "heldout.jsonl").is_file():
        subprocess.run([sys.executable, QUICKSTART / "make_problems.py", "--out", sets], check=True)


def settings(out: Path, seed: int, name: str) -> list[str]:
    """The settings in which runs differ by their place: `OUT/seed-S/NAME`."""
    return [
        f"run.name={name}",
        f"run.dir={out}/seed-{seed}/{name}",
        f"run.seed={seed}",
        f"problems.train={out}/problem_sets/train.jsonl",
        f"problems.heldout={out}/problem_sets/heldout.jsonl",
    ]
