"""The samples of an evaluation: asked for, drawn and graded, and given out problem by problem."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from int_verl.generate.engines.base import Request
from int_verl.generate.judged import judged
from int_verl.generate.problem_rows import Row
from int_verl.generate.prompts import Prompts
from int_verl.generate.sampler import Sampler
from int_verl.generate.seeds import evaluation_seed
from int_verl.grading import BaseGrader
from int_verl.problems.sets import Problem
from int_verl.settings.sampling import Sampling

T = TypeVar("T")
OfProblem = tuple[str, Problem, list[Row]]
"A problem's set, the problem, and a row a sample, see `graded_samples`."


@dataclass(frozen=True, slots=True)
class EvaluationSamples:
    """How every problem is asked, and how often."""

    prompts: Prompts
    sampling: Sampling
    samples: int
    "Of each problem."
    seed: int

    async def of_all(
        self, sampler: Sampler, grader: BaseGrader, problems: Iterable[tuple[str, Problem]], places: int
    ) -> AsyncGenerator[OfProblem, None]:
        """The samples of one problem after the other.

        Args:
            problems: each with the name of its set.
            places: requests that may be in flight.
        """
        # Twice as many problems as requests may be in flight: enough to wait for the slowest without running dry.
        ahead = 2 * (places // self.samples + 1)
        jobs = (self._of(sampler, grader, number, *problem) for number, problem in enumerate(problems))
        async with aclosing(in_order(jobs, ahead)) as results:
            async for result in results:
                yield result

    async def _of(
        self, sampler: Sampler, grader: BaseGrader, number: int, problem_set: str, problem: Problem
    ) -> OfProblem:
        question = self.prompts.solve(problem.problem)
        prompt_ids = sampler.codec.prompt_ids(question)
        seeds = [evaluation_seed(self.seed, problem_set, problem.id, index) for index in range(self.samples)]
        requests = [
            Request(prompt_ids, self.sampling, seed, (number, index), (question,), "eval")
            for index, seed in enumerate(seeds)
        ]
        return problem_set, problem, await graded_samples(sampler, grader, problem, requests, self.prompts)


async def graded_samples(
    sampler: Sampler, grader: BaseGrader, problem: Problem, requests: Sequence[Request], prompts: Prompts
) -> list[Row]:
    """Draw a sample a request.

    Returns:
        Of each ``sample`` (its index), ``text``, ``answer``, ``outcome`` (see `judged`), ``correct`` and the columns of
        `records.PROVENANCE`.
    """

    async def one(index: int, request: Request) -> Row:
        draw = await sampler.draw(request, prompts.solve_version)
        outcome, answer = await judged(draw, problem, grader)
        said = {"text": draw.text, "answer": answer, "outcome": outcome, "correct": outcome == "correct"}
        return {"sample": index, **said, **draw.provenance}

    return list(await asyncio.gather(*(one(index, request) for index, request in enumerate(requests))))


async def in_order(jobs: Iterable[Coroutine[Any, Any, T]], ahead: int) -> AsyncGenerator[T, None]:
    """The results of coroutines in their order, with so many of them running."""
    running: deque[asyncio.Task[T]] = deque()
    try:
        for job in jobs:
            running.append(asyncio.create_task(job))
            if len(running) >= ahead:
                yield await running.popleft()
        while running:
            yield await running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
