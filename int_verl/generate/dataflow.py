"""From a problem to its interventions: one coroutine a problem, no barrier between stages.

    attempts -> grade -> verifications of the incorrect ones -> parse, filter -> guided rollouts -> grade -> select

No problem waits for another, so the engine has work from every stage at once and never drains at a stage's end.
Each request has a seed of its own, made from the run's seed and what the request is for, so rows do not depend on
the order in which requests finish.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, get_args

from int_verl.generate.chat import ChatCodec
from int_verl.generate.engines.base import Completion, Engine, Request, Sampling
from int_verl.generate.filters import check_location, leaks_answer
from int_verl.generate.prompts import Prompts
from int_verl.generate.settings import UNTIL, Condition, GeneratorSettings, Until
from int_verl.generate.spool import Spool
from int_verl.grading import Grade, Grader
from int_verl.interventions import Intervention, InterventionParseError, parse_intervention
from int_verl.problems import Problem
from int_verl.steps import SEPARATOR, Prefix, prefix_tokens, split_steps, step_start

Row = dict[str, Any]

# The second part of `Request.order`: of one problem the deeper stages go first.
_GUIDE, _VERIFY, _GUIDED_SOLUTION, _SAMPLE = range(4)
_CONDITIONS = get_args(Condition)


@dataclass(slots=True)
class ProblemRows:
    """Everything that came of one problem, table by table (see `int_verl.records`)."""

    number: int = 0
    "The problem's position, the first part of its requests' order."
    attempts: list[Row] = field(default_factory=list)
    guided_solutions: list[Row] = field(default_factory=list)
    proposals: list[Row] = field(default_factory=list)
    guided: list[Row] = field(default_factory=list)
    interventions: list[Row] = field(default_factory=list)
    sft: list[Row] = field(default_factory=list)


class Watcher(Protocol):
    """Told of every row's fate as it happens, for progress display."""

    def count(self, what: str, number: int = 1) -> None: ...


def request_seed(run_seed: int, *purpose: str | int) -> int:
    """A seed in 0..2**31-1 that depends on nothing but its arguments."""
    text = "\0".join(map(str, (run_seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def _raise_first(done: Iterable[asyncio.Task[None]]) -> None:
    """Raise what one of the tasks raised; what the others raised beside it counts as seen."""
    errors = [error for task in done if (error := task.exception()) is not None]
    if errors:
        raise errors[0]


def _share_has(share: float, problem_id: str) -> bool:
    return int.from_bytes(hashlib.sha256(problem_id.encode()).digest()[:4], "big") < share * 2**32


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt as the later stages need it."""

    index: int
    text: str
    token_ids: tuple[int, ...]  # without the end token
    steps: list[str]


@dataclass(slots=True)
class _Candidate:
    """An accepted proposal, with the rollouts it has had."""

    attempt: _Attempt
    proposal: int
    intervention: Intervention
    prefix: Prefix
    correct: int = 0
    truncated: int = 0
    drawn: int = 0


class Generator:
    """The dataflow of one run.

    Args:
        engine: where completions come from; normally a `JournaledEngine`.
        codec: tokenizer of the model behind the engine.
        prompts: templates of the solve, guided solution and verification prompts.
        grader: judges attempts and guided rollouts.
        settings: the generator's settings.
        watcher: is told what happens.
    """

    def __init__(
        self,
        engine: Engine,
        codec: ChatCodec,
        prompts: Prompts,
        grader: Grader,
        settings: GeneratorSettings,
        watcher: Watcher,
    ) -> None:
        self.engine, self.codec, self.prompts = engine, codec, prompts
        self.grader, self.settings, self.watcher = grader, settings, watcher

    async def run(self, problems: Iterable[Problem], spool: Spool, until: Until) -> None:
        """Take every problem up to `until` and put its `ProblemRows` into the spool under its position.

        As many problems are begun as requests may be in flight, so memory does not grow with the problem set.
        """
        running: set[asyncio.Task[None]] = set()

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

    async def solve(self, problem: Problem, until: Until, number: int = 0) -> ProblemRows:
        """All rows of one problem; the engine prefers those of smaller numbers."""
        rows = ProblemRows(number)
        stages = UNTIL.index(until)
        prompt_ids = self.codec.prompt_ids(self.prompts.solve(problem.problem))
        attempts = await self._sample(problem, prompt_ids, rows)
        if stages < UNTIL.index("propose") or not attempts:
            return rows
        candidates = await self._propose(problem, attempts, rows)
        if stages < UNTIL.index("guide") or not candidates:
            return rows
        await self._guide(problem, prompt_ids, candidates, rows)
        self._select(problem, prompt_ids, candidates, rows)
        return rows

    # Sample

    async def _sample(self, problem: Problem, prompt_ids: tuple[int, ...], rows: ProblemRows) -> list[_Attempt]:
        """Draw and grade the attempts; return those to ask interventions for."""
        settings = self.settings.sample
        drawn = await asyncio.gather(
            *(
                self._sample_one(problem, prompt_ids, settings.sampling, index, rows.number)
                for index in range(settings.attempts)
            )
        )
        solved = any(row["correct"] for row, _ in drawn)
        chosen: list[_Attempt] = []
        for row, attempt in drawn:
            row["skipped"] = self._why_skipped(row, attempt, solved, chosen)
            if not row["skipped"]:
                chosen.append(attempt)
                self.watcher.count("incorrect")
            rows.attempts.append(row)
        return chosen

    async def _sample_one(
        self, problem: Problem, prompt_ids: tuple[int, ...], sampling: Sampling, index: int, number: int
    ) -> tuple[Row, _Attempt]:
        seed = request_seed(self.settings.seed, "sample", problem.id, index)
        request = Request(prompt_ids, sampling, seed, (number, _SAMPLE, index))
        completion = await self.engine.generate(request)
        token_ids = self.codec.without_end(completion.token_ids)
        text = self.codec.decode(token_ids)
        outcome, grade = await self._judge(text, problem.answer, completion)
        self.watcher.count("attempts")
        attempt = _Attempt(index, text, token_ids, split_steps(text))
        row = {
            "problem_id": problem.id,
            "attempt": index,
            "text": text,
            "answer": grade.answer,
            "outcome": outcome,
            "correct": outcome == "correct",
            "steps": len(attempt.steps),
            **self._provenance(request, completion, self.prompts.solve_version),
        }
        return row, attempt

    def _why_skipped(self, row: Row, attempt: _Attempt, solved: bool, chosen: Sequence[_Attempt]) -> str:
        settings = self.settings.propose
        if row["outcome"] not in settings.outcomes:
            return str(row["outcome"])
        if settings.only_unsolved and solved:
            return "problem_solved"
        if not attempt.text.strip():
            return "empty"
        if any(attempt.token_ids == other.token_ids for other in chosen):
            return "duplicate"
        return ""

    async def _judge(self, response: str, gold: str, completion: Completion) -> tuple[str, Grade]:
        """The grader's verdict, or `truncated` for a wrong response that the length limit cut off."""
        grade = await self.grader.agrade_response(response, gold)
        if completion.finish_reason == "length" and not grade.correct:
            return "truncated", grade
        return str(grade.verdict), grade

    # Propose

    async def _propose(self, problem: Problem, attempts: Sequence[_Attempt], rows: ProblemRows) -> list[_Candidate]:
        """Verify every chosen attempt; return the proposals that parse and pass the filters, duplicates removed."""
        turns: tuple[str, ...] = ()
        if self.settings.propose.two_turns:
            turns = await self._guided_solution(problem, rows)
        drawn = await asyncio.gather(
            *(
                self._verify(problem, attempt, turns, index, rows.number)
                for attempt in attempts
                for index in range(self.settings.propose.proposals)
            )
        )
        candidates: list[_Candidate] = []
        seen: set[tuple[str, str]] = set()
        for row, candidate in drawn:
            if candidate is not None:
                steps_before = SEPARATOR.join(candidate.attempt.steps[: candidate.intervention.location - 1])
                key = (steps_before, candidate.intervention.content)
                if key in seen:
                    row["status"] = "duplicate"
                else:
                    seen.add(key)
                    candidates.append(candidate)
            self.watcher.count(row["status"])
            rows.proposals.append(row)
        return candidates

    async def _guided_solution(self, problem: Problem, rows: ProblemRows) -> tuple[str, str]:
        """The first turn, written once a problem and shared by all its attempts: (user's prompt, model's answer)."""
        settings = self.settings.propose
        content = self.prompts.guided_solution(problem.problem, problem.reference_solution)
        request = Request(
            self.codec.prompt_ids(content),
            settings.guided_solution_sampling or settings.sampling,
            request_seed(self.settings.seed, "guided_solution", problem.id),
            (rows.number, _GUIDED_SOLUTION),
        )
        completion = await self.engine.generate(request)
        text = self.codec.decode(self.codec.without_end(completion.token_ids))
        provenance = self._provenance(request, completion, self.prompts.guided_solution_version)
        rows.guided_solutions.append({"problem_id": problem.id, "text": text, **provenance})
        return content, text

    async def _verify(
        self, problem: Problem, attempt: _Attempt, turns: tuple[str, ...], index: int, number: int
    ) -> tuple[Row, _Candidate | None]:
        settings = self.settings.propose
        guided_solution = turns[1] if turns else None
        content = self.prompts.verify(problem.problem, problem.reference_solution, attempt.steps, guided_solution)
        seed = request_seed(self.settings.seed, "propose", problem.id, attempt.index, index)
        order = (number, _VERIFY, attempt.index, index)
        request = Request(self.codec.prompt_ids(*turns, content), settings.sampling, seed, order)
        row: Row = {"problem_id": problem.id, "attempt": attempt.index, "proposal": index}
        if not self._fits(request):
            row |= self._provenance(request, None, self.prompts.verify_version)
            return row | {"text": None, "status": "prompt_too_long", "content": None, "location": None}, None
        completion = await self.engine.generate(request)
        text = self.codec.decode(self.codec.without_end(completion.token_ids))
        row |= self._provenance(request, completion, self.prompts.verify_version)
        status, intervention = self._read(problem, attempt, text, completion)
        row |= {
            "text": text,
            "status": status,
            "content": intervention.content if intervention else None,
            "location": intervention.location if intervention else None,
        }
        if status != "proposed" or intervention is None:
            return row, None
        cut = step_start(attempt.text, intervention.location)
        prefix = prefix_tokens(self.codec, attempt.token_ids, cut)
        return row, _Candidate(attempt, index, intervention, prefix)

    def _read(
        self, problem: Problem, attempt: _Attempt, text: str, completion: Completion
    ) -> tuple[str, Intervention | None]:
        """What a verification amounts to: `proposed`, or the reason why not."""
        settings = self.settings.propose
        try:
            intervention = parse_intervention(text)
        except InterventionParseError as error:
            return ("truncated" if completion.finish_reason == "length" else error.reason), None
        misplaced = check_location(intervention, len(attempt.steps), text)
        if misplaced == "location_out_of_range" or (misplaced and settings.after_first_error == "drop"):
            return misplaced, intervention
        if leaks_answer(intervention.content, problem.answer):
            return "leak", intervention
        if len(self.codec.encode(intervention.content)) > settings.max_content_tokens:
            return "too_long", intervention
        return "proposed", intervention

    # Guide

    async def _guide(
        self, problem: Problem, prompt_ids: tuple[int, ...], candidates: Sequence[_Candidate], rows: ProblemRows
    ) -> None:
        """Continue every guided prefix, in waves, and the controls beside it."""
        settings = self.settings.guide
        controls = settings.controls if _share_has(settings.control_share, problem.id) else ()
        stop_problem = settings.stop_at_first_success and self.settings.select.interventions == "one_per_problem"

        async def rollouts(candidate: _Candidate, condition: Condition, first: int, size: int) -> list[Row]:
            context_ids, start = self._guided_context(prompt_ids, candidate, condition)
            return await asyncio.gather(
                *(
                    self._guide_one(problem, candidate, condition, context_ids, start, index, rows.number)
                    for index in range(first, first + size)
                )
            )

        async def waves() -> list[Row]:
            drawn: list[Row] = []
            first, live = 0, list(candidates)
            for size in settings.wave_sizes():
                wave = await asyncio.gather(*(rollouts(candidate, "intervention", first, size) for candidate in live))
                first += size
                for candidate, outcomes in zip(live, wave, strict=True):
                    drawn += outcomes
                    candidate.drawn += len(outcomes)
                    candidate.correct += sum(row["correct"] for row in outcomes)
                    candidate.truncated += sum(row["outcome"] == "truncated" for row in outcomes)
                if settings.stop_at_first_success:
                    live = [candidate for candidate in live if not candidate.correct]
                if not live or (stop_problem and any(candidate.correct for candidate in candidates)):
                    break
            return drawn

        drawn = await asyncio.gather(
            waves(),
            *(rollouts(candidate, control, 0, settings.rollouts) for candidate in candidates for control in controls),
        )
        for guided in drawn:
            rows.guided += guided

    def _guided_context(
        self, prompt_ids: tuple[int, ...], candidate: _Candidate, condition: Condition
    ) -> tuple[tuple[int, ...], str]:
        """Token ids to continue from, and the same as the beginning of the response's text."""
        attempt, location = candidate.attempt, candidate.intervention.location
        if condition == "intervention":
            added = candidate.intervention.content + self.settings.guide.separator
            start = attempt.text[: step_start(attempt.text, location)] + added
            return prompt_ids + candidate.prefix.token_ids + tuple(self.codec.encode(added)), start
        end = location if condition == "prefix" else location + 1
        cut = step_start(attempt.text, min(end, len(attempt.steps) + 1))
        prefix = prefix_tokens(self.codec, attempt.token_ids, cut)
        return prompt_ids + prefix.token_ids, attempt.text[:cut]

    async def _guide_one(
        self,
        problem: Problem,
        candidate: _Candidate,
        condition: Condition,
        context_ids: tuple[int, ...],
        start: str,
        index: int,
        number: int,
    ) -> Row:
        attempt = candidate.attempt.index
        seed = request_seed(self.settings.seed, "guide", condition, problem.id, attempt, candidate.proposal, index)
        order = (number, _GUIDE, attempt, candidate.proposal, _CONDITIONS.index(condition), index)
        request = Request(context_ids, self.settings.guide.sampling, seed, order)
        row: Row = {
            "problem_id": problem.id,
            "attempt": attempt,
            "proposal": candidate.proposal,
            "condition": condition,
            "rollout": index,
        }
        if not self._fits(request):
            row |= self._provenance(request, None, self.prompts.solve_version)
            return row | {"text": None, "answer": None, "outcome": "prompt_too_long", "correct": False}
        completion = await self.engine.generate(request)
        text = self.codec.decode(self.codec.without_end(completion.token_ids))
        outcome, grade = await self._judge(start + text, problem.answer, completion)
        self.watcher.count("guided" if condition == "intervention" else "control")
        if outcome == "correct" and condition == "intervention":
            self.watcher.count("guided_correct")
        row |= self._provenance(request, completion, self.prompts.solve_version)
        return row | {"text": text, "answer": grade.answer, "outcome": outcome, "correct": outcome == "correct"}

    # Select

    def _select(
        self, problem: Problem, prompt_ids: tuple[int, ...], candidates: Sequence[_Candidate], rows: ProblemRows
    ) -> None:
        """Decide which interventions SFT trains on."""
        settings = self.settings.select
        passing = [candidate for candidate in candidates if candidate.correct or not settings.need_success]
        if settings.interventions == "one_per_problem" and passing:
            passing = [max(passing, key=lambda candidate: candidate.correct)]  # the first of equals
        for candidate in candidates:
            kept = any(candidate is other for other in passing)
            key = {"problem_id": problem.id, "attempt": candidate.attempt.index, "proposal": candidate.proposal}
            where = {"content": candidate.intervention.content, "location": candidate.intervention.location}
            rows.interventions.append(
                {
                    **key,
                    **where,
                    "steps": len(candidate.attempt.steps),
                    "guided": candidate.drawn,
                    "guided_correct": candidate.correct,
                    "guided_truncated": candidate.truncated,
                    "kept": kept,
                }
            )
            if not kept:
                continue
            self.watcher.count("kept")
            before = candidate.attempt.text[: step_start(candidate.attempt.text, candidate.intervention.location)]
            rows.sft.append(
                {
                    **key,
                    **where,
                    "prompt_ids": list(prompt_ids),
                    "prefix_ids": list(candidate.prefix.token_ids),
                    "prefix_exact": candidate.prefix.exact,
                    "intervention_ids": self.codec.encode(candidate.intervention.content),
                    "messages": [
                        {"role": "user", "content": self.prompts.solve(problem.problem)},
                        {"role": "assistant", "content": before + candidate.intervention.content},
                    ],
                    "model": self.settings.model,
                    "model_revision": self.settings.model_revision,
                    "prompt_version": self.prompts.verify_version,
                }
            )

    def _fits(self, request: Request) -> bool:
        return len(request.prompt_ids) + request.sampling.max_tokens <= self.settings.context_length

    def _provenance(self, request: Request, completion: Completion | None, prompt_version: str) -> Row:
        sampling = request.sampling
        return {
            "model": self.settings.model,
            "model_revision": self.settings.model_revision,
            "prompt_version": prompt_version,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "max_tokens": sampling.max_tokens,
            "seed": request.seed,
            "prompt_ids": list(request.prompt_ids),
            "token_ids": list(completion.token_ids) if completion else None,
            "prompt_tokens": len(request.prompt_ids),
            "completion_tokens": len(completion.token_ids) if completion else 0,
            "finish_reason": completion.finish_reason if completion else None,
        }
