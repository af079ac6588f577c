"""verl's agent loop `int_turns`: rollouts that are conversations with an environment.

A row's `extra_info.case` is what the environment is given, as a JSON string, and `extra_info.begun`, if it is there, a
conversation to go on with; docs/turns.md has the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from omegaconf import OmegaConf
from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopMetrics, AgentLoopOutput
from verl.utils.profiler import simple_timer

from int_verl.errors import UserError
from int_verl.generate.chat import end_token_ids
from int_verl.generate.chat_template import ChatTemplate
from int_verl.generate.text_tokens import TextTokens
from int_verl.turns.environment import Message, State
from int_verl.turns.pool import EnvironmentFault, EnvironmentPool, EnvironmentSettings

NAME = "int_turns"
ENDS = ("environment", "max_turns", "turn_tokens", "length", "fault")
"""How a conversation comes to its end: the environment ends it; the policy has had its turns; one of its turns was cut
off; there is no room for another; the environment failed."""
_VERSIONS = ("min_global_steps", "max_global_steps")
"Of the weights that a rollout came from; verl's metrics need them of every rollout."


@dataclass(slots=True)
class _Rollout:
    """What has been said, as the tokens of the response."""

    messages: list[Message]
    state: State = None
    ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    turns: int = 0
    "Of the policy's."
    served: dict[str, Any] = field(default_factory=dict)
    "What the servers say beside the tokens, such as the weights' versions (verl/workers/rollout/llm_server.py)."

    def serve(self, fields: Mapping[str, Any]) -> None:
        first = self.served.get("min_global_steps")
        self.served |= fields
        if first is not None:
            self.served["min_global_steps"] = first

    def add(self, ids: list[int], trained: bool, log_probs: list[float] | None = None) -> None:
        self.ids += ids
        self.mask += [int(trained)] * len(ids)
        self.log_probs += log_probs if log_probs else [0.0] * len(ids)


class TurnsAgentLoop(AgentLoopBase):
    """The policy's turns, sampled, and between them the environment's answers, with `response_mask` 0.

    Tokens of the environment are those that SFT reads in `messages` with a `loss_mask`; whatever it says stays text.
    What has been said of a conversation already begins the response, with mask 0, as `int_prefix` has it.
    The end of a turn that the policy sampled is trained. The reward is the environment's (`reward_score`, so that verl
    asks no reward function). Where the environment fails, the rollout ends there with reward 0, and none of its tokens
    is trained; `extra_fields` say why.

    Args:
        environment: `EnvironmentSettings` as a mapping.
        max_turns: of the policy's.
        turn_tokens: most tokens of one of its turns; None: what is left of `data.max_response_length`. A turn that is
            cut off ends the conversation and is not given to the environment.
        success: the reward from which a rollout counts as right (`acc`).

    Raises:
        UserError: a setting is missing or unknown, the row has no case, or what was said already does not fit into
            `data.max_prompt_length` and `data.max_response_length`.
    """

    def __init__(
        self,
        *args: Any,
        environment: Mapping[str, Any] | None = None,
        max_turns: int = 8,
        turn_tokens: int | None = None,
        success: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        chosen = OmegaConf.to_container(environment) if OmegaConf.is_config(environment) else dict(environment or {})
        assert isinstance(chosen, dict)
        if not chosen.get("environment"):
            raise UserError(
                f"{NAME}: its entry in agent_loop_config_path has no environment.environment; docs/turns.md"
            )
        if unknown := set(chosen) - set(EnvironmentSettings.__dataclass_fields__):
            raise UserError(f"{NAME}: environment.{min(map(str, unknown))}: no such setting")
        self._environment = _pool(json.dumps(chosen, sort_keys=True))
        self._max_turns, self._turn_tokens, self._success = max_turns, turn_tokens, success
        tokenizer: Any = self.tokenizer
        variables: Any = self.data_config.get("apply_chat_template_kwargs", None) or {}
        if OmegaConf.is_config(variables):
            variables = OmegaConf.to_container(variables)
        self._template = _template(tokenizer, json.dumps(variables, sort_keys=True))
        self._ends = _end_ids(str(self.config.actor_rollout_ref.model.path), tokenizer.eos_token_id)

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:
        """One conversation."""
        extra_info = kwargs.get("extra_info") or {}
        case, begun = _case(extra_info), extra_info.get("begun")
        rollout = _Rollout([dict(message) for message in kwargs["raw_prompt"]])
        metrics: dict[str, Any] = {}
        detail, parts, reward = "", {}, 0.0
        prompt_ids: list[int] = []
        try:
            if begun:
                prompt_ids = self._take_up(json.loads(begun), rollout)
            else:
                opened, rollout.state = await self._environment.open(case)
                rollout.messages += opened
                prompt_ids = self._template.prompt_ids(rollout.messages)
            self._check_prompt(prompt_ids)
            ended = await self._converse(case, prompt_ids, rollout, sampling_params, metrics)
            score = await self._environment.score(rollout.state)
            reward, parts = score.reward, dict(score.parts)
        except EnvironmentFault as fault:
            ended, detail = "fault", str(fault)
            rollout.mask = [0] * len(rollout.mask)
        prompt_ids = prompt_ids or self._template.prompt_ids(rollout.messages)
        if not rollout.ids:
            rollout.add([min(self._ends)], trained=False)
        return AgentLoopOutput(
            prompt_ids=prompt_ids,
            response_ids=rollout.ids,
            response_mask=rollout.mask,
            response_logprobs=rollout.log_probs if sampling_params.get("logprobs") else None,
            reward_score=reward,
            num_turns=len(rollout.messages),
            metrics=AgentLoopMetrics(**metrics),
            extra_fields={
                **{name: max(int(kwargs.get("global_steps") or 0) - 1, 0) for name in _VERSIONS},
                **rollout.served,
                "turn_scores": [],
                "tool_rewards": [],
                "reward_extra_info": {
                    "case_id": str(extra_info.get("id", "")),
                    "score": reward,
                    "acc": float(reward >= self._success and not detail),
                    "turns": float(rollout.turns),
                    "ended_by": ended,
                    "fault": detail,
                },
                NAME: {"parts": parts, "messages": rollout.messages},
            },
        )

    async def _converse(
        self,
        case: Mapping[str, Any],
        prompt_ids: list[int],
        rollout: _Rollout,
        sampling_params: Mapping[str, Any],
        metrics: dict[str, Any],
    ) -> str:
        """Turn after turn to one of `ENDS`."""
        room = self.rollout_config.response_length
        request_id = uuid4().hex  # one for all turns, which keeps them on one server and its cache
        while rollout.turns < self._max_turns:
            left = room - len(rollout.ids)
            limit = left if self._turn_tokens is None else min(left, self._turn_tokens)
            timing: dict[str, float] = {}
            with simple_timer("generate_sequences", timing):
                sampled = await self.server_manager.generate(
                    request_id=request_id,
                    prompt_ids=[*prompt_ids, *rollout.ids],
                    sampling_params={**sampling_params, "max_tokens": limit},
                )
            metrics["generate_sequences"] = metrics.get("generate_sequences", 0.0) + timing["generate_sequences"]
            rollout.serve(sampled.extra_fields)
            said = list(sampled.token_ids)[:limit]
            rollout.add(said, trained=True, log_probs=list(sampled.log_probs or [])[:limit])
            if not said or said[-1] not in self._ends:
                return "length" if limit == left else "turn_tokens"
            rollout.turns += 1
            utterance = self._template.tokens.decode(said[:-1])
            rollout.messages.append({"role": "assistant", "content": utterance})
            replied, rollout.state = await self._environment.reply(case, rollout.state, utterance, rollout.turns)
            if replied is None:
                return "environment"
            rollout.messages += replied
            if rollout.turns == self._max_turns:
                break
            between = self._template.before_next(rollout.messages)
            if len(rollout.ids) + len(between) >= room:
                return "length"
            rollout.add(between, trained=False)
        return "max_turns"

    def _take_up(self, begun: Mapping[str, Any], rollout: _Rollout) -> list[int]:
        """Go on with a conversation (`int_verl.generate.conversations.talk`); returns the tokens of its opening."""
        told, room = len(rollout.messages), self.rollout_config.response_length
        if len(begun["ids"]) >= room:
            raise UserError(
                f"extra_info.begun: {len(begun['ids'])} tokens leave no room in data.max_response_length={room}; raise "
                "it or leave the row out"
            )
        rollout.messages += begun["messages"]
        rollout.state, rollout.turns = begun["state"], begun["turns"]
        rollout.add(list(begun["ids"]), trained=False)
        return self._template.prompt_ids(rollout.messages[: told + begun["opened"]])

    def _check_prompt(self, prompt_ids: list[int]) -> None:
        if len(prompt_ids) > (most := self.rollout_config.prompt_length):
            raise UserError(
                f"{NAME}: a conversation opens with {len(prompt_ids)} tokens, more than data.max_prompt_length={most}; "
                "raise it or shorten what the case opens with"
            )


@lru_cache(maxsize=4)
def _template(tokenizer: Any, variables: str) -> ChatTemplate:
    """As `_pool`; what the template writes of its own is found once."""
    return ChatTemplate(tokenizer, TextTokens(tokenizer), variables=json.loads(variables))


@lru_cache(maxsize=4)
def _pool(settings: str) -> EnvironmentPool:
    """One for all rollouts of a process: verl makes an agent loop for each."""
    return EnvironmentPool(EnvironmentSettings(**json.loads(settings)))


@lru_cache(maxsize=4)
def _end_ids(model: str, eos: int | None) -> frozenset[int]:
    return frozenset(end_token_ids(Path(model), eos))


def _case(extra_info: Mapping[str, Any]) -> Mapping[str, Any]:
    text, index = extra_info.get("case"), extra_info.get("index")
    try:
        case = json.loads(text) if isinstance(text, str) else text
    except ValueError as error:
        raise UserError(f"row {index}: extra_info.case is no JSON ({error})") from None
    if not isinstance(case, Mapping):
        raise UserError(f"row {index}: extra_info.case must be an object of JSON, as a string; {NAME} rows need one")
    return case
