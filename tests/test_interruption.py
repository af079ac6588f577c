"""Ctrl-C and a scheduler's signals while coroutines are at work, and in the moment after."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from int_verl.interruption import PREEMPTION_SIGNALS, Preempted, preemptible, run_until_interrupted


def interrupt_after(seconds: float, number: int = signal.SIGINT) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), number)).start()


@pytest.fixture
def own_handlers() -> Iterator[None]:
    """A process that was preempted ignores what comes after it; this one goes on."""
    before = [signal.getsignal(number) for number in PREEMPTION_SIGNALS]
    yield
    for number, handler in zip(PREEMPTION_SIGNALS, before, strict=True):
        signal.signal(number, handler)


def test_work_tidies_up_before_the_interruption_is_raised() -> None:
    tidied = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            tidied.append(True)

    interrupt_after(0.1)
    with pytest.raises(KeyboardInterrupt):
        run_until_interrupted(work())
    assert tidied


def test_an_interruption_after_the_work_is_not_lost() -> None:
    async def work() -> int:
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 1.0)  # asyncio.run waits for this thread
        return 7

    interrupt_after(0.3)
    with pytest.raises(KeyboardInterrupt):
        run_until_interrupted(work())


@pytest.mark.usefixtures("own_handlers")
@pytest.mark.parametrize("number", PREEMPTION_SIGNALS)
def test_a_schedulers_signal_lets_work_tidy_up_however_often_it_comes(number: signal.Signals) -> None:
    tidied = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.3)
            tidied.append(True)

    interrupt_after(0.1, number)
    interrupt_after(0.2, signal.SIGTERM)
    with pytest.raises(Preempted) as raised, preemptible():
        run_until_interrupted(work())
    assert tidied
    assert (raised.value.signal, raised.value.code) == (number.name, 75)
    os.kill(os.getpid(), number)  # changes nothing now


@pytest.mark.usefixtures("own_handlers")
def test_an_engine_that_dies_of_the_same_signal_is_no_failure() -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise RuntimeError("a server has ended")

    interrupt_after(0.1, signal.SIGTERM)
    with pytest.raises(Preempted), preemptible():
        run_until_interrupted(work())


@pytest.mark.usefixtures("own_handlers")
def test_outside_of_coroutines_and_after_them() -> None:
    def is_told_to_end(number: int) -> None:
        os.kill(os.getpid(), number)
        time.sleep(5)

    def is_told_after_coroutines() -> None:
        assert run_until_interrupted(asyncio.sleep(0, 7)) == 7
        is_told_to_end(signal.SIGTERM)

    with pytest.raises(Preempted), preemptible():
        is_told_to_end(signal.SIGUSR1)
    with pytest.raises(Preempted), preemptible():
        is_told_after_coroutines()


def test_what_is_not_preempted_has_its_handlers_back() -> None:
    before = [signal.getsignal(number) for number in PREEMPTION_SIGNALS]
    with preemptible():
        run_until_interrupted(asyncio.sleep(0))
        assert [signal.getsignal(number) for number in PREEMPTION_SIGNALS] != before
    assert [signal.getsignal(number) for number in PREEMPTION_SIGNALS] == before
