"""An environment in processes: what it says, and what becomes of its faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.errors import UserError
from int_verl.turns.environment import seed_of
from int_verl.turns.pool import EnvironmentFault, EnvironmentPool, EnvironmentSettings

pytestmark = pytest.mark.slow

PARTNERS = str(Path(__file__).with_name("partners.py"))
CASE = {"opening": "I slept badly.", "secret": "work"}


@pytest.fixture(scope="module")
def keeper() -> Iterator[EnvironmentPool]:
    pool = EnvironmentPool(EnvironmentSettings(f"{PARTNERS}:Keeper", {"turns": 2}, workers=2))
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def breaker() -> Iterator[EnvironmentPool]:
    pool = EnvironmentPool(EnvironmentSettings(f"{PARTNERS}:Breaker", workers=1, timeout=1.0))
    yield pool
    pool.close()


async def conversation(pool: EnvironmentPool, utterances: list[str]) -> tuple[list[Any], Any]:
    _, state = await pool.open(CASE)
    said = []
    for turn, utterance in enumerate(utterances, 1):
        messages, state = await pool.reply(CASE, state, utterance, turn)
        said.append(messages)
    return said, state


def test_a_conversation_to_its_end(keeper: EnvironmentPool) -> None:
    said, state = asyncio.run(conversation(keeper, ["Why?", "Is it work?"]))
    assert said[0][0]["role"] == "user"
    assert said[1] is None
    score = asyncio.run(keeper.score(state))
    assert (score.reward, score.parts) == (1.0, {"found": 1.0, "turns": 2.0})


def test_a_conversation_comes_out_the_same_in_another_process(keeper: EnvironmentPool) -> None:
    here = asyncio.run(conversation(keeper, ["Why?", "Since when?"]))
    other = EnvironmentPool(keeper.settings)
    assert asyncio.run(conversation(other, ["Why?", "Since when?"])) == here
    other.close()


def test_many_conversations_at_once(keeper: EnvironmentPool) -> None:
    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(conversation(keeper, [f"Is it {n}?", "work"]) for n in range(40)))

    found = asyncio.run(all_of_them())
    assert [state["said"] for _, state in found] == [[f"Is it {n}?", "work"] for n in range(40)]


@pytest.mark.parametrize(
    ("does", "fault"),
    [
        ("hang", "timeout: no result after 1 s"),
        ("raise", "raised: it raised KeyError: 'stage'"),
        ("exit", "died: "),
        ("text", "malformed: reply returned 'Hello.', not messages"),
        ("one", "malformed: reply returned no message; None ends a conversation"),
        ("nobody", "malformed: reply returned .*not a message with a role"),
        ("assistant", "malformed: reply returned .*not a message with a role"),
        ("empty", "malformed: reply returned .*not a message with a role"),
    ],
)
def test_replies_that_are_none(breaker: EnvironmentPool, does: str, fault: str) -> None:
    begin = time.monotonic()
    with pytest.raises(EnvironmentFault, match=fault):
        asyncio.run(breaker.reply({}, does, "Hello?", 1))
    assert time.monotonic() - begin < 60
    assert asyncio.run(breaker.reply({}, "nothing", "Hello?", 1))[0] is None


@pytest.mark.parametrize("state", ["nan", "none"])
def test_scores_that_are_none(breaker: EnvironmentPool, state: str) -> None:
    with pytest.raises(EnvironmentFault, match="malformed: score returned"):
        asyncio.run(breaker.score(state))


@pytest.mark.parametrize(
    ("environment", "options", "message"),
    [
        (f"{PARTNERS}:refuses", {"level": 3}, "it raised ValueError: no level 3"),
        (f"{PARTNERS}:Nobody", {}, "has no function 'Nobody'"),
        ("nowhere.py:Keeper", {}, "no such file: nowhere.py"),
        ("nowhere", {}, "write FILE.py:NAME or pkg://MODULE:NAME"),
        (f"{PARTNERS}:Keeper", {"turn": 2}, "unexpected keyword argument 'turn'"),
    ],
)
def test_environments_that_cannot_be_made(environment: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        EnvironmentPool(EnvironmentSettings(environment, options, workers=1))
    assert environment in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.dictionaries(st.text(), st.integers()), st.integers(0, 99), st.text())
def test_a_seed_is_of_case_turn_and_words(case: dict[str, int], turn: int, said: str) -> None:
    seed = seed_of(case, turn, said)
    assert seed == seed_of(dict(reversed(case.items())), turn, said)
    assert 0 <= seed < 2**63
    assert seed not in (
        seed_of(case, turn + 1, said),
        seed_of(case, turn, said + " "),
        seed_of({**case, "new": 1}, turn, said),
    )
