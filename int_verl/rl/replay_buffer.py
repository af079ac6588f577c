"""verl's replay buffer with metrics of the groups that it hands out, where all of verl's loggers find them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import transfer_queue as tq
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from int_verl.attention import check_sequence_parallel
from int_verl.errors import UserError
from int_verl.rl.metrics import check_that_some_are_rewarded, group_metrics, verdict_metrics
from int_verl.rl.online.dump import dump
from int_verl.rl.online.metrics import online_metrics
from int_verl.rl.online.record import Record


class MeasuredReplayBuffer(ReplayBuffer):
    """Stock `ReplayBuffer` that adds `group_metrics`, `verdict_metrics` and `online_metrics` to a training step's.

    verl takes it as `trainer.v1.sampler.custom_sampler` (verl/trainer/ppo/v1/trainer_base.py:139) and logs what
    `sample` returns beside the batch. It is the one place outside the trainer that sees whole groups with their
    rewards and has a way to the loggers. Sampling itself is verl's. `trainer.v1.sampler.sampler_kwargs` may have

    - ``poll_interval``: seconds between two looks for finished rollouts (2.0; verl has no key for it,
      verl/trainer/ppo/v1/replay_buffer.py:144);
    - ``filter_groups``: whether `algorithm.filter_groups` is on;
    - ``reward_model``: whether rewards come from a model, perhaps only after sampling: then nothing is added;
    - ``online_dump``: a folder for what `int_online` did in each step.

    Raises:
        UserError: group filtering or an asynchronous trainer is asked for, which verl has for its own samplers only;
            `check_sequence_parallel` refuses the whole configuration, here before verl starts a worker; from `sample`,
            that the reward function failed with every rollout, from which verl would go on.
    """

    def __init__(self, *, trainer_mode: str, sampler_kwargs: Any, **kwargs: Any) -> None:
        settings = sampler_kwargs or {}
        off = "switch our metrics off: trainer.v1.sampler.custom_sampler=null"
        if trainer_mode != "sync":
            raise UserError(f"trainer.v1.trainer_mode={trainer_mode}: verl needs its own sampler for this; {off}")
        if settings.get("filter_groups"):
            raise UserError(f"algorithm.filter_groups.enable=true: verl needs its own sampler for this; {off}")
        if sampler_kwargs is not None:
            check_sequence_parallel(sampler_kwargs)
        self._measures = not settings.get("reward_model")
        self._dump = Path(folder) if (folder := settings.get("online_dump")) else None
        interval = float(settings.get("poll_interval", 2.0))
        super().__init__(trainer_mode=trainer_mode, sampler_kwargs=sampler_kwargs, poll_interval=interval, **kwargs)

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> tuple[Any, dict[str, Any]]:
        """verl's batch, and its metrics with ours."""
        batch, metrics = super().sample(global_steps, partition_id, batch_size)
        if not self._measures:
            return batch, metrics
        if not batch.keys:
            raise UserError("the reward function failed with every rollout of this step; the log has what it raised")
        data = _rollouts(batch)
        extra_fields = data.pop("extra_fields").tolist()
        results = [_result(extra) for extra in extra_fields]
        check_that_some_are_rewarded(results, data.pop("extra_info").tolist())
        if partition_id == "train":
            records = [Record.of(extra) for extra in extra_fields]
            uids, rewards = data.pop("uid").tolist(), [float(tokens.sum()) for tokens in data["rm_scores"].unbind()]
            metrics = {**metrics, **group_metrics(_groups(uids, data.pop("data_source").tolist(), rewards))}
            metrics |= {**verdict_metrics(results), **online_metrics(records, rewards, uids)}
            if self._dump is not None:
                dump(self._dump, global_steps, records)
        return batch, metrics


def _rollouts(batch: Any) -> Any:
    fields = ["uid", "data_source", "rm_scores", "extra_fields", "extra_info"]
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
    if data.get("rm_scores") is None:  # TransferQueue leaves out what one rollout lacks
        raise UserError("the reward function returned None for a rollout; rl.reward_guarded=true counts that as 0")
    return data


def _result(extra_fields: Any) -> dict[str, Any]:
    """What the reward function said of a rollout (verl/trainer/ppo/v1/trainer_base.py:1131)."""
    return extra_fields.get("reward_extra_info", {}) if isinstance(extra_fields, dict) else {}


def _groups(uids: list[str], sources: list[str], rewards: list[float]) -> Iterable[tuple[str, list[float]]]:
    """Data source and rewards of every group."""
    groups: dict[str, tuple[str, list[float]]] = {}
    for uid, source, reward in zip(uids, sources, rewards, strict=True):
        groups.setdefault(uid, (source, []))[1].append(reward)
    return groups.values()
