"""From a problem to its interventions: one coroutine a problem, no barrier between stages.

    attempts -> grade -> verifications of the incorrect ones -> parse, filter -> guided rollouts -> grade -> select

No problem waits for another, so the engine has work from every stage at once and never drains at a stage's end.
Each request has a seed of its own, made from the run's seed and what the request is for, so rows do not depend on
the order in which requests finish.
"""

from __future__ import annotations

import asyncio
import gc
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, get_args

from int_verl.generate.chat import ChatCodec
from int_verl.generate.engines.base import Completion, Engine, Request
from int_verl.generate.filters import check_location, leaks_answer
from int_verl.generate.prompts import Prompts
from int_verl.generate.seeds import request_seed, share_has
from int_verl.generate.spool import Spool
from int_verl.generate.thinking import answer_in, steps_begin
from int_verl.grading import BaseGrader
from int_verl.interventions import Intervention, InterventionParseError, parse_intervention
from int_verl.problems.sets import Problem
from int_verl.settings.generation import UNTIL, Condition, GeneratorSettings, Until
from int_verl.steps import Prefix, Steps, cut_steps, prefix_tokens

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


def _raise_first(done: Iterable[asyncio.Task[None]]) -> None:
    """Raise what one of the tasks raised; what the others raised beside it counts as seen."""
    errors = [error for task in done if (error := task.exception()) is not None]
    if errors:
        raise errors[0]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt as the later stages need it."""

    index: int
    token_ids: tuple[int, ...]  # without the end token
    steps: Steps  # of the output's text


@dataclass(slots=True)
class _Candidate:
    """An accepted proposal, with what came of its guided rollouts."""

    attempt: _Attempt
    proposal: int
    intervention: Intervention
    prefix: Prefix
    correct: int = 0
    truncated: int = 0
    drawn: int = 0
    tokens: int = 0

    @property
    def before(self) -> str:
        """The attempt's text before the location."""
        return self.attempt.steps.text[: self.attempt.steps.start(self.intervention.location)]

    @property
    def added(self) -> str:
        """What follows the attempt's own tokens: the piece of a token that the cut left over, and the intervention."""
        return self.prefix.rest + self.intervention.content

    def add(self, rollouts: Sequence[Row]) -> None:
        for row in rollouts:
            self.drawn += row["finish_reason"] is not None
            self.correct += row["correct"]
            self.truncated += row["outcome"] == "truncated"
            self.tokens += row["completion_tokens"]


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the dataflow talks to it."""

    engine: Engine
    "Where its completions come from; normally a `JournaledEngine`."
    codec: ChatCodec
    "Its tokenizer."
    path: str
    revision: str
    context_length: int
    "Prompt and completion tokens at most."


class Generator:
    """The dataflow of one run.

    Args:
        engine: where completions come from; normally a `JournaledEngine`.
        codec: tokenizer of the model behind the engine.
        prompts: templates of the solve, guided solution and verification prompts.
        grader: judges attempts and guided rollouts; the built-in one or a reward function.
        settings: the generator's settings.
        watcher: is told what happens.
        proposer: another model that writes the guided solutions and verifications; None: the same one. Only text goes
            from one to the other.
    """

    def __init__(
        self,
        engine: Engine,
        codec: ChatCodec,
        prompts: Prompts,
        grader: BaseGrader,
        settings: GeneratorSettings,
        watcher: Watcher,
        proposer: Model | None = None,
    ) -> None:
        self.codec, self.prompts, self.grader, self.settings, self.watcher = codec, prompts, grader, settings, watcher
        self.model = Model(engine, codec, settings.model, settings.model_revision, settings.context_length)
        self.proposer = proposer or self.model

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
        drawn = await asyncio.gather(
            *(
                self._sample_one(problem, prompt_ids, index, rows.number)
                for index in range(self.settings.sample.attempts)
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
        self, problem: Problem, prompt_ids: tuple[int, ...], index: int, number: int
    ) -> tuple[Row, _Attempt]:
        settings = self.settings.sample
        seed = request_seed(self.settings.seed, "sample", problem.id, index)
        request = Request(prompt_ids, settings.sampling, seed, (number, _SAMPLE, index))
        completion, drawn = await self._draw(request)
        text = drawn or ""
        token_ids = self.codec.without_end(completion.token_ids) if completion else ()
        outcome, answer = await self._judge(text, problem, completion)
        self.watcher.count("attempts")
        begin = steps_begin(text, self.codec.opened_thinking, settings.thinking)
        attempt = _Attempt(index, token_ids, cut_steps(text, self.settings.steps.by, begin))
        row = {
            "problem_id": problem.id,
            "attempt": index,
            "text": drawn,
            "answer": answer,
            "outcome": outcome,
            "correct": outcome == "correct",
            "steps": len(attempt.steps),
            "steps_begin": begin,
            **self._provenance(request, completion, self.prompts.solve_version),
        }
        return row, attempt

    def _why_skipped(self, row: Row, attempt: _Attempt, solved: bool, chosen: Sequence[_Attempt]) -> str:
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

    async def _judge(self, response: str, problem: Problem, completion: Completion | None) -> tuple[str, str | None]:
        """The outcome of a response, and its answer.

        The outcome is the grader's verdict; `truncated` for a response that is not correct and that the length limit
        cut off; `unclosed_thinking` for one that ended in its thinking; `prompt_too_long` if there is none.
        """
        if completion is None:
            return "prompt_too_long", None
        if answer_in(response, self.codec.opened_thinking) is None:
            return "truncated" if completion.finish_reason == "length" else "unclosed_thinking", None
        grade = await self.grader.agrade_response(response, problem.answer, problem.source, problem.id)
        if completion.finish_reason == "length" and not grade.correct:
            return "truncated", grade.answer
        return grade.verdict, grade.answer

    # Propose

    async def _propose(self, problem: Problem, attempts: Sequence[_Attempt], rows: ProblemRows) -> list[_Candidate]:
        """Verify every chosen attempt; return the proposals that parse and pass the filters, duplicates removed."""
        turns: tuple[str, ...] | None = ()
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
                key = (candidate.before, candidate.intervention.content)
                if key in seen:
                    row["status"] = "duplicate"
                else:
                    seen.add(key)
                    candidates.append(candidate)
            self.watcher.count(row["status"])
            rows.proposals.append(row)
        return candidates

    async def _guided_solution(self, problem: Problem, rows: ProblemRows) -> tuple[str, str] | None:
        """The first turn, written once a problem and shared by all its attempts: (user's prompt, model's answer).

        The answer is without its thinking. None if there is no answer; the row says why.
        """
        settings = self.settings.propose
        content = self.prompts.guided_solution(problem.problem, problem.reference_solution)
        request = Request(
            self.proposer.codec.prompt_ids(content),
            settings.guided_solution_sampling or settings.sampling,
            request_seed(self.settings.seed, "guided_solution", problem.id),
            (rows.number, _GUIDED_SOLUTION),
        )
        completion, text = await self._draw(request, self.proposer)
        answer = answer_in(text, self.proposer.codec.opened_thinking) if text is not None else None
        status = "written"
        if completion is None:
            status = "prompt_too_long"
        elif completion.finish_reason == "length":
            status = "truncated"
        elif answer is None:
            status = "unclosed_thinking"
        elif not answer.strip():
            status = "empty"
        version = self.prompts.guided_solution_version
        provenance = self._provenance(request, completion, version, self.proposer)
        rows.guided_solutions.append({"problem_id": problem.id, "text": text, "status": status, **provenance})
        return (content, answer.strip()) if answer and answer.strip() else None

    async def _verify(
        self, problem: Problem, attempt: _Attempt, turns: tuple[str, ...] | None, index: int, number: int
    ) -> tuple[Row, _Candidate | None]:
        """Ask for an intervention; `turns` is None if the first turn came to nothing, and then nothing is asked."""
        settings = self.settings.propose
        prompt_ids: tuple[int, ...] = ()
        if turns is not None:
            steps, guided_solution = attempt.steps.texts, turns[1] if turns else None
            content = self.prompts.verify(problem.problem, problem.reference_solution, steps, guided_solution)
            prompt_ids = self.proposer.codec.prompt_ids(*turns, content)
        seed = request_seed(self.settings.seed, "propose", problem.id, attempt.index, index)
        request = Request(prompt_ids, settings.sampling, seed, (number, _VERIFY, attempt.index, index))
        completion, text = await self._draw(request, self.proposer) if turns is not None else (None, None)
        intervention, misplaced = None, ""
        if turns is None:
            status = "no_guided_solution"
        elif completion is None or text is None:
            status = "prompt_too_long"
        else:
            status, intervention, misplaced = self._read(problem, attempt, text, completion)
        row = {
            "problem_id": problem.id,
            "attempt": attempt.index,
            "proposal": index,
            "text": text,
            "status": status,
            "misplaced": misplaced,
            "content": intervention.content if intervention else None,
            "location": intervention.location if intervention else None,
            **self._provenance(request, completion, self.prompts.verify_version, self.proposer),
        }
        if status != "proposed" or intervention is None:
            return row, None
        prefix = prefix_tokens(self.codec, attempt.token_ids, attempt.steps.start(intervention.location))
        return row, _Candidate(attempt, index, intervention, prefix)

    def _read(
        self, problem: Problem, attempt: _Attempt, text: str, completion: Completion
    ) -> tuple[str, Intervention | None, str]:
        """What a verification amounts to: `proposed` or the reason why not, and how its location contradicts it."""
        settings = self.settings.propose
        cut_off = completion.finish_reason == "length"
        answer = answer_in(text, self.proposer.codec.opened_thinking)
        if answer is None:
            return ("truncated" if cut_off else "unclosed_thinking"), None, ""
        try:
            intervention = parse_intervention(answer)
        except InterventionParseError as error:
            return ("truncated" if cut_off else error.reason), None, ""
        misplaced = check_location(intervention, len(attempt.steps), answer) or ""
        if misplaced == "location_out_of_range" or (misplaced and settings.after_first_error == "drop"):
            return misplaced, intervention, misplaced
        if leaks_answer(intervention.content, problem.answer):
            return "leak", intervention, misplaced
        if len(self.codec.encode(intervention.content)) > settings.max_content_tokens:
            return "too_long", intervention, misplaced
        return "proposed", intervention, misplaced

    # Guide

    async def _guide(
        self, problem: Problem, prompt_ids: tuple[int, ...], candidates: Sequence[_Candidate], rows: ProblemRows
    ) -> None:
        """Continue every guided prefix, in waves, and the controls beside it."""
        settings = self.settings.guide
        controls = settings.controls if share_has(settings.control_share, problem.id) else ()
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
                    candidate.add(outcomes)
                live = [candidate for candidate in live if candidate.drawn]  # the prompts of the others do not fit
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
        steps, location = candidate.attempt.steps, candidate.intervention.location
        if condition == "intervention":
            separator = self._separator(steps, location)
            added_ids = tuple(self.codec.encode(candidate.added + separator))
            context_ids = prompt_ids + candidate.prefix.token_ids + added_ids
            return context_ids, candidate.before + candidate.intervention.content + separator
        cut = steps.start(location if condition == "prefix" else location + 1)
        prefix = prefix_tokens(self.codec, candidate.attempt.token_ids, cut)
        # A space that is left over is not encoded: it belongs to the token of the word that the model writes next.
        rest = prefix.rest if prefix.rest.strip(" ") else ""
        context_ids = prompt_ids + prefix.token_ids + tuple(self.codec.encode(rest) if rest else ())
        return context_ids, steps.text[: cut - len(prefix.rest)] + rest

    def _separator(self, steps: Steps, location: int) -> str:
        """What stands between an intervention and its continuation."""
        if self.settings.guide.separator is not None:
            return self.settings.guide.separator
        if location == len(steps):
            return "" if self.settings.steps.by == "sentences" else "\n\n"
        joint = steps.joint(location)
        return joint if "\n" in joint else ""  # a space belongs to the token of the word that the model writes next

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
        completion, text = await self._draw(request)
        outcome, answer = await self._judge(start + (text or ""), problem, completion)
        self.watcher.count("guided" if condition == "intervention" else "control")
        if outcome == "correct" and condition == "intervention":
            self.watcher.count("guided_correct")
        row |= self._provenance(request, completion, self.prompts.solve_version)
        return row | {"text": text, "answer": answer, "outcome": outcome, "correct": outcome == "correct"}

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
                    "guided_tokens": candidate.tokens,
                    "not_drawn": self.settings.guide.rollouts - candidate.drawn if candidate.drawn else 0,
                    "kept": kept,
                }
            )
            if not kept:
                continue
            self.watcher.count("kept")
            prefix_ids = candidate.prefix.token_ids
            untrained = 0
            if self.settings.sample.thinking == "solution":
                untrained = len(prefix_tokens(self.codec, prefix_ids, candidate.attempt.steps.begin).token_ids)
            rows.sft.append(
                {
                    **key,
                    **where,
                    "prompt_ids": [*prompt_ids, *prefix_ids[:untrained]],
                    "prefix_ids": list(prefix_ids[untrained:]),
                    "prefix_rest": candidate.prefix.rest,
                    "intervention_ids": self.codec.encode(candidate.added),
                    "messages": [
                        {"role": "user", "content": self.prompts.solve(problem.problem)},
                        {"role": "assistant", "content": candidate.before + candidate.intervention.content},
                    ],
                    "model": self.settings.model,
                    "model_revision": self.settings.model_revision,
                    "prompt_version": self.prompts.verify_version,
                }
            )

    async def _draw(self, request: Request, model: Model | None = None) -> tuple[Completion | None, str | None]:
        """The completion and its text without the end token; None and None for a prompt that does not fit."""
        model = model or self.model
        if len(request.prompt_ids) + request.sampling.max_tokens > model.context_length:
            return None, None
        completion = await model.engine.generate(request)
        return completion, model.codec.decode(model.codec.without_end(completion.token_ids))

    def _provenance(
        self, request: Request, completion: Completion | None, prompt_version: str, model: Model | None = None
    ) -> Row:
        model, sampling = model or self.model, request.sampling
        return {
            "model": model.path,
            "model_revision": model.revision,
            "prompt_version": prompt_version,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "max_tokens": sampling.max_tokens,
            "seed": request.seed,
            # Rows wait until their problem is done: one tuple for all rollouts of a prefix, and 4 bytes a token.
            "prompt_ids": request.prompt_ids,
            "token_ids": array("i", completion.token_ids) if completion else None,
            "prompt_tokens": len(request.prompt_ids),
            "completion_tokens": len(completion.token_ids) if completion else 0,
            "finish_reason": completion.finish_reason if completion else None,
        }
