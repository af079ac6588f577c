"""The memo behind resume."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.errors import UserError
from int_verl.generate.engines.base import Completion, Engine, Request, Sampling
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.engines.scripted import ScriptedEngine
from int_verl.generate.journal import Journal, request_key

REQUEST = Request((1, 2, 3), Sampling(8), seed=7)
token_ids = st.lists(st.integers(0, 2**31 - 1), max_size=20).map(tuple)


def test_the_journal_implements_the_engine_interface(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.sqlite") as journal:
        assert isinstance(JournaledEngine(ScriptedEngine(lambda _: Completion((), "stop")), journal, "r", 1), Engine)


@given(ids=token_ids, reason=st.sampled_from(["stop", "length"]))
def test_completions_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, ids, reason) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("journal") / "j.sqlite"
    key = request_key("r", REQUEST)
    with Journal(path) as journal:
        journal.put(key, Completion(ids, reason))
    with Journal(path) as journal:
        assert journal.get(key) == Completion(ids, reason)


def test_everything_that_determines_a_completion_is_in_its_key() -> None:
    variants = [
        REQUEST,
        replace(REQUEST, prompt_ids=(1, 2)),
        replace(REQUEST, seed=8),
        *(
            replace(REQUEST, sampling=replace(REQUEST.sampling, **{name: value}))
            for name, value in {"max_tokens": 9, "temperature": 0.5, "top_p": 0.5, "top_k": 5}.items()
        ),
    ]
    keys = {request_key(revision, request) for request in variants for revision in ("r", "s")}
    assert len(keys) == 2 * len(variants)


class Counting:
    """A script that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, request: Request) -> Completion:
        self.calls += 1
        return Completion((request.seed,), "stop")


def draw(path: Path, script: Counting, requests: list[Request], in_flight: int = 4) -> list[Completion]:
    async def main() -> list[Completion]:
        with Journal(path) as journal:
            async with JournaledEngine(ScriptedEngine(script), journal, "r", in_flight) as engine:
                return list(await asyncio.gather(*(engine.generate(request) for request in requests)))

    return asyncio.run(main())


def test_nothing_is_drawn_twice(tmp_path: Path) -> None:
    requests = [replace(REQUEST, seed=seed) for seed in (1, 2, 3, 1, 2, 3)]
    first, second = Counting(), Counting()
    drawn = draw(tmp_path / "j.sqlite", first, requests)
    assert first.calls == 3
    assert draw(tmp_path / "j.sqlite", second, requests) == drawn
    assert second.calls == 0


def test_an_engine_that_is_not_needed_is_not_started(tmp_path: Path) -> None:
    draw(tmp_path / "j.sqlite", Counting(), [REQUEST])

    class Unstartable(ScriptedEngine):
        async def __aenter__(self) -> ScriptedEngine:
            raise AssertionError("started")

    async def main() -> Completion:
        with Journal(tmp_path / "j.sqlite") as journal:
            async with JournaledEngine(Unstartable(Counting()), journal, "r", 1) as engine:
                return await engine.generate(REQUEST)

    assert asyncio.run(main()) == Completion((7,), "stop")


def test_requests_in_flight_are_bounded(tmp_path: Path) -> None:
    most = now = 0

    class Slow(ScriptedEngine):
        async def generate(self, request: Request) -> Completion:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.001)
            now -= 1
            return await super().generate(request)

    async def main() -> None:
        with Journal(tmp_path / "j.sqlite") as journal:
            async with JournaledEngine(Slow(Counting()), journal, "r", 3) as engine:
                await asyncio.gather(*(engine.generate(replace(REQUEST, seed=seed)) for seed in range(20)))

    asyncio.run(main())
    assert most == 3


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "j.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(UserError, match=r"j\.sqlite: not a journal"):
        Journal(tmp_path / "j.sqlite")


def test_a_journal_of_another_format_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "j.sqlite") as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(UserError, match="journal format 99"):
        Journal(tmp_path / "j.sqlite")
