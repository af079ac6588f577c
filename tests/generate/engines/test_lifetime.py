"""An engine that dies: opened again, so often, and what was in flight then."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from int_verl.errors import DeadEngineError, EngineError
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.journal import Journal
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling

REQUESTS = [Request((1, 2, seed), Sampling(max_tokens=8), seed) for seed in range(60)]


class Mortal:
    """In each life draws so many completions, then is dead; the request that finds it so says it, others hang.

    Args:
        lives: completions until death of each; the last goes on.
        stillborn: lives that do not even begin.
    """

    def __init__(self, lives: list[int], stillborn: tuple[int, ...] = ()) -> None:
        self.lives, self.stillborn = lives, stillborn
        self.life, self.open, self.inside = -1, False, 0
        self.left = 0
        self.asked: Counter[int] = Counter()

    async def __aenter__(self) -> Mortal:
        assert not self.open, "opened twice"
        self.life += 1
        if self.life in self.stillborn:
            raise EngineError("the servers did not start")
        self.open, self.left = True, self.lives[self.life] if self.life < len(self.lives) else 10**9
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert not self.inside, "closed while requests were in flight"
        self.open = False

    async def generate(self, request: Request) -> Completion:
        assert self.open
        self.asked[request.seed] += 1
        self.inside += 1
        try:
            await asyncio.sleep(0.001)
            self.left -= 1
            if self.left == -1:
                raise DeadEngineError("the rollout server at 10.0.0.5:8000 failed: ActorDiedError")
            if self.left < 0:
                await asyncio.Event().wait()
            return Completion((request.seed, 2), "stop")
        finally:
            self.inside -= 1


def draw(engine: Any, folder: Path, said: list[str], **settings: Any) -> JournaledEngine:
    of_engine = EngineSettings(**{"in_flight": 8, "retries": 0, "timeout": 20.0} | settings)

    async def main() -> JournaledEngine:
        with Journal(folder / "journal.sqlite") as journal:
            async with JournaledEngine(engine, journal, "r", of_engine, said.append) as journaled:
                completions = await asyncio.gather(*map(journaled.generate, REQUESTS))
        assert [completion.token_ids[0] for completion in completions] == list(range(60))
        return journaled

    return asyncio.run(main())


def test_an_engine_that_dies_is_opened_again_and_nobody_who_asked_notices(tmp_path: Path) -> None:
    engine, said = Mortal([10, 0, 25]), list[str]()
    journaled = draw(engine, tmp_path, said)
    assert (journaled.reopened, journaled.drawn, journaled.repeated, journaled.lost) == (3, 60, 0, 0)
    assert [line.rpartition("; ")[2] for line in said] == [
        f"the engine is opened again ({time} of engine.reopen=3)" for time in (1, 2, 3)
    ]
    assert "ActorDiedError" in said[0]
    assert 60 < engine.asked.total() <= 60 + 3 * 8, "only what was in flight is drawn anew"
    assert not engine.open
    assert (journaled.state()["reopened"], journaled.state()["requests"]["in flight"]) == (3, 0)


def test_one_death_too_many_stops_the_run_and_the_next_goes_on(tmp_path: Path) -> None:
    engine, said = Mortal([10, 10]), list[str]()
    with pytest.raises(EngineError, match=r"ActorDiedError; it was opened again 1 times \(engine\.reopen\)"):
        draw(engine, tmp_path, said, reopen=1)
    assert (len(said), engine.open) == (1, False)
    again = draw(Mortal([]), tmp_path, said)
    assert (again.replayed, again.drawn, again.reopened) == (20, 40, 0)


def test_an_engine_that_does_not_come_up_again_has_used_a_try(tmp_path: Path) -> None:
    said: list[str] = []
    assert draw(Mortal([10], stillborn=(1, 2)), tmp_path, said).reopened == 3
    assert "did not start" in said[1]
    (tmp_path / "other").mkdir()
    with pytest.raises(EngineError, match="did not start; it was opened again 2 times"):
        draw(Mortal([10], stillborn=(1, 2)), tmp_path / "other", said, reopen=2)


def test_an_engine_that_never_came_up_is_not_opened_again(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(EngineError, match=r"did not start$"):
        draw(Mortal([], stillborn=(0,)), tmp_path, said)
    assert not said


def test_a_run_that_is_stopped_while_the_engine_is_opened_again_stops(tmp_path: Path) -> None:
    class SlowToReopen(Mortal):
        async def __aenter__(self) -> Mortal:
            if self.life == 0:
                await asyncio.sleep(60)
            return await super().__aenter__()

    engine, said = SlowToReopen([10]), list[str]()

    async def main() -> None:
        with Journal(tmp_path / "journal.sqlite") as journal:
            async with JournaledEngine(engine, journal, "r", EngineSettings(in_flight=8), said.append) as journaled:
                drawing = asyncio.gather(*map(journaled.generate, REQUESTS))
                while not said:
                    await asyncio.sleep(0.01)
                drawing.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await drawing

    asyncio.run(asyncio.wait_for(main(), 10))
    assert (engine.open, engine.life) == (False, 0)
