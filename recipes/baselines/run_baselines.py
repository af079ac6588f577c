"""InT and every baseline on a tiny model, from the same attempts, and the paper's tables beside ours.

    python recipes/baselines/run_baselines.py --seeds 3 --jobs 2     # the same command goes on after a stop
    python recipes/baselines/run_baselines.py --seeds 3 --only-tables  # of what there is so far
    python recipes/baselines/run_baselines.py --domain long_chains
    python recipes/baselines/run_baselines.py --seeds 1 --out runs/baselines-check rl.total_steps=2 ...

Each arm is a run of `int-verl` in a folder of its own, `OUT/seed-S/ARM`. The arm `int` generates; the others take over
its folders `sample`, `propose` and `guide`, so nothing is drawn twice and all train on the same problems. What
`int-verl` says is in `OUT/seed-S/ARM.log`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import comparison
from arm_runs import ArmRuns
from arms import ARMS, GENERATOR
from tables import print_tables

# Two thirds of the RL of the domains: there are six a seed. What SFT does to the end of answers is shown, no more.
SETTINGS = ("rl.total_steps=20", "sft.max_truncation_rise=1")
# A prompt with half of its reference solution must fit.
MAX_PROMPT_LENGTH = {"quickstart": 192, "long_chains": 352}


def main() -> None:
    parser = comparison.arguments(__doc__)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--only-tables", action="store_true", help="run nothing")
    args = comparison.parse(parser, "baselines")
    config = comparison.config(args.domain)
    runs = ArmRuns(
        out=args.out,
        config=config,
        stages={name: arm.stages for name, arm in ARMS.items()},
        generator=GENERATOR,
        settings=lambda seed, name: settings(args, seed, name),
        jobs=args.jobs,
    )
    failed = 0 if args.only_tables else asyncio.run(runs.run(args.seeds, args.arms))
    print_tables(args.out, config, range(args.seeds), runs.settings)
    if failed:
        sys.exit(1)


def settings(args: argparse.Namespace, seed: int, name: str) -> list[str]:
    """The settings of one arm, as `key=value`."""
    prompts = Path(__file__).parent / "prompts"
    return [
        *comparison.settings(args.out, seed, name),
        f"prompts.hint={prompts}/hint.jinja",
        f"prompts.self_reflection={prompts}/self_reflection.jinja",
        f"rl.max_prompt_length={MAX_PROMPT_LENGTH[args.domain]}",
        *SETTINGS,
        *ARMS[name].overrides,
        *args.overrides,
    ]


if __name__ == "__main__":
    main()
