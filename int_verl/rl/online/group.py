"""The rollouts of one row that are under way at once, as far as one of them may see the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from statistics import fmean
from typing import Any


class Group:
    """Attempts at one row. verl starts all of a row's rollouts at once in one worker, and no rollout is given the
    others (verl/trainer/ppo/v1/agent_loop_tq.py, `_run_prompt`); through this object they are.

    Every rollout has to `join` before it awaits anything, so that all have joined before the first one reports, and
    then either `report` or `leave`.
    """

    def __init__(self) -> None:
        self._awaited = 0
        self._rewards: list[float] = []
        self._complete = asyncio.Event()
        self._shared: dict[str, asyncio.Future[Any]] = {}

    def join(self) -> None:
        self._awaited += 1

    def report(self, reward: float) -> None:
        """What this rollout's attempt is worth."""
        self._rewards.append(reward)
        self.leave()

    def leave(self) -> None:
        """This rollout has no attempt that counts."""
        self._awaited -= 1
        if not self._awaited:
            self._complete.set()

    async def mean_reward(self) -> float:
        """Of all attempts, as soon as all are there; 0 where none counts."""
        await self._complete.wait()
        return fmean(self._rewards) if self._rewards else 0.0

    async def once(self, name: str, make: Callable[[], Awaitable[Any]]) -> Any:
        """What `make` gives, which is called by the first rollout that asks for `name` alone."""
        if name not in self._shared:
            self._shared[name] = asyncio.ensure_future(make())
        return await asyncio.shield(self._shared[name])
