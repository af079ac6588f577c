"""The tokens of a step are never overdrawn, and what a request leaves is another's."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.rl.online.budget import Budget

REQUESTS = st.lists(
    st.integers(1, 50).flatmap(lambda most: st.tuples(st.just(most), st.integers(0, most), st.integers(0, 4))),
    max_size=25,
)


@given(st.integers(0, 200) | st.none(), REQUESTS)
def test_never_overdrawn(tokens: int | None, requests: list[tuple[int, int, int]]) -> None:
    async def run() -> None:
        budget = Budget(tokens)
        under_way = 0
        refused: list[tuple[int, int]] = []

        async def ask(most: int, used: int, turns: int) -> int:
            nonlocal under_way
            async with budget.reserve(most) as reserved:
                if not reserved.granted:
                    refused.append((most, budget.spent))
                    return 0
                under_way += most
                assert tokens is None or budget.spent + under_way <= tokens
                for _ in range(turns):
                    await asyncio.sleep(0)
                reserved.used = used
                under_way -= most
                return used

        used = await asyncio.wait_for(asyncio.gather(*(ask(*request) for request in requests)), 10)
        assert budget.spent == sum(used)
        if tokens is None:
            assert not refused
        else:
            assert budget.spent <= tokens
            assert all(spent + most > tokens for most, spent in refused), "refused only what could not fit any more"

    asyncio.run(run())


def test_a_request_that_fails_gives_its_part_back() -> None:
    async def run() -> None:
        budget = Budget(10)
        with pytest.raises(RuntimeError):
            async with budget.reserve(10):
                raise RuntimeError
        async with budget.reserve(10) as reserved:
            assert reserved.granted
            reserved.used = 7
        async with budget.reserve(4) as reserved:
            assert not reserved.granted
        assert budget.spent == 7

    asyncio.run(run())
