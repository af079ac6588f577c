"""Ctrl-C while coroutines are at work, and in the moment after."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from int_verl.interruption import run_until_interrupted


def interrupt_after(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


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
