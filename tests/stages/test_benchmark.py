"""Coroutines whose results come in their order."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from int_verl.generate.evaluation_samples import in_order


def test_results_come_in_order_with_so_many_running() -> None:
    running, most = 0, 0

    async def job(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002 * (7 - number % 7))
        running -= 1
        return number

    async def collect() -> list[int]:
        return [result async for result in in_order(map(job, range(40)), 5)]

    assert asyncio.run(collect()) == list(range(40))
    assert most == 5


def test_a_failure_ends_all_of_them() -> None:
    ended = []

    async def job(number: int) -> None:
        try:
            await asyncio.sleep(0 if number == 2 else 10 * (number > 2))
            if number == 2:
                raise ValueError("lost")
        finally:
            ended.append(number)

    async def collect() -> None:
        async with aclosing(in_order(map(job, range(9)), 4)) as results:
            async for _ in results:
                pass

    with pytest.raises(ValueError, match="lost"):
        asyncio.run(collect())
    assert sorted(ended) == list(range(len(ended)))
    assert len(ended) > 3
