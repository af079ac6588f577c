"""Requests that are given up: which, how many, and what the next run makes of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from int_verl.errors import EngineError, LostRequestError, RefusedRequestError, TransientEngineError, UserError
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.engines.scripted import ScriptedEngine
from int_verl.generate.journal import Journal
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling

REQUESTS = [Request((1, 2, seed), Sampling(max_tokens=8), seed) for seed in range(100)]


class Refuses:
    """Draws, but for the seeds that it refuses or fails on."""

    def __init__(self, refused: set[int], error: type[Exception] = RefusedRequestError) -> None:
        self.refused, self.error = refused, error
        self.asked: Counter[int] = Counter()

    def __call__(self, request: Request) -> Completion:
        self.asked[request.seed] += 1
        if request.seed in self.refused:
            raise self.error(f"400 token {request.seed} is out of vocabulary")
        return Completion((request.seed, 2), "stop")


def run(folder: Path, script: Refuses, **settings: Any) -> tuple[list[Any], JournaledEngine]:
    """What came of every request, a completion or its loss."""

    async def main() -> tuple[list[Any], JournaledEngine]:
        of_engine = EngineSettings(**{"in_flight": 8, "retries": 2, "lost_share": 0.05} | settings)
        with Journal(folder / "journal.sqlite") as journal:
            async with JournaledEngine(ScriptedEngine(script), journal, "r", of_engine, first_wait=0.001) as engine:

                async def one(request: Request) -> Completion | LostRequestError:
                    try:
                        return await engine.generate(request)
                    except LostRequestError as lost:
                        return lost

                return list(await asyncio.gather(*map(one, REQUESTS))), engine

    return asyncio.run(main())


@pytest.mark.parametrize(("error", "tries"), [(RefusedRequestError, 1), (TransientEngineError, 3)])
def test_a_request_that_never_succeeds_is_a_loss_with_the_engines_words(
    error: type[Exception], tries: int, tmp_path: Path
) -> None:
    script = Refuses({3, 50}, error)
    drawn, engine = run(tmp_path, script)
    losses = {number: str(one) for number, one in enumerate(drawn) if isinstance(one, LostRequestError)}
    assert set(losses) == {3, 50}
    assert "400 token 3 is out of vocabulary" in losses[3]
    assert script.asked[3] == tries
    assert (engine.lost, engine.lost_for_good, engine.drawn) == (2, 0, 98)


@pytest.mark.parametrize("error", [RefusedRequestError, TransientEngineError])
def test_more_than_the_share_stop_the_run(error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises((UserError, EngineError), match="out of vocabulary") as raised:
        run(tmp_path, Refuses(set(range(0, 100, 3)), error))
    assert not isinstance(raised.value, LostRequestError)


def test_without_a_share_the_first_one_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(RefusedRequestError):
        run(tmp_path, Refuses({70}), lost_share=0.0)


def test_the_next_run_tries_what_was_lost_once_more(tmp_path: Path) -> None:
    first, _ = run(tmp_path, Refuses({3, 50}))
    mended = Refuses({50})
    second, engine = run(tmp_path, mended)
    assert mended.asked == Counter({3: 1, 50: 1}), "nothing but the lost ones is asked for"
    assert second[3] == Completion((3, 2), "stop")
    assert isinstance(second[50], LostRequestError)
    assert (engine.lost, engine.lost_for_good) == (1, 1)
    last = Refuses(set())
    third, engine = run(tmp_path, last)
    assert not last.asked
    assert str(third[50]) == str(second[50])
    assert third[:50] == second[:50] == [*first[:3], second[3], *first[4:50]]
    assert (engine.lost, engine.lost_for_good) == (1, 1)


def test_a_run_that_stops_gives_nothing_up_for_the_next(tmp_path: Path) -> None:
    for _ in range(3):
        with pytest.raises(RefusedRequestError):
            run(tmp_path, Refuses(set(range(0, 100, 3))))
    drawn, engine = run(tmp_path, Refuses(set()))
    assert all(isinstance(one, Completion) for one in drawn)
    assert engine.lost == 0
