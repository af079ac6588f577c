"""The memo behind resume."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.errors import UserError
from int_verl.generate.engines.base import Completion, Engine, Request
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.engines.scripted import ScriptedEngine
from int_verl.generate.journal import Journal, request_key
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling

REQUEST = Request((1, 2, 3), Sampling(8), seed=7)
token_ids = st.lists(st.integers(0, 2**31 - 1), max_size=20).map(tuple)


def test_the_journal_implements_the_engine_interface(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.sqlite") as journal:
        assert isinstance(
            JournaledEngine(
                ScriptedEngine(lambda _: Completion((), "stop")), journal, "r", EngineSettings(in_flight=1)
            ),
            Engine,
        )


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
            settings = EngineSettings(in_flight=in_flight)
            async with JournaledEngine(ScriptedEngine(script), journal, "r", settings) as engine:
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
            async with JournaledEngine(Unstartable(Counting()), journal, "r", EngineSettings(in_flight=1)) as engine:
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
            async with JournaledEngine(Slow(Counting()), journal, "r", EngineSettings(in_flight=3)) as engine:
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


def test_a_journal_that_another_process_holds_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.sqlite") as journal:
        journal.put(request_key("r", REQUEST), Completion((1,), "stop"))
        code = f"from int_verl.generate.journal import Journal, Path; Journal(Path({str(journal.path)!r}), timeout=0.1)"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "j.sqlite: held by another process (database is locked); end that run" in other.stderr


def test_what_was_put_survives_a_kill(tmp_path: Path) -> None:
    code = f"""
import os, signal
from int_verl.generate.engines.base import Completion, Request
from int_verl.settings.sampling import Sampling
from int_verl.generate.journal import Journal, Path, request_key
journal = Journal(Path({str(tmp_path / "j.sqlite")!r}))
for seed in range(100):
    journal.put(request_key("r", Request((1, 2, 3), Sampling(8), seed)), Completion((seed,), "stop"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert (tmp_path / "j.sqlite-wal").stat().st_size > 0
    with Journal(tmp_path / "j.sqlite") as journal:
        for seed in range(100):
            assert journal.get(request_key("r", replace(REQUEST, seed=seed))) == Completion((seed,), "stop")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[bytes, Completion]]:
    """A journal of about a hundred pages, and what it holds."""
    rng = random.Random(0)
    path = tmp_path_factory.mktemp("written") / "j.sqlite"
    held = {
        request_key("r", replace(REQUEST, seed=seed)): Completion(
            tuple(rng.randrange(150_000) for _ in range(rng.choice((5, 300, 3_000)))), rng.choice(("stop", "length"))
        )
        for seed in range(150)
    }
    with Journal(path) as journal:
        for key, completion in held.items():
            journal.put(key, completion)
    return path.read_bytes(), held


def overwritten_header(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(100)
    data[at : at + 4] = rng.randbytes(4)


def overwritten_here_and_there(data: bytearray, rng: random.Random) -> None:
    for _ in range(10):
        at = rng.randrange(4096, len(data) - 8)
        data[at : at + 8] = rng.randbytes(8)


def lost_page(data: bytearray, rng: random.Random) -> None:
    at = 4096 * rng.randrange(len(data) // 4096)
    data[at : at + 4096] = bytes(4096)


def cut_off(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(1, len(data)) :]


@pytest.mark.parametrize("damage", [overwritten_header, overwritten_here_and_there, lost_page, cut_off])
def test_a_damaged_journal_never_gives_what_was_not_put(  # type: ignore[no-untyped-def]
    tmp_path: Path, written: tuple[bytes, dict[bytes, Completion]], damage
) -> None:
    rng, (whole, held) = random.Random(0), written
    noticed = 0
    for trial in range(30):
        data = bytearray(whole)
        damage(data, rng)
        (tmp_path / f"{trial}.sqlite").write_bytes(data)
        message = f"{trial}.sqlite: "
        try:
            with Journal(tmp_path / f"{trial}.sqlite") as journal:
                for key, completion in held.items():
                    assert journal.get(key) in (completion, None)
                noticed += journal.damaged > 0
                journal.put(bytes(16), Completion((1, 2), "stop"))
        except UserError as error:
            message = str(error)
            noticed += 1
        assert f"{trial}.sqlite: " in message
        assert len(message.splitlines()) == 1
    assert noticed > 5


def test_the_tail_of_a_damaged_write_ahead_log_is_drawn_again(tmp_path: Path) -> None:
    code = f"""
import os
from int_verl.generate.engines.base import Completion
from int_verl.generate.journal import Journal, Path
journal = Journal(Path({str(tmp_path / "j.sqlite")!r}))
for number in range(50):
    journal.put(bytes([number]) * 16, Completion(tuple(range(number, number + 500)), "stop"))
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    log = tmp_path / "j.sqlite-wal"
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 0xFF
    log.write_bytes(data)
    with Journal(tmp_path / "j.sqlite") as journal:
        found = [journal.get(bytes([number]) * 16) for number in range(50)]
    whole = [Completion(tuple(range(number, number + 500)), "stop") for number in range(50)]
    kept = sum(completion is not None for completion in found)
    assert 10 < kept < 50
    assert found == [*whole[:kept], *[None] * (50 - kept)]


def test_a_journal_takes_in_another(tmp_path: Path) -> None:
    draw(tmp_path / "a.sqlite", Counting(), [replace(REQUEST, seed=seed) for seed in (1, 2)])
    draw(tmp_path / "b.sqlite", Counting(), [replace(REQUEST, seed=seed) for seed in (2, 3)])
    with Journal(tmp_path / "a.sqlite") as journal:
        journal.absorb(tmp_path / "b.sqlite")
        assert len(journal) == 3
    (tmp_path / "c.sqlite").write_bytes(b"no database" * 1000)
    with Journal(tmp_path / "a.sqlite") as journal, pytest.raises(UserError, match=r"c\.sqlite"):
        journal.absorb(tmp_path / "c.sqlite")
