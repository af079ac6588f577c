"""Interventions while RL samples: the section `rl.online`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from int_verl.settings.ranges import Count, PositiveInt, PositiveShare, Share


@dataclass(frozen=True, slots=True)
class OnlineSettings:
    enabled: bool = False
    """Where an attempt is wrong, the policy verifies it against the reference solution, proposes an intervention as
    `propose` says, and the rollout goes on from there (docs/online.md)."""
    loss_on: Literal["own", "all"] = "own"
    """own: the attempt's tokens before the intervention, and the continuation. all: the intervention's as well, which
    the policy wrote with the reference in view."""
    row_share: PositiveShare = 1.0
    "Share of the problems, chosen by a hash of their ids."
    group_share: PositiveShare = 1.0
    "Share of each group's rollouts, rounded up, that may be intervened in; the others stay as they were drawn."
    from_step: Count = 0
    "Steps before this one are plain RL."
    max_group_reward: Share = 0.0
    """Only in groups whose attempts have at most this mean reward. 0: where all are wrong, so that plain RL would learn
    nothing; below 1 a rollout waits for the attempts of its group. 1: wherever an attempt is wrong."""
    waves: tuple[PositiveInt, ...] = (1,)
    """Verifications of an attempt in successive waves, each intervention continued once; no further wave after a
    success."""
    tokens_per_step: PositiveInt | None = None
    """New tokens at most that guided solutions, verifications and continuations may cost in a step; null: no limit.
    Each of verl's agent-loop workers has an equal part of it."""
    context_length: PositiveInt | None = None
    """Prompt and new tokens of the rollout servers, which verifications need more of than rollouts; null: enough for
    prompt, reference, attempt, guided solution and verification, or what the model has."""
