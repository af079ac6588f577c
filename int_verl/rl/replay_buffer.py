"""verl's replay buffer, asked more often."""

from __future__ import annotations

from typing import Any

from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer


class QuickReplayBuffer(ReplayBuffer):
    """Stock `ReplayBuffer` whose poll interval (seconds) comes from `trainer.v1.sampler.sampler_kwargs.poll_interval`.

    verl offers no key for it (verl/trainer/ppo/v1/replay_buffer.py:144, 2 s): on a small model that is most of a step.
    The two features that verl withholds from custom samplers, group filtering and refill of failed groups, stay off.
    """

    def __init__(self, *, sampler_kwargs: Any, **kwargs: Any) -> None:
        interval = float((sampler_kwargs or {}).get("poll_interval", 0.1))
        super().__init__(sampler_kwargs=sampler_kwargs, poll_interval=interval, **kwargs)
