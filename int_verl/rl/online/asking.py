"""Requests to the policy that is trained, beside the rollout itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from int_verl.generate.chat import ChatCodec
from int_verl.generate.sampler import Draw
from int_verl.rl.online.budget import Budget
from int_verl.settings.sampling import Sampling


@dataclass(slots=True)
class Asking:
    """Draws of one rollout from verl's rollout servers, within the step's budget."""

    server: Any
    "verl's client of them, as agent loops have it."
    codec: ChatCodec
    budget: Budget
    context_length: int
    "Of the servers: prompt and new tokens."
    family: str
    "Requests of the same go to the same server."
    tokens: int = field(default=0, init=False)
    "New ones so far, in all."

    async def draw(self, prompt_ids: Sequence[int], sampling: Sampling) -> Draw | None:
        """A completion; without text where the prompt does not fit. None: the budget does not allow it."""
        if len(prompt_ids) + sampling.max_tokens > self.context_length:
            return self._draw((), None, None)
        async with self.budget.reserve(sampling.max_tokens) as reserved:
            if not reserved.granted:
                return None
            output = await self.server.generate(
                request_id=self.family,
                prompt_ids=list(prompt_ids),
                sampling_params={
                    "temperature": sampling.temperature,
                    "top_p": sampling.top_p,
                    "top_k": sampling.top_k,
                    "repetition_penalty": 1.0,
                    "max_tokens": sampling.max_tokens,
                },
            )
            reserved.used = len(output.token_ids)
            self.tokens += reserved.used
        drawn = tuple(output.token_ids)
        token_ids = self.codec.without_end(drawn)
        ended = len(token_ids) < len(drawn) or len(drawn) < sampling.max_tokens
        return self._draw(token_ids, self.codec.decode(token_ids), "stop" if ended else "length")

    def _draw(self, token_ids: tuple[int, ...], text: str | None, finish_reason: str | None) -> Draw:
        provenance = {"fault": None, "finish_reason": finish_reason}
        return Draw(token_ids, text, self.codec.opened_thinking, provenance)
