"""A wrong attempt put right: interventions in waves, each gone on with, until a response is right."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from int_verl.generate.candidates import Attempt
from int_verl.rl.online.asking import Asking
from int_verl.rl.online.plan import Plan
from int_verl.rl.online.proposing import Proposal, Proposing
from int_verl.rl.online.record import Tried
from int_verl.rl.online.reward import Judged
from int_verl.rl.online.splice import Part, Response, splice


@dataclass(frozen=True, slots=True)
class Guided:
    """A response that goes on from an intervention."""

    response: Response
    output: Any
    "verl's output of the continuation alone, for what else it says."


@dataclass(frozen=True, slots=True)
class Guidance:
    """The waves of one attempt."""

    plan: Plan
    proposing: Proposing
    asking: Asking
    room: int
    "Tokens of a response at most."
    go_on: Callable[..., Awaitable[Any]]
    "Beginning of a response, more sampling parameters -> verl's output of what follows."
    judge: Callable[[Sequence[int]], Awaitable[Judged]]
    "Token ids of a response -> what it is worth."

    async def guide(self, attempt: Attempt, log_probs: Sequence[float] | None) -> tuple[Guided | None, list[Tried]]:
        """The first response that is right, or else the first; None where no intervention could be gone on with.

        Args:
            log_probs: of the attempt's tokens.
        """
        chosen: tuple[Tried, Guided] | None = None
        every: list[Tried] = []
        for size in self.plan.online.waves:
            numbers = range(len(every), len(every) + size)
            wave = await asyncio.gather(*(self._one(attempt, log_probs, number) for number in numbers))
            for tried, guided in wave:
                every.append(tried)
                if guided is not None and (chosen is None or (tried.right and not chosen[0].right)):
                    chosen = tried, guided
            if chosen is not None and chosen[0].right:
                break
        if chosen is None:
            return None, every
        chosen[0].returned = True
        return chosen[1], every

    async def _one(
        self, attempt: Attempt, log_probs: Sequence[float] | None, number: int
    ) -> tuple[Tried, Guided | None]:
        proposal = await self.proposing.propose(attempt, number)
        tried = Tried(proposal.status, location=proposal.location)
        if self.plan.keep_texts:
            tried.verification, tried.content = proposal.text, proposal.content
        guided = await self._continued(attempt, log_probs, proposal)
        if guided is not None:
            judged = await self.judge(guided.response.token_ids)
            tried.reward, tried.right = judged.reward, judged.right
            if self.plan.keep_texts:
                codec = self.proposing.codec
                tried.continuation = codec.decode(codec.without_end(tuple(guided.output.response_ids)))
        return tried, guided

    async def _continued(
        self, attempt: Attempt, log_probs: Sequence[float] | None, proposal: Proposal
    ) -> Guided | None:
        candidate = proposal.candidate
        if candidate is None:
            return None
        begun_ids, _ = candidate.beginning("intervention", self.proposing.codec, self.plan.steps_by, None)
        kept, room = len(candidate.prefix.token_ids), self.room - len(begun_ids)
        if room < 1:
            return None
        trained = self.plan.online.loss_on == "all"
        async with self.asking.budget.reserve(room) as reserved:
            if not reserved.granted:
                return None
            output = await self.go_on(begun_ids, {"prompt_logprobs": 0} if trained else {})
            reserved.used = len(output.response_ids)
            self.asking.tokens += reserved.used
        between = None
        if scored := output.extra_fields.pop("prompt_logprobs", None):
            first = len(output.prompt_ids) + kept
            # Entry i is of token i + 1 (verl/workers/rollout/vllm_rollout/utils.py, extract_prompt_logprobs).
            between = [float(entry[0]) for entry in scored[first - 1 : first - 1 + len(begun_ids) - kept]]
        output.extra_fields.pop("prompt_ids", None)
        prefix = Part(attempt.token_ids[:kept], None if log_probs is None else log_probs[:kept])
        continuation = Part(output.response_ids, output.response_logprobs)
        return Guided(splice(prefix, Part(begun_ids[kept:], between), continuation, trained), output)
