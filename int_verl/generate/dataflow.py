"""From problems to interventions: one coroutine a problem, no barrier between stages.

No problem waits for another, so the engine has work from every stage at once and never drains at a stage's end. What
becomes of one problem is in `int_verl.generate.one_problem`, and of a case in `int_verl.generate.conversations`.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterable

from int_verl.generate.conversations.one_conversation import OneConversation
from int_verl.generate.one_problem import OneProblem
from int_verl.generate.parts import Parts
from int_verl.generate.problem_rows import ProblemRows
from int_verl.generate.spool import Spool
from int_verl.problems.sets import Problem
from int_verl.settings.generation import Until


class Generator(Parts):
    """The dataflow of one run."""

    async def run(self, problems: Iterable[Problem], spool: Spool, until: Until) -> None:
        """Take every problem up to `until` and put its `ProblemRows` into the spool under its position.

        As many problems are begun as requests may be in flight, so memory does not grow with the problem set.
        """
        running: set[asyncio.Task[None]] = set()
        # Libraries, tokenizer and templates stay until the end: going through them with every collection of the garbage
        # that requests leave is a fifth of the driver's time.
        gc.freeze()

        async def one(number: int, problem: Problem) -> None:
            spool.put(number, await self.solve(problem, until, number))
            self.watcher.count("problems")

        try:
            for number, problem in enumerate(problems):
                if len(running) >= self.settings.in_flight:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    _raise_first(done)
                running.add(asyncio.create_task(one(number, problem)))
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
                _raise_first(done)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            gc.unfreeze()

    async def solve(self, problem: Problem, until: Until, number: int = 0) -> ProblemRows:
        """All rows of one problem; the engine prefers those of smaller numbers."""
        if self.conversing is not None:
            return await OneConversation(self, self.conversing, problem, number).solve(until)
        return await OneProblem(self, problem, number).solve(until)


def _raise_first(done: Iterable[asyncio.Task[None]]) -> None:
    """Raise what one of the tasks raised; what the others raised beside it counts as seen."""
    errors = [error for task in done if (error := task.exception()) is not None]
    if errors:
        raise errors[0]
