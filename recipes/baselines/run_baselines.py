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
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import comparison
from arms import ARMS, GENERATOR
from tables import print_tables

from int_verl.run.take_over import take_over

# Two thirds of the RL of the domains: there are six a seed. What SFT does to the end of answers is shown, no more.
SETTINGS = ("rl.total_steps=20", "sft.max_truncation_rise=1")
# A prompt with half of its reference solution must fit.
MAX_PROMPT_LENGTH = {"quickstart": 192, "long_chains": 352}


def main() -> None:
    parser = comparison.arguments(__doc__)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--only-tables", action="store_true", help="run nothing")
    args = comparison.parse(parser, "baselines")
    failed = 0 if args.only_tables else asyncio.run(run_all(args))
    print_tables(args.out, comparison.config(args.domain), range(args.seeds), lambda *arm: settings(args, *arm))
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


async def run_all(args: argparse.Namespace) -> int:
    """Run every arm of every seed, `jobs` at a time; what is done is passed over. Returns how many failed."""
    places = asyncio.Semaphore(args.jobs)
    # Whatever else is asked for, there is nothing to compare without the arm that generates.
    names = tuple(dict.fromkeys((GENERATOR, *args.arms)))

    async def one_arm(seed: int, name: str) -> bool:
        if name != GENERATOR:
            take_over(args.out / f"seed-{seed}" / GENERATOR, args.out / f"seed-{seed}" / name)
        async with places:
            return all([await run_stage(args, seed, name, stage) for stage in ARMS[name].stages])

    async def one_seed(seed: int) -> int:
        async with places:
            if not await run_stage(args, seed, GENERATOR, "guide"):
                return len(names)
        return (await asyncio.gather(*(one_arm(seed, name) for name in names))).count(False)

    return sum(await asyncio.gather(*map(one_seed, range(args.seeds))))


async def run_stage(args: argparse.Namespace, seed: int, name: str, stage: str) -> bool:
    """Run an arm up to a stage; a failure is said and does not stop the other arms."""
    log = args.out / f"seed-{seed}" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("a") as stream:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "int_verl.cli", stage, "--config", str(comparison.config(args.domain))),
            *settings(args, seed, name),
            env=os.environ | {"COLUMNS": "120"},
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:  # Ctrl-C, which the run has been sent as well: it tidies up
            await process.wait()
            raise
    fate = f"failed with exit code {code}, see {log}" if code else "done"
    print(f"seed {seed}, {name}: {stage} {fate} after {time.monotonic() - started:.0f} s", flush=True)
    return not code


if __name__ == "__main__":
    main()
