"""The way of one problem to its interventions.

    attempts -> grade -> verifications of the incorrect ones -> parse, filter -> guided rollouts -> grade -> select

Each request has a seed of its own, made from the run's seed and what the request is for, so rows do not depend on
the order in which requests finish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import get_args

from int_verl.generate.acceptance import Acceptance, Verdict
from int_verl.generate.advice import Kind
from int_verl.generate.candidates import Attempt, Candidate
from int_verl.generate.engines.base import Request
from int_verl.generate.given import GIVEN
from int_verl.generate.hints import hint
from int_verl.generate.judged import judged
from int_verl.generate.parts import Parts
from int_verl.generate.problem_rows import ProblemRows, Row
from int_verl.generate.sampler import Draw, Sampler
from int_verl.generate.seeds import request_seed, share_has
from int_verl.generate.thinking import steps_begin
from int_verl.interventions import Intervention
from int_verl.problems.sets import Problem
from int_verl.records import PROVENANCE
from int_verl.settings.generation import OF_PROBLEM, WITH_HINT, Condition, Until
from int_verl.settings.sampling import Sampling
from int_verl.steps import cut_steps, prefix_tokens

# The second part of `Request.order`: of one problem the deeper stages go first.
GUIDE, VERIFY, GUIDED_SOLUTION, SAMPLE = range(4)
_STAGES: tuple[Until, ...] = ("guide", "propose", "propose", "sample")
_CONDITIONS = get_args(Condition)
_NOT_ASKED: Row = dict.fromkeys(field.name for field in PROVENANCE) | {"model": GIVEN, "finish_reason": GIVEN}

Proposed = tuple[Row, Candidate | None]
"""A row of `proposals`, and the candidate if it was accepted."""


class OneProblem:
    """The stages of one problem, in their order; each adds to `rows`."""

    def __init__(self, parts: Parts, problem: Problem, number: int) -> None:
        self.policy, self.proposer = parts.policy, parts.proposer or parts.policy
        self.prompts, self.grader = parts.prompts, parts.grader
        self.settings, self.watcher, self.early = parts.settings, parts.watcher, parts.early
        self.given = parts.given
        self.problem, self.rows = problem, ProblemRows(number)
        self.acceptance = Acceptance(self.settings.propose, self.policy.codec, problem.answer)
        self.question = self.prompts.solve(problem.problem)
        self.prompt_ids = self.policy.codec.prompt_ids(self.question)

    async def solve(self, until: Until) -> ProblemRows:
        attempts = await self._sample()
        if until == "sample" or not attempts:
            return self.rows
        candidates = await self._propose(attempts)
        if until == "propose" or not candidates:
            return self.rows
        await self._guide(candidates)
        self._select(candidates)
        return self.rows

    async def _sample(self) -> list[Attempt]:
        """Draw or take the attempts and grade them; return those to ask interventions for."""
        drawn = await self._attempts()
        solved = any(row["correct"] for row, _ in drawn)
        chosen: list[Attempt] = []
        for row, attempt in drawn:
            row["skipped"] = self._why_skipped(row, attempt, solved, chosen)
            if not row["skipped"]:
                chosen.append(attempt)
                self.watcher.count("incorrect")
            self.rows.attempts.append(row)
        return chosen

    async def _attempts(self) -> Sequence[tuple[Row, Attempt]]:
        """All attempts with their rows, `skipped` aside."""
        given = self.given.attempts_of(self.problem.id)
        if given:
            draws = [self.policy.take(row["text"] or "", self.prompt_ids) for row in given]
        else:
            draws = await asyncio.gather(*map(self._draw_attempt, range(self.settings.sample.attempts)))
        return await asyncio.gather(*map(self._attempt, range(len(draws)), draws))

    async def _draw_attempt(self, index: int) -> Draw:
        sampling, purpose = self.settings.sample.sampling, ("sample", self.problem.id, index)
        request = self._request(self.prompt_ids, (self.question,), sampling, purpose, (SAMPLE, index))
        return await self._draw(self.policy, request, self.prompts.solve_version)

    async def _attempt(self, index: int, draw: Draw) -> tuple[Row, Attempt]:
        outcome, answer = await judged(draw, self.problem, self.grader)
        text = draw.text or ""
        begin = steps_begin(text, draw.opened_thinking, self.settings.sample.thinking)
        attempt = Attempt(index, draw.token_ids, cut_steps(text, self.settings.steps.by, begin))
        return self._attempt_row(attempt, draw.text, outcome, answer, draw.provenance, begin), attempt

    def _attempt_row(
        self, attempt: Attempt, text: str | None, outcome: str, answer: str | None, more: Row, begin: int = 0
    ) -> Row:
        """`more`: provenance, and whatever else the table has."""
        self._ended("attempts", outcome)
        self.watcher.count("attempts")
        return {
            "problem_id": self.problem.id,
            "attempt": attempt.index,
            "text": text,
            "answer": answer,
            "outcome": outcome,
            "correct": outcome == "correct",
            "steps": len(attempt.steps),
            "steps_begin": begin,
            **more,
        }

    def _why_skipped(self, row: Row, attempt: Attempt, solved: bool, chosen: Sequence[Attempt]) -> str:
        settings = self.settings.propose
        if row["outcome"] not in settings.outcomes:
            return str(row["outcome"])
        if settings.only_unsolved and solved:
            return "problem_solved"
        if not attempt.steps.text[attempt.steps.begin :].strip():
            return "empty"
        if settings.max_steps is not None and len(attempt.steps) > settings.max_steps:
            return "too_many_steps"
        if any(attempt.token_ids == other.token_ids for other in chosen):
            return "duplicate"
        return ""

    # Propose

    async def _propose(self, attempts: Sequence[Attempt]) -> list[Candidate]:
        """The proposals, asked for or given, that parse and pass: no duplicates, of an attempt all or the first."""
        given = self.given.interventions_of(self.problem.id)
        if given is None:
            drawn = await self._verifications(attempts)
        else:
            drawn = [
                self._take(attempt, index, row)
                for attempt in attempts
                for index, row in enumerate(given.get(attempt.index, []))
            ]
        candidates: dict[tuple[str, str], Candidate] = {}
        passed: set[int] = set()
        for row, candidate in drawn:
            if candidate is not None and self.settings.propose.use == "first" and candidate.attempt.index in passed:
                row["status"] = "not_first"
            elif candidate is not None:
                passed.add(candidate.attempt.index)
                first = candidates.setdefault((candidate.before, candidate.intervention.content), candidate)
                if first is not candidate:
                    row["status"] = "duplicate"
            self.watcher.count(row["status"])
            self.rows.proposals.append(row)
        return list(candidates.values())

    async def _verifications(self, attempts: Sequence[Attempt]) -> list[Proposed]:
        turns = await self._guided_solution() if self.settings.propose.two_turns else ()
        every = range(self.settings.propose.proposals)
        return await asyncio.gather(*(self._verify(attempt, turns, k) for attempt in attempts for k in every))

    async def _guided_solution(self) -> tuple[str, str] | None:
        """The first turn, written once a problem and shared by all its attempts: (user's prompt, model's answer).

        The answer is without its thinking. None if there is no answer; the row says why.
        """
        settings = self.settings.propose
        content = self.prompts.guided_solution(self.problem.problem, self.problem.reference_solution)
        request = self._request(
            self.proposer.codec.prompt_ids(content),
            (content,),
            settings.guided_solution_sampling or settings.sampling,
            ("guided_solution", self.problem.id),
            (GUIDED_SOLUTION,),
        )
        draw = await self._draw(self.proposer, request, self.prompts.guided_solution_version)
        answered = draw.answer()
        answer = (answered or "").strip()
        status = "written" if answer else "empty"
        if draw.cut_off or answered is None:
            status = draw.no_answer
        self._ended("guided_solutions", status)
        row = {"problem_id": self.problem.id, "text": draw.text, "status": status, **draw.provenance}
        self.rows.guided_solutions.append(row)
        return (content, answer) if answer else None

    async def _verify(self, attempt: Attempt, turns: tuple[str, ...] | None, index: int) -> Proposed:
        """Ask for an intervention; `turns` is None if the first turn came to nothing, and then nothing is asked."""
        prompt_ids: tuple[int, ...] = ()
        content, said = "", turns or ()
        if turns is not None:
            first_answer = turns[1] if turns else None
            content = self._verification(attempt, first_answer)
            prompt_ids = self.proposer.codec.prompt_ids(*turns, content)
        purpose, order = ("propose", self.problem.id, attempt.index, index), (VERIFY, attempt.index, index)
        request = self._request(prompt_ids, (*said, content), self.settings.propose.sampling, purpose, order)
        draw = await self._draw(self.proposer, request, self.prompts.verify_version, send=turns is not None)
        verdict = self.acceptance.of_draw(draw, attempt, content)
        if turns is None:
            verdict = "no_guided_solution", None, ""
        return self._proposed(attempt, index, draw.text, verdict, draw.provenance)

    def _verification(self, attempt: Attempt, guided_solution: str | None) -> str:
        """The prompt that asks for an intervention."""
        problem = self.problem
        return self.prompts.verify(problem.problem, problem.reference_solution, attempt.steps.texts, guided_solution)

    def _take(self, attempt: Attempt, index: int, given: Row) -> Proposed:
        """A given intervention instead of a verification that is asked for."""
        return self._proposed(attempt, index, given["text"], self.acceptance.of_row(given, attempt), _NOT_ASKED)

    def _proposed(self, attempt: Attempt, index: int, text: str | None, verdict: Verdict, provenance: Row) -> Proposed:
        status, intervention, misplaced = verdict
        self._ended("proposals", status)
        row = {
            "problem_id": self.problem.id,
            "attempt": attempt.index,
            "proposal": index,
            "text": text,
            "status": status,
            "misplaced": misplaced,
            "content": intervention.content if intervention else None,
            "location": intervention.location if intervention else None,
            **provenance,
        }
        if status != "proposed" or intervention is None:
            return row, None
        return row, self._candidate(attempt, index, intervention)

    def _candidate(self, attempt: Attempt, index: int, intervention: Intervention) -> Candidate:
        prefix = prefix_tokens(self.policy.codec, attempt.token_ids, attempt.steps.start(intervention.location))
        return Candidate(attempt, index, intervention, prefix)

    # Guide

    async def _guide(self, candidates: Sequence[Candidate]) -> None:
        """Continue after every intervention, in waves, and beside them the controls."""
        settings = self.settings.guide
        controls = settings.controls if share_has(settings.control_share, self.problem.id) else ()
        every = range(settings.rollouts)
        drawn = await asyncio.gather(
            self._waves(candidates),
            *(self._rollouts(None, control, every) for control in controls if control in OF_PROBLEM),
            *(
                self._rollouts(candidate, control, every)
                for candidate in candidates
                for control in controls
                if control not in OF_PROBLEM
            ),
        )
        for rows in drawn:
            self.rows.guided += rows

    async def _waves(self, candidates: Sequence[Candidate]) -> list[Row]:
        settings = self.settings.guide
        one_is_enough = settings.stop_at_first_success and self.settings.select.interventions == "one_per_problem"
        drawn: list[Row] = []
        first, live = 0, list(candidates)
        for size in settings.wave_sizes():
            indices = range(first, first := first + size)
            wave = await asyncio.gather(*(self._rollouts(candidate, "intervention", indices) for candidate in live))
            for candidate, rows in zip(live, wave, strict=True):
                drawn += rows
                candidate.rollouts += rows
            live = [candidate for candidate in live if candidate.fits]
            if settings.stop_at_first_success:
                live = [candidate for candidate in live if not candidate.correct]
            if not live or (one_is_enough and any(candidate.correct for candidate in candidates)):
                break
        return drawn

    async def _rollouts(self, candidate: Candidate | None, condition: Condition, indices: range) -> list[Row]:
        """Rollouts under a condition; without a candidate those of the problem, to which no attempt belongs. None
        where the condition has a hint and the reference solution has none to give."""
        settings = self.settings.guide
        question, prompt_ids, version = self.question, self.prompt_ids, self.prompts.solve_version
        if condition in WITH_HINT:
            problem = self.problem
            if not (beginning := hint(problem.reference_solution, problem.answer, settings.hint_fraction)):
                return []
            question = self.prompts.hint(problem.problem, beginning)
            prompt_ids, version = self.policy.codec.prompt_ids(question), self.prompts.hint_prompt.version
        begun_ids: tuple[int, ...] = ()
        begun = ""
        if candidate is not None:
            begun_ids, begun = candidate.beginning(
                condition, self.policy.codec, self.settings.steps.by, settings.separator
            )
        context_ids = prompt_ids + begun_ids
        turns = (question, begun) if begun else (question,)

        async def rollout(index: int) -> Row:
            purpose, order = self._guided_place(candidate, condition, index)
            request = self._request(context_ids, turns, settings.sampling, purpose, order)
            draw = await self._draw(self.policy, request, version)
            outcome, answer = await judged(draw, self.problem, self.grader, begun)
            return self._guided_row(candidate, condition, index, draw.text, outcome, answer, draw.provenance)

        return await asyncio.gather(*map(rollout, indices))

    def _guided_place(
        self, candidate: Candidate | None, condition: Condition, index: int
    ) -> tuple[tuple[str | int, ...], tuple[int, ...]]:
        """What a guided rollout's request is for, and its order."""
        place = (candidate.attempt.index, candidate.proposal) if candidate else ()
        purpose = ("guide", condition, self.problem.id, *place, index)
        return purpose, (GUIDE, *(place or (0, 0)), _CONDITIONS.index(condition), index)

    def _guided_row(
        self,
        candidate: Candidate | None,
        condition: Condition,
        index: int,
        text: str | None,
        outcome: str,
        answer: str | None,
        more: Row,
    ) -> Row:
        """`more`: provenance, and whatever else the table has."""
        if condition == "intervention":
            self._ended("guided", outcome)
        self.watcher.count("guided" if condition == "intervention" else "control")
        if outcome == "correct" and condition == "intervention":
            self.watcher.count("guided_correct")
        return {
            "problem_id": self.problem.id,
            "attempt": candidate.attempt.index if candidate else None,
            "proposal": candidate.proposal if candidate else None,
            "condition": condition,
            "rollout": index,
            "text": text,
            "answer": answer,
            "outcome": outcome,
            "correct": outcome == "correct",
            **more,
        }

    def _select(self, candidates: Sequence[Candidate]) -> None:
        """Decide which interventions SFT trains on."""
        settings = self.settings.select
        passing = [candidate for candidate in candidates if candidate.correct or not settings.need_success]
        if settings.interventions == "one_per_problem" and passing:
            passing = [max(passing, key=lambda candidate: candidate.correct)]  # the first of equals
        planned = self.settings.guide.rollouts
        for candidate in candidates:
            row = {"problem_id": self.problem.id, **candidate.row(planned, kept=candidate in passing)}
            self.rows.interventions.append(row)
            if row["kept"]:
                self.watcher.count("kept")
                self.rows.sft.append(self._sft_row(candidate))

    def _sft_row(self, candidate: Candidate) -> Row:
        codec, prefix_ids = self.policy.codec, candidate.prefix.token_ids
        untrained = 0
        if self.settings.sample.thinking == "solution":
            untrained = len(prefix_tokens(codec, prefix_ids, candidate.attempt.steps.begin).token_ids)
        return {
            "problem_id": self.problem.id,
            "attempt": candidate.attempt.index,
            "proposal": candidate.proposal,
            "content": candidate.intervention.content,
            "location": candidate.intervention.location,
            "prompt_ids": [*self.prompt_ids, *prefix_ids[:untrained]],
            "prefix_ids": list(prefix_ids[untrained:]),
            "prefix_rest": candidate.prefix.rest,
            "intervention_ids": codec.encode(candidate.added),
            "messages": [
                {"role": "user", "content": self.question},
                {"role": "assistant", "content": candidate.before + candidate.intervention.content},
            ],
            "model": self.policy.model.label,
            "model_revision": self.policy.model.revision,
            "prompt_version": self.prompts.verify_version,
        }

    def _ended(self, kind: Kind, outcome: str) -> None:
        if self.early:
            self.early.see(kind, outcome)

    async def _draw(self, sampler: Sampler, request: Request, prompt_version: str, send: bool = True) -> Draw:
        draw = await sampler.draw(request, prompt_version, send)
        if draw.lost:
            self.watcher.count("lost")
        return draw

    def _request(
        self,
        prompt_ids: tuple[int, ...],
        turns: tuple[str, ...],
        sampling: Sampling,
        purpose: tuple[str | int, ...],
        order: tuple[int, ...],
    ) -> Request:
        """`purpose` makes the seed; `order` is the place among the problem's other requests."""
        seed = request_seed(self.settings.seed, *purpose)
        return Request(prompt_ids, sampling, seed, (self.rows.number, *order), turns, _STAGES[order[0]])
