"""The guard against verl's own words, over hours that a virtual clock lets pass."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from int_verl.trainers.hang import HangGuard, Patience, SettingUp

HOUR = 3600.0
BATCH = 512


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``validation(finished, hours)``: when the guard stops a validation, in hours, and what it says.

    verl's replay buffer waits for the prompts of a batch and says every minute how many it has, in its own format
    (verl/trainer/ppo/v1/replay_buffer.py:408, verl/utils/logging_utils.py:24). ``finished(seconds)`` is how many.
    """
    from verl.trainer.ppo.v1 import replay_buffer
    from verl.utils.logging_utils import configure_verl_logging

    clock, log = Clock(), tmp_path / "trainer.log"
    monkeypatch.setattr(replay_buffer, "time", clock)
    logger = logging.getLogger("verl")
    handlers, propagate = logger.handlers, logger.propagate
    configure_verl_logging()
    keys: dict[str, dict[str, Any]] = {name: defaultdict(set) for name in ("pending", "running", "finished", "failure")}
    buffer = SimpleNamespace(poll_interval=2.0, **{f"{name}_keys": of_status for name, of_status in keys.items()})

    def run(finished: Any, hours: float) -> tuple[float, str | None]:
        guard, asked = HangGuard(Patience(HOUR), log, 0, clock.now), clock.now
        with log.open("a") as stream:
            logger.handlers[0].stream = stream  # type: ignore[attr-defined]
            while clock.now < hours * HOUR:
                done = finished(clock.now)
                keys["finished"]["val"], keys["running"]["val"] = set(range(done)), set(range(BATCH - done))
                asked = replay_buffer.ReplayBuffer._wait_for_next_poll(buffer, "val", asked)  # type: ignore[arg-type]
                hung = guard.look(clock.now, False)
                if hung is not None:
                    return clock.now / HOUR, hung
        return clock.now / HOUR, None

    yield run
    logger.handlers, logger.propagate = handlers, propagate


@pytest.mark.verl
@pytest.mark.parametrize("a_minute", [3.0, 0.05], ids=["batch after batch", "one every twenty minutes"])
def test_a_validation_of_hours_goes_on(validation: Any, a_minute: float) -> None:
    assert validation(lambda seconds: int(seconds / 60 * a_minute) % BATCH, 9) == (pytest.approx(9, abs=0.01), None)


@pytest.mark.verl
def test_a_validation_in_which_nothing_finishes_any_more_is_stopped(validation: Any) -> None:
    stopped, words = validation(lambda seconds: int(min(seconds, 2 * HOUR) / 30), 9)
    assert stopped == pytest.approx(3, abs=0.05)
    assert words.startswith("the trainer said nothing new for 60 min and was stopped, as hung (its last words: INFO:")
    assert words.endswith("pending: 0, running: 272, finished: 240, failure: 0)")


SETTING_UP = SettingUp(20 * 60, "ready to fit", "there are too few processors")


def looks(
    tmp_path: Path, said: dict[int, str], patience: Patience, stepped: int | None = None
) -> tuple[int, str] | None:
    """Minute and words of the stop, of a trainer that says these lines at these minutes; None: it is not stopped."""
    log = tmp_path / "trainer.log"
    log.write_text("of an earlier start: ready to fit\n")
    guard = HangGuard(patience, log, log.stat().st_size, 0.0)
    for minute in range(150):
        with log.open("a") as file:
            file.write(f"{said[minute]}\n" if minute in said else "")
        if (words := guard.look(60.0 * minute, minute == stepped)) is not None:
            return minute, words
    return None


def test_less_patience_until_it_is_set_up(tmp_path: Path) -> None:
    patience = Patience(HOUR, SETTING_UP)
    stopped = looks(tmp_path, {1: "TransferQueue is up"}, patience)
    assert stopped is not None
    minute, words = stopped
    assert minute == 22
    assert words == (
        "the trainer said nothing new for 20 min and was stopped, as hung (its last words: TransferQueue is up), "
        "before it was set up: there are too few processors"
    )
    slow = {minute: f"shard {'i' * minute}" for minute in range(0, 100, 19)}
    stopped = looks(tmp_path, slow, patience)
    assert stopped is not None
    assert stopped[0] == 95 + 21


def test_all_of_it_once_it_is_set_up(tmp_path: Path) -> None:
    for said, stepped in (({1: "all initialize finished, ready to fit"}, None), ({}, 1)):
        stopped = looks(tmp_path, said, Patience(HOUR, SETTING_UP), stepped)
        assert stopped is not None
        assert stopped[0] == 62
        assert "set up" not in stopped[1]


def test_setting_up_is_given_no_more_than_the_rest(tmp_path: Path) -> None:
    stopped = looks(tmp_path, {}, Patience(300, SETTING_UP))
    assert stopped is not None
    assert stopped[0] == 6
