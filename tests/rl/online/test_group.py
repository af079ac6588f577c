"""What a rollout may know of its group."""

from __future__ import annotations

import asyncio
import gc
import random

from hypothesis import given
from hypothesis import strategies as st

from int_verl.rl.online.group import Group
from int_verl.rl.online.worker import Worker


@given(st.lists(st.floats(0, 1) | st.none(), min_size=1, max_size=8), st.randoms())
def test_all_wait_for_the_last(rewards: list[float | None], order: random.Random) -> None:
    """None: a rollout that failed. Each draws its attempt, which takes at least one turn of the event loop."""

    async def run() -> None:
        group, reported = Group(), 0

        async def rollout(reward: float | None, turns: int) -> float | None:
            nonlocal reported
            group.join()
            for _ in range(turns):
                await asyncio.sleep(0)
            reported += 1
            if reward is None:
                group.leave()
                return None
            group.report(reward)
            mean = await group.mean_reward()
            assert reported == len(rewards)
            return mean

        turns = [order.randrange(1, 5) for _ in rewards]
        rollouts = map(rollout, rewards, turns)
        means = await asyncio.wait_for(asyncio.gather(*rollouts), 10)
        known = [reward for reward in rewards if reward is not None]
        assert all(mean is None or abs(mean - sum(known) / len(known)) < 1e-9 for mean in means)

    asyncio.run(run())


def test_what_is_shared_is_made_once() -> None:
    async def run() -> None:
        group, made = Group(), []

        async def make() -> str:
            made.append(1)
            await asyncio.sleep(0)
            return "solution"

        assert await asyncio.gather(*(group.once("a", make) for _ in range(3))) == ["solution"] * 3
        assert len(made) == 1

    asyncio.run(run())


def test_a_worker_keeps_groups_and_budgets_no_longer_than_needed() -> None:
    worker = Worker()
    group = worker.group("one")
    assert worker.group("one") is group
    assert worker.group("two") is not group
    del group
    gc.collect()
    assert not list(worker._groups)
    first = worker.budget(1, 100)
    assert worker.budget(1, 100) is first
    for step in (2, 3, 4):
        worker.budget(step, 100)
    assert sorted(worker._budgets) == [3, 4]
