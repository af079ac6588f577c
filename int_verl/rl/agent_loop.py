"""verl's agent loop `int_prefix`: rollouts that continue a given beginning of the response.

    python -m verl.trainer.main_ppo --config-name int_grpo ... \
        actor_rollout_ref.rollout.agent.default_agent_loop=int_prefix

With other primaries than `int_grpo`, `+int=prefix_rollouts` says the same. docs/rl.md has the rows and the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, cast

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

from int_verl.errors import UserError


class PrefixAgentLoop(SingleTurnAgentLoop):
    """verl's single turn, begun by the row's `extra_info.assistant_prefix_ids`, or `assistant_prefix` (text).

    The prefix stands at the beginning of the *response* with `response_mask` 0, as verl's own loops put the output of
    tools. So it is not trained on and has no advantage, every reward function is given the whole response as its
    `solution_str`, `max_response_length` bounds what a plain rollout of the same problem may have, and prompts stay
    within `max_prompt_length` and equal for all rows of a problem. A row without a prefix is a plain rollout.

    Example: prefix [7, 8], sampled [9, 2] give ``response_ids [7, 8, 9, 2]``, ``response_mask [0, 0, 1, 1]``.
    """

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:
        """One rollout; a UserError where the prefix leaves no room for a token of the model's own."""
        prefix_ids = self._prefix_ids(kwargs.get("extra_info") or {})
        if not prefix_ids:
            return await super().run(sampling_params, **kwargs)
        if len(prefix_ids) >= self.response_length:
            raise UserError(
                f"extra_info.assistant_prefix_ids: {len(prefix_ids)} tokens leave no room in data.max_response_length="
                f"{self.response_length}; raise it or leave the row out"
            )
        output = await self.continued(prefix_ids, sampling_params, **kwargs)
        output.response_ids = [*prefix_ids, *output.response_ids]
        output.response_mask = [0] * len(prefix_ids) + output.response_mask
        if output.response_logprobs is not None:
            output.response_logprobs = [0.0] * len(prefix_ids) + output.response_logprobs
        return output

    async def continued(
        self, begun_ids: Sequence[int], sampling_params: dict[str, Any], **kwargs: Any
    ) -> AgentLoopOutput:
        """verl's single turn of a response that has begun with these tokens, fewer than a response may have; without
        them in what is returned."""
        room = self.response_length - len(begun_ids)
        loop = copy(self)
        loop.server_manager = cast(Any, _ContinuingServer(self.server_manager, begun_ids))
        return await SingleTurnAgentLoop.run(loop, {**sampling_params, "max_tokens": room}, **kwargs)

    def _prefix_ids(self, extra_info: Mapping[str, Any]) -> list[int]:
        token_ids = extra_info.get("assistant_prefix_ids")
        if token_ids is not None and len(token_ids):
            return [int(token) for token in token_ids]
        tokenizer: Any = self.tokenizer
        text = extra_info.get("assistant_prefix")
        return list(tokenizer(text, add_special_tokens=False).input_ids) if text else []


class _ContinuingServer:
    """A rollout server that is asked to go on after the prefix."""

    def __init__(self, server: Any, prefix_ids: Sequence[int]) -> None:
        self.server, self.prefix_ids = server, list(prefix_ids)

    async def generate(self, *, prompt_ids: Sequence[int], **request: Any) -> Any:
        return await self.server.generate(prompt_ids=[*prompt_ids, *self.prefix_ids], **request)
