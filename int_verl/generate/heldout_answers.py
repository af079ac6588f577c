"""A model's answers to some held-out problems, before and after it is trained."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from int_verl.generate.engines.base import Request
from int_verl.generate.prompts import Prompts
from int_verl.generate.sampler import Draw, Sampler
from int_verl.generate.seeds import evaluation_seed, request_seed
from int_verl.grading import BaseGrader
from int_verl.problems.sets import Problem
from int_verl.settings.sampling import Sampling

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HeldoutAnswers:
    """Which answers: the first samples of the evaluation, so that it need not draw them again."""

    problems: Callable[[], Iterable[Problem]]
    "The held-out problems."
    most_problems: int
    "So many of them, chosen by hash."
    samples: int
    "Answers a problem."
    prompts: Prompts
    sampling: Sampling
    seed: int

    def chosen(self) -> list[Problem]:
        """The problems that are answered."""
        return heapq.nsmallest(
            self.most_problems, self.problems(), key=lambda problem: request_seed(self.seed, "ending", problem.id)
        )

    async def draw(self, sampler: Sampler, told: Callable[[], None] = lambda: None) -> list[tuple[Problem, int, Draw]]:
        """Problem, sample and what came of it, in this order; `told`: called at each."""
        version = self.prompts.solve_version

        async def one(problem: Problem, prompt_ids: tuple[int, ...], sample: int) -> tuple[Problem, int, Draw]:
            seed, turns = evaluation_seed(self.seed, "heldout", problem.id, sample), (self._question(problem),)
            draw = await sampler.draw(Request(prompt_ids, self.sampling, seed, turns=turns, stage="ending"), version)
            told()
            return problem, sample, draw

        prompted = [(problem, sampler.codec.prompt_ids(self._question(problem))) for problem in self.chosen()]
        return await asyncio.gather(
            *(one(problem, prompt_ids, sample) for problem, prompt_ids in prompted for sample in range(self.samples))
        )

    def _question(self, problem: Problem) -> str:
        return self.prompts.solve(problem.problem)

    async def graded(
        self, sampler: Sampler, grader: BaseGrader, when: str, told: Callable[[], None] = lambda: None
    ) -> list[Row]:
        """The answers as `records.ANSWER` rows, the probabilities of the end token aside."""

        async def row(problem: Problem, sample: int, draw: Draw) -> Row:
            correct = False
            if draw.text is not None:
                grade = await grader.agrade_response(draw.text, problem.answer, problem.source, problem.reward_info)
                correct = grade.correct
            which = {"when": when, "problem_id": problem.id, "sample": sample}
            ends = {"end_before": None, "end_after": None}
            return {**which, "text": draw.text, "correct": correct, **ends, **draw.provenance}

        return await asyncio.gather(*(row(*drawn) for drawn in await self.draw(sampler, told)))
