"""What the comparisons on the tiny models' domains share: arguments, problem sets, and where a run of theirs lies."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

DOMAINS = ("quickstart", "long_chains")


def config(domain: str) -> Path:
    return Path(__file__).parent / domain / f"{domain}.yaml"


def arguments(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", choices=DOMAINS, default=DOMAINS[0], help="the recipe with the problems and model")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side; each keeps a core and 5 GB busy")
    parser.add_argument("--out", type=Path, help="default: a folder in runs/ with the comparison's and domain's names")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings of int-verl, for every run")
    return parser


def parse(parser: argparse.ArgumentParser, name: str) -> argparse.Namespace:
    """The arguments, with the folder of the comparison `name` where none was given; its problem sets are written."""
    args = parser.parse_intermixed_args()
    if args.out is None:
        args.out = Path("runs") / (name if args.domain == DOMAINS[0] else f"{name}-{args.domain}")
    sets = args.out / "problem_sets"
    if not (sets / "heldout.jsonl").is_file():
        script = config(args.domain).parent / "make_problems.py"
        subprocess.run([sys.executable, script, "--out", sets], check=True)
    return args


def settings(out: Path, seed: int, name: str) -> list[str]:
    """The settings in which runs differ by their place: `OUT/seed-S/NAME`."""
    return [
        f"run.name={name}",
        f"run.dir={out}/seed-{seed}/{name}",
        f"run.seed={seed}",
        f"problems.train={out}/problem_sets/train.jsonl",
        f"problems.heldout={out}/problem_sets/heldout.jsonl",
    ]
