"""A model talks with the environment until a conversation ends, and what has become of it."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from int_verl.generate.chat import ChatCodec
from int_verl.generate.conversations.partner import Partner
from int_verl.generate.conversations.talk import Talk, Turn, transcript
from int_verl.generate.engines.base import Request
from int_verl.generate.problem_rows import Row
from int_verl.generate.prompts import Prompts
from int_verl.generate.sampler import Sampler
from int_verl.problems.sets import Problem
from int_verl.settings.sampling import Sampling
from int_verl.settings.turns import TurnsSettings
from int_verl.turns.cases import read_case
from int_verl.turns.environment import Message
from int_verl.turns.pool import EnvironmentFault

ENVIRONMENT_FAULT = "environment_fault"
"The outcome of a conversation in which the environment failed."
Seeds = Callable[[int], int]
"The policy's turn, from 1 on -> the seed of its request."


@dataclass(frozen=True, slots=True)
class Asked:
    """How the model is asked for its turns."""

    sampling: Sampling
    "`max_tokens` of all that follows, what the environment says included; `turns.turn_tokens` bounds a turn."
    seed_of: Seeds
    order: tuple[int, ...]
    stage: str
    prompt_version: str


@dataclass(frozen=True, slots=True)
class Held:
    """A conversation that has come to its end."""

    talk: Talk
    outcome: str
    """``correct`` from `turns.success` on, or else ``incorrect``, ``truncated``, `ENVIRONMENT_FAULT`, ``lost`` or
    ``prompt_too_long``."""
    columns: Row
    "`PROVENANCE` of what was said since it was taken up, and `records.TURNS`."

    @property
    def text(self) -> str | None:
        """What has been said since the policy's first turn, for who reads it; None where nothing was asked for."""
        if self.outcome in ("prompt_too_long", "lost"):
            return None
        return transcript(self.talk.messages[self.talk.opened :])


@dataclass(frozen=True, slots=True)
class Conversing:
    """Conversations of any model with one environment.

    Args:
        prompts: `solve` renders what the policy is told.
    """

    partner: Partner
    settings: TurnsSettings
    prompts: Prompts

    async def opened(self, problem: Problem, codec: ChatCodec) -> Talk:
        """A conversation before the policy's first turn; one in which the environment fails has ended by that."""
        told: list[Message] = [{"role": self.settings.told_as, "content": self.prompts.solve(problem.problem)}]
        state, fault = None, None
        try:
            said, state = await self.partner.open(read_case(problem.answer))
            told += said
        except EnvironmentFault as problem_of_it:
            fault = str(problem_of_it)
        ended = "fault" if fault else ""
        return Talk(codec.opening_ids(told), tuple(told), len(told), state, ended_by=ended, fault=fault)

    async def said(self, talk: Talk, case: Mapping[str, Any], utterance: str, codec: ChatCodec) -> Talk:
        """The conversation after the policy said this in its turn, in its own tokens."""
        ids = (*codec.encode(utterance), *codec.end_of_turn)
        return await self._answered(talk, case, utterance, ids, codec)

    async def go_on(self, sampler: Sampler, talk: Talk, case: Mapping[str, Any], asked: Asked) -> Held:
        """Let the model talk on from here to the end, which may have come already."""
        begun, begun_turns = talk, len(talk.turns)
        talk = replace(talk, drawn=0)
        while not talk.ended_by:
            talk = await self._turn(sampler, talk, case, asked, begun)
        outcome, columns = await self._became_of(talk)
        request = self._request(begun, asked, begun_turns + 1, asked.sampling.max_tokens)
        provenance = sampler.provenance(request, asked.prompt_version) | {
            "token_ids": array("i", (*talk.ids[len(begun.ids) :], *talk.cut)),
            "completion_tokens": talk.drawn,
            "finish_reason": None if outcome in ("lost", "prompt_too_long") else "length" if talk.cut else "stop",
            "fault": talk.fault,
        }
        mask = array("b", (*talk.mask[len(begun.ids) :], *[1] * len(talk.cut)))
        return Held(talk, outcome, provenance | columns | {"response_mask": mask})

    async def _turn(self, sampler: Sampler, talk: Talk, case: Mapping[str, Any], asked: Asked, begun: Talk) -> Talk:
        """One turn of the model's, and the environment's answer."""
        left = asked.sampling.max_tokens - (len(talk.ids) - len(begun.ids))
        limit = min(left, self.settings.turn_tokens or left)
        if limit < 1:
            return replace(talk, ended_by="length")
        request = self._request(talk, asked, len(talk.turns) + 1, limit)
        draw = await sampler.draw(request, asked.prompt_version)
        if draw.text is None:
            too_long = "prompt_too_long" if len(talk.turns) == len(begun.turns) else "length"
            return replace(talk, ended_by="lost" if draw.lost else too_long, fault=draw.provenance["fault"])
        sampled = tuple(draw.provenance["token_ids"])
        talk = replace(talk, drawn=talk.drawn + len(sampled))
        if draw.cut_off:
            return replace(talk, cut=sampled, ended_by="length" if limit == left else "turn_tokens")
        if sampled == draw.token_ids:  # of a server that keeps the token to itself
            sampled += sampler.codec.end_of_turn
        return await self._answered(talk, case, draw.text, sampled, sampler.codec)

    async def _answered(
        self, talk: Talk, case: Mapping[str, Any], utterance: str, ids: tuple[int, ...], codec: ChatCodec
    ) -> Talk:
        turns = (*talk.turns, Turn(len(talk.ids), len(talk.messages), talk.state))
        messages = (*talk.messages, {"role": "assistant", "content": utterance})
        talk = replace(
            talk, turns=turns, messages=messages, ids=talk.ids + ids, mask=talk.mask + (1,) * len(ids), cut=()
        )
        try:
            replied, state = await self.partner.reply(case, talk.state, utterance, len(turns))
        except EnvironmentFault as fault:
            return replace(talk, ended_by="fault", fault=str(fault))
        if replied is None:
            return replace(talk, state=state, ended_by="environment")
        messages = (*messages, *replied)
        if len(turns) >= self.settings.max_turns:
            return replace(talk, state=state, messages=messages, ended_by="max_turns")
        between = codec.before_next(messages)
        mask = talk.mask + (0,) * len(between)
        return replace(talk, state=state, messages=messages, ids=talk.ids + between, mask=mask)

    async def _became_of(self, talk: Talk) -> tuple[str, Row]:
        """The outcome, and the columns `records.TURNS`, the mask aside."""
        outcome, reward, parts = talk.ended_by, None, None
        if talk.ended_by not in ("fault", "lost", "prompt_too_long"):
            try:
                score = await self.partner.score(talk.state)
                reward, parts = score.reward, json.dumps(score.parts, sort_keys=True)
                outcome = "truncated" if talk.is_cut_off else "incorrect"
                outcome = "correct" if reward >= self.settings.success else outcome
            except EnvironmentFault as fault:
                return ENVIRONMENT_FAULT, _columns(talk) | {"fault": str(fault)}
        if talk.ended_by == "fault":
            outcome = ENVIRONMENT_FAULT
        return outcome, _columns(talk) | {"reward": reward, "score_parts": parts}

    def _request(self, talk: Talk, asked: Asked, turn: int, limit: int) -> Request:
        sampling = replace(asked.sampling, max_tokens=limit)
        seed, prompt_ids = asked.seed_of(turn), talk.prompt_ids + talk.ids
        return Request(prompt_ids, sampling, seed, asked.order, _alternating(talk.messages), asked.stage)


def _columns(talk: Talk) -> Row:
    messages = [{"role": one["role"], "content": one["content"]} for one in talk.messages]
    return {"messages": messages, "ended_by": talk.ended_by, "reward": None, "score_parts": None}


def _alternating(messages: tuple[Message, ...]) -> tuple[str, ...]:
    """What user and assistant say in turn, as `Request.turns` has it: what others say one after the other is one."""
    said: list[str] = []
    for one in messages:
        speaks = one["role"] == "assistant"
        if len(said) % 2 == int(speaks):  # the other one's turn
            said.append(one["content"])
        else:
            said[-1] += f"\n\n{one['content']}"
    return tuple(said)
