"""InT and every baseline on the tiny model, from the same attempts, and the paper's tables beside ours.

    python recipes/baselines/run_baselines.py --seeds 3              # hours; the same command goes on after a stop
    python recipes/baselines/run_baselines.py --seeds 3 --only-tables  # of what there is so far
    python recipes/baselines/run_baselines.py --seeds 1 --out runs/baselines-check rl.total_steps=2 ...

Each arm is a run of `int-verl` in a folder of its own, `OUT/seed-S/ARM`. The arm `int` generates; the others take over
its folders `sample`, `propose` and `guide`, so nothing is drawn twice and all train on the same problems.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from arms import ARMS, GENERATOR
from tables import print_tables

from int_verl.baselines.shared_run import take_over

QUICKSTART = Path(__file__).parents[1] / "quickstart"
CONFIG = QUICKSTART / "quickstart.yaml"
# A prompt with half of its reference solution must fit.
SETTINGS = ("rl.max_prompt_length=192",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0")
    parser.add_argument("--out", type=Path, default=Path("runs/baselines"))
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--only-tables", action="store_true", help="run nothing")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings of int-verl, for every arm")
    args = parser.parse_intermixed_args()
    sets = args.out / "problem_sets"
    if not (sets / "heldout.jsonl").is_file():
        subprocess.run([sys.executable, QUICKSTART / "make_problems.py", "--out", sets], check=True)
    for seed in range(args.seeds):
        # Whatever else is asked for, there is nothing to compare without the arm that generates.
        for name in dict.fromkeys((GENERATOR, *args.arms)):
            if not args.only_tables:
                run_arm(args.out, seed, name, args.overrides)
    print_tables(args.out, range(args.seeds), lambda seed, name: settings(args.out, seed, name, args.overrides))


def settings(out: Path, seed: int, name: str, overrides: list[str]) -> list[str]:
    """The settings of one arm, as `key=value`."""
    prompts = Path(__file__).parent / "prompts"
    return [
        f"run.name={name}",
        f"run.dir={out}/seed-{seed}/{name}",
        f"run.seed={seed}",
        f"problems.train={out}/problem_sets/train.jsonl",
        f"problems.heldout={out}/problem_sets/heldout.jsonl",
        f"prompts.hint={prompts}/hint.jinja",
        f"prompts.self_reflection={prompts}/self_reflection.jinja",
        *SETTINGS,
        *ARMS[name].overrides,
        *overrides,
    ]


def run_arm(out: Path, seed: int, name: str, overrides: list[str]) -> None:
    """Run an arm's stages; those that are done are passed over.

    Raises:
        SystemExit: a stage failed; its message is on the screen.
    """
    folder = out / f"seed-{seed}" / name
    if name != GENERATOR:
        take_over(out / f"seed-{seed}" / GENERATOR, folder)
    for stage in ARMS[name].stages:
        print(f"\n=== seed {seed}, {name}: {stage}", flush=True)
        started = time.monotonic()
        command = [sys.executable, "-m", "int_verl.cli", stage, "--config", CONFIG]
        done = subprocess.run([*command, *settings(out, seed, name, overrides)], env=os.environ | {"COLUMNS": "120"})
        if done.returncode:
            sys.exit(done.returncode)
        print(f"=== {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
