"""Runs of `int-verl` side by side that share what one of them generated: the arms of a comparison."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from int_verl.run.take_over import take_over


@dataclass(frozen=True, slots=True)
class ArmRuns:
    """Each arm of each seed in `OUT/seed-S/ARM`, what it says in `OUT/seed-S/ARM.log`; what is done is passed over."""

    out: Path
    config: Path
    "The recipe."
    stages: Mapping[str, Sequence[str]]
    "Arm -> commands of int-verl, in order."
    generator: str
    "The arm whose attempts, proposals and guided rollouts the others take over."
    settings: Callable[[int, str], list[str]]
    "Seed, arm -> `key=value` of int-verl."
    jobs: int
    "Runs side by side."

    async def run(self, seeds: int, arms: Sequence[str]) -> int:
        """Run the generator and these arms of every seed; returns how many failed."""
        places = asyncio.Semaphore(self.jobs)
        # Whatever else is asked for, there is nothing to compare without the arm that generates.
        names = tuple(dict.fromkeys((self.generator, *arms)))

        async def one_arm(seed: int, name: str) -> bool:
            if name != self.generator:
                take_over(self.out / f"seed-{seed}" / self.generator, self.out / f"seed-{seed}" / name)
            async with places:
                return all([await self._stage(seed, name, stage) for stage in self.stages[name]])

        async def one_seed(seed: int) -> int:
            async with places:
                if not await self._stage(seed, self.generator, "guide"):
                    return len(names)
            return (await asyncio.gather(*(one_arm(seed, name) for name in names))).count(False)

        return sum(await asyncio.gather(*map(one_seed, range(seeds))))

    async def _stage(self, seed: int, name: str, stage: str) -> bool:
        """Run an arm up to a stage; a failure is said and does not stop the other arms."""
        log = self.out / f"seed-{seed}" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        with log.open("a") as stream:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "int_verl.cli", stage, "--config", str(self.config)),
                *self.settings(seed, name),
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
