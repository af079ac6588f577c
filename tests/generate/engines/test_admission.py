"""The engine is full while there is work, and what goes in next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.generate.engines.admission import Admission

Order = tuple[int, ...]


def admitted(orders: Sequence[Order], limit: int, ordering: str) -> list[Order]:
    """Ask for a place for each at once; the orders in which they are let in, each leaving when the next is wanted."""
    seen: list[Order] = []

    async def main() -> None:
        admission = Admission(limit, ordering)  # type: ignore[arg-type]
        leave = asyncio.Semaphore(0)

        async def holder(order: Order) -> None:
            async with admission.place(order):
                seen.append(order)
                await leave.acquire()

        holders = asyncio.gather(*map(holder, orders))
        for left in range(len(orders), 0, -1):
            for _ in range(5):
                await asyncio.sleep(0)
            assert admission.inside == min(limit, left), "a free place while requests wait"
            leave.release()
        await holders
        assert admission.inside == 0

    asyncio.run(main())
    return seen


order_lists = st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 0), st.integers(0, 3)), max_size=60)


@given(orders=order_lists)
def test_one_at_a_time_they_go_in_by_order(orders: list[Order]) -> None:
    assert admitted(orders, 1, "depth_first") == sorted(orders)
    assert admitted(orders, 1, "arrival") == orders


@given(orders=order_lists, limit=st.integers(1, 80))
def test_the_first_in_are_the_smallest(orders: list[Order], limit: int) -> None:
    assert sorted(admitted(orders, limit, "depth_first")[:limit]) == sorted(orders)[:limit]


def test_requests_that_share_a_prefix_are_neighbours_and_deep_work_comes_before_young() -> None:
    """Attempts of three problems wait; when the guided rollouts of problem 0 come they overtake those of 1 and 2."""
    seen: list[Order] = []

    async def main() -> None:
        admission = Admission(2)

        async def draw(order: Order) -> None:
            async with admission.place(order):
                seen.append(order)
                await asyncio.sleep(0.001)

        async def problem(number: int) -> None:
            await asyncio.gather(*(draw((number, -1, attempt)) for attempt in range(4)))
            await asyncio.gather(*(draw((number, -4, attempt, rollout)) for rollout in range(8) for attempt in (0, 1)))

        await asyncio.gather(*map(problem, range(3)))

    asyncio.run(main())
    groups = [order[:3] for order in seen]
    switches = sum(a != b for a, b in pairwise(groups))
    assert switches <= 3 * (4 + 4), "guided rollouts of one intervention go in one after the other"
    last_of_0 = max(index for index, order in enumerate(seen) if order[0] == 0)
    first_guided_of_2 = min(index for index, order in enumerate(seen) if order[:2] == (2, -4))
    assert last_of_0 < first_guided_of_2


def test_a_cancelled_wait_takes_no_place() -> None:
    async def main() -> None:
        admission = Admission(1)
        entered = asyncio.Event()

        async def hold(order: Order) -> None:
            async with admission.place(order):
                entered.set()
                await asyncio.sleep(3600)

        first = asyncio.create_task(hold((0,)))
        await entered.wait()
        second = asyncio.create_task(hold((1,)))
        third = asyncio.create_task(hold((2,)))
        await asyncio.sleep(0)
        second.cancel()
        first.cancel()
        entered.clear()
        await asyncio.wait_for(entered.wait(), 5)
        assert admission.inside == 1
        third.cancel()
        await asyncio.gather(first, second, third, return_exceptions=True)
        assert admission.inside == 0

    asyncio.run(main())


def test_cancelled_in_the_turn_in_which_it_is_let_in() -> None:
    async def main() -> None:
        admission = Admission(1)
        waiting = asyncio.create_task(_enter(admission))
        await asyncio.sleep(0)  # it asks
        asyncio.get_running_loop().call_soon(waiting.cancel)  # runs right after it was let in
        await asyncio.gather(waiting, return_exceptions=True)
        assert admission.inside == 0
        await asyncio.wait_for(_enter(admission), 5)

    asyncio.run(main())


async def _enter(admission: Admission) -> None:
    async with admission.place():
        pass


def test_resized_and_refused() -> None:
    async def main() -> None:
        admission = Admission(0)
        waiting = [asyncio.create_task(_enter(admission)) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in waiting)
        admission.resize(2)
        await asyncio.gather(*waiting)
        admission.resize(0)
        waiting = [asyncio.create_task(_enter(admission)) for _ in range(3)]
        await asyncio.sleep(0.01)
        admission.refuse(RuntimeError("lost"))
        assert all(isinstance(error, RuntimeError) for error in await asyncio.gather(*waiting, return_exceptions=True))
        with pytest.raises(RuntimeError, match="lost"):
            await _enter(admission)

    asyncio.run(main())
