"""The way of one case to its interventions: that of a problem, with conversations as attempts.

The policy's turns are the steps, the case's reference is what a verification has in view, and the environment answers
between: after an intervention, after the wrong turn and after the prefix it is asked where the conversation goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from int_verl.generate.candidates import Attempt, Candidate
from int_verl.generate.conversations.acceptance import ConversationAcceptance, ConversationAttempt
from int_verl.generate.conversations.converse import Asked, Conversing, Held
from int_verl.generate.conversations.talk import Talk, heard_between, transcript
from int_verl.generate.one_problem import SAMPLE, OneProblem
from int_verl.generate.parts import Parts
from int_verl.generate.problem_rows import ProblemRows, Row
from int_verl.generate.seeds import request_seed
from int_verl.interventions import Intervention
from int_verl.problems.sets import Problem
from int_verl.settings.generation import Condition, Until
from int_verl.settings.sampling import Sampling
from int_verl.steps import Prefix
from int_verl.turns.cases import read_case
from int_verl.turns.leaks import hidden_texts


@dataclass(eq=False, slots=True)
class ConversationCandidate(Candidate):
    """An accepted utterance in the place of a turn."""

    talk: Talk = field(kw_only=True)
    "The conversation before that turn."
    begun: Talk | None = field(default=None, kw_only=True)
    "The conversation after the environment's answer to it, once that was asked for."

    @property
    def before(self) -> str:
        return transcript(self.talk.messages)


class OneConversation(OneProblem):
    """The stages of one case, in their order."""

    told = 1
    "Messages that the policy is told before the environment says anything."

    def __init__(self, parts: Parts, conversing: Conversing, case: Problem, number: int) -> None:
        super().__init__(parts, case, number)
        self.conversing, self.case, self.codec = conversing, read_case(case.answer), self.policy.codec
        hidden = tuple(hidden_texts(self.case, conversing.settings.hidden))
        self.acceptance = ConversationAcceptance(self.settings.propose, self.codec, "", hidden)

    async def solve(self, until: Until) -> ProblemRows:
        self.opened = await self.conversing.opened(self.problem, self.codec)
        self.prompt_ids = self.opened.prompt_ids
        return await super().solve(until)

    async def _attempts(self) -> Sequence[tuple[Row, Attempt]]:
        return await asyncio.gather(*map(self._hold, range(self.settings.sample.attempts)))

    async def _hold(self, index: int) -> tuple[Row, Attempt]:
        purpose, version = ("sample", self.problem.id, index), self.prompts.solve_version
        held = await self._go_on(self.opened, self.settings.sample.sampling, purpose, (SAMPLE, index), version)
        attempt = ConversationAttempt.of(index, held.talk)
        return self._attempt_row(attempt, held.text, held.outcome, None, held.columns), attempt

    def _verification(self, attempt: Attempt, guided_solution: str | None) -> str:
        assert isinstance(attempt, ConversationAttempt)
        problem, said = self.problem, attempt.talk.messages[self.told :]
        return self.prompts.verify(
            problem.problem, problem.reference_solution, attempt.steps.texts, guided_solution, heard_between(said)
        )

    def _candidate(self, attempt: Attempt, index: int, intervention: Intervention) -> Candidate:
        assert isinstance(attempt, ConversationAttempt)
        talk = attempt.talk.before(intervention.location)
        return ConversationCandidate(attempt, index, intervention, Prefix(talk.ids, ""), talk=talk)

    async def _rollouts(self, candidate: Candidate | None, condition: Condition, indices: range) -> list[Row]:
        begun = self.opened if candidate is None else await self._begun(candidate, condition)

        async def rollout(index: int) -> Row:
            purpose, order = self._guided_place(candidate, condition, index)
            version = self.prompts.solve_version
            held = await self._go_on(begun, self.settings.guide.sampling, purpose, order, version)
            return self._guided_row(candidate, condition, index, held.text, held.outcome, None, held.columns)

        return await asyncio.gather(*map(rollout, indices))

    async def _begun(self, candidate: Candidate, condition: Condition) -> Talk:
        """Where a condition's rollouts take the conversation up."""
        attempt, location = candidate.attempt, candidate.intervention.location
        assert isinstance(attempt, ConversationAttempt)
        if condition == "wrong_step":
            return attempt.talk.before(location + 1)
        before = attempt.talk.before(location)
        if condition == "prefix":
            return before
        assert isinstance(candidate, ConversationCandidate)
        if candidate.begun is None:
            content = candidate.intervention.content
            candidate.begun = await self.conversing.said(before, self.case, content, self.codec)
        return candidate.begun

    def _sft_row(self, candidate: Candidate) -> Row:
        assert isinstance(candidate, ConversationCandidate)
        talk, content, begun = candidate.talk, candidate.intervention.content, candidate.begun
        own = [*talk.messages, {"role": "assistant", "content": content}]
        return {
            "problem_id": self.problem.id,
            "attempt": candidate.attempt.index,
            "proposal": candidate.proposal,
            "content": content,
            "location": candidate.intervention.location,
            "prompt_ids": list(talk.prompt_ids),
            "prefix_ids": list(talk.ids),
            "prefix_mask": list(talk.mask),
            "prefix_rest": "",
            "begun": begun.as_json() if begun and not begun.ended_by else "",
            "intervention_ids": [*self.codec.encode(content), *self.codec.end_of_turn],
            "messages": [{**one, "loss_mask": int(one["role"] == "assistant")} for one in own],
            "model": self.policy.model.label,
            "model_revision": self.policy.model.revision,
            "prompt_version": self.prompts.verify_version,
        }

    async def _go_on(
        self, talk: Talk, sampling: Sampling, purpose: tuple[str | int, ...], order: tuple[int, ...], version: str
    ) -> Held:
        asked = Asked(
            sampling,
            lambda turn: request_seed(self.settings.seed, *purpose, turn),
            (self.rows.number, *order),
            "sample" if order[0] == SAMPLE else "guide",
            version,
        )
        held = await self.conversing.go_on(self.policy, talk, self.case, asked)
        if held.outcome == "lost":
            self.watcher.count("lost")
        return held
