"""verl's agent loop `int_online`: rollouts that the policy itself puts right while RL samples.

A row chooses it with its column `agent_name`; rows of validation have another loop. docs/online.md has the settings,
and what old log-probabilities, ratio and advantage of such a rollout are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from omegaconf import OmegaConf
from verl.experimental.agent_loop.agent_loop import AgentLoopOutput

from int_verl.errors import UserError
from int_verl.generate.candidates import Attempt
from int_verl.generate.chat import ChatCodec
from int_verl.generate.thinking import steps_begin
from int_verl.rl.agent_loop import PrefixAgentLoop
from int_verl.rl.online.asking import Asking
from int_verl.rl.online.group import Group
from int_verl.rl.online.guidance import Guidance
from int_verl.rl.online.plan import AGENT, Plan
from int_verl.rl.online.proposing import Proposing
from int_verl.rl.online.record import Record
from int_verl.rl.online.reward import Judged
from int_verl.rl.online.row import OnlineRow
from int_verl.rl.online.worker import codec_of, this_worker
from int_verl.steps import cut_steps


class OnlineAgentLoop(PrefixAgentLoop):
    """Attempt; where it is wrong, verification against the row's reference solution, intervention, continuation.

    A rollout that is put right is returned as attempt up to the intervention, intervention, continuation; verl gives it
    the reward of the whole. Which of its tokens are trained on is `rl.online.loss_on`. A right attempt, one without an
    acceptable intervention and a row without a reference solution are verl's single turn. Rows with a prefix are those
    of `int_prefix`.

    Args:
        plan: `Plan.written`; what is left out has its default.
    """

    def __init__(self, *args: Any, plan: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        values = OmegaConf.to_container(plan, resolve=True) if OmegaConf.is_config(plan) else dict(plan or {})
        assert isinstance(values, dict)
        self.plan = Plan.read({str(key): value for key, value in values.items()})
        self._check_loss()

    def _check_loss(self) -> None:
        rollout = self.rollout_config
        if self.plan.online.loss_on == "all" and rollout.temperature != 1:
            raise UserError(
                f"{AGENT}: loss_on=all needs the log-probabilities of interventions, which the servers give at "
                f"temperature 1 alone; set actor_rollout_ref.rollout.temperature=1, not "
                f"{rollout.temperature}, or loss_on=own"
            )

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:
        """One rollout, intervened in or not; its `extra_fields` have its `Record`."""
        row, plan = OnlineRow.of(kwargs), self.plan
        if self._prefix_ids(row.extra_info) or row.step < plan.online.from_step or not row.reference_solution:
            return await super().run(sampling_params, **kwargs)
        group = this_worker().group(row.uid)
        group.join()  # before anything is awaited
        try:
            output = await super().run(sampling_params, **kwargs)
            judged = await self._judge(row, output.response_ids)
        except BaseException:
            group.leave()
            raise
        group.report(judged.reward)
        attempt = self._attempt(output.response_ids)
        record = Record(row.id, row.step, row.rollout, judged.reward, len(output.response_ids))
        record.skipped = await self._why_not(row, judged, attempt, output.response_ids, group)
        if not record.skipped:
            await self._put_right(row, output, attempt, group, record, partial(self._go_on, sampling_params, kwargs))
        if plan.keep_texts:
            record.attempt = attempt.steps.text
        output.extra_fields[AGENT] = record.written()
        return output

    @property
    def codec(self) -> ChatCodec:
        return codec_of(self.config.actor_rollout_ref.model.path, self.plan.date)

    async def _judge(self, row: OnlineRow, response_ids: Sequence[int]) -> Judged:
        tokenizer: Any = self.tokenizer
        text = tokenizer.decode(response_ids, skip_special_tokens=True)  # as verl's reward managers do
        return await this_worker().reward(self.config)(text, row)

    def _attempt(self, response_ids: Sequence[int]) -> Attempt:
        token_ids = self.codec.without_end(tuple(response_ids))
        text = self.codec.decode(token_ids)
        begin = steps_begin(text, self.codec.opened_thinking, self.plan.thinking)
        return Attempt(0, token_ids, cut_steps(text, self.plan.steps_by, begin))

    async def _why_not(
        self, row: OnlineRow, judged: Judged, attempt: Attempt, response_ids: Sequence[int], group: Group
    ) -> str:
        """Why no intervention is asked for; nothing where one is."""
        online, propose = self.plan.online, self.plan.propose
        if judged.right:
            return "right"
        if row.rollout >= math.ceil(online.group_share * self.rollout_config.n):
            return "group_share"
        cut_off = len(response_ids) >= self.response_length and len(attempt.token_ids) == len(response_ids)
        if (outcome := "truncated" if cut_off else judged.verdict) not in propose.outcomes:
            return outcome
        if not attempt.steps.text[attempt.steps.begin :].strip():
            return "empty"
        if propose.max_steps is not None and len(attempt.steps) > propose.max_steps:
            return "too_many_steps"
        if online.max_group_reward < 1 and await group.mean_reward() > online.max_group_reward:
            return "group_reward"
        return ""

    async def _put_right(
        self, row: OnlineRow, output: AgentLoopOutput, attempt: Attempt, group: Group, record: Record, go_on: Any
    ) -> None:
        """Makes of the attempt's output the guided response, if there is one."""
        tokens, rollout = self.plan.online.tokens_per_step, self.rollout_config
        share = None if tokens is None else tokens // rollout.agent.num_workers
        asking = Asking(
            server=self.server_manager,
            codec=self.codec,
            budget=this_worker().budget(row.step, share),
            context_length=rollout.max_model_len or rollout.prompt_length + rollout.response_length,
            family=row.uid,
        )
        guidance = Guidance(
            plan=self.plan,
            proposing=Proposing(self.plan, self.codec, row, group, asking),
            asking=asking,
            room=self.response_length,
            go_on=go_on,
            judge=partial(self._judge, row),
        )
        guided, record.tried = await guidance.guide(attempt, output.response_logprobs)
        record.extra_tokens = asking.tokens
        if guided is None:
            return
        output.response_ids = guided.response.token_ids
        output.response_mask = guided.response.mask
        output.response_logprobs = guided.response.log_probs
        output.routed_experts = guided.output.routed_experts
        output.metrics.generate_sequences += guided.output.metrics.generate_sequences
        output.extra_fields.update(guided.output.extra_fields)

    async def _go_on(
        self,
        sampling_params: dict[str, Any],
        kwargs: dict[str, Any],
        begun_ids: Sequence[int],
        more: Mapping[str, Any],
    ) -> AgentLoopOutput:
        return await self.continued(begun_ids, {**sampling_params, **more}, **kwargs)
