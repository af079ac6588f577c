"""Ctrl-C, and a scheduler that wants its machine back, while coroutines are at work."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
_SHOW_CURSOR = "\x1b[?25h"

PREEMPTION_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
PREEMPTED = 75
"The exit code: sysexits' EX_TEMPFAIL, the same command may be run again."


class Preempted(SystemExit):
    """A scheduler asked this process to end; what is finished is kept.

    Example: ``Preempted(signal.SIGTERM)``
    """

    def __init__(self, number: int) -> None:
        super().__init__(PREEMPTED)
        self.signal = signal.Signals(number).name


@contextlib.contextmanager
def preemptible() -> Iterator[None]:
    """Within the block the first SIGTERM or SIGUSR1 raises `Preempted` in the main thread.

    Further ones are ignored: schedulers send several, and tidying up must not be cut short.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _preempt) for number in PREEMPTION_SIGNALS}
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is _preempt:  # else preempted, and more are ignored to the end
            for number, handler in before.items():
                signal.signal(number, handler)


def _preempt(number: int, _: object) -> None:
    _ignore_more()
    raise Preempted(number)


def _ignore_more() -> None:
    for number in PREEMPTION_SIGNALS:
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which children would inherit


def run_until_interrupted(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine; a signal cancels it and is raised when it has tidied up.

    SIGINT does so once: the second ends the process. SIGTERM and SIGUSR1 do where they are `preemptible`.

    Raises:
        KeyboardInterrupt: after SIGINT.
        Preempted: after the others.
    """
    interruption: BaseException | None = None
    preempting = [number for number in PREEMPTION_SIGNALS if signal.getsignal(number) is _preempt]

    async def main() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)

        def stop(number: int, _: object) -> None:
            nonlocal interruption
            cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""  # a progress bar hides it
            if number == signal.SIGINT:
                interruption = KeyboardInterrupt()
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # the system's: it works whatever the process is doing
                os.write(2, f"{cursor}int-verl: stopping; Ctrl-C again leaves at once\n".encode())
            else:
                interruption = Preempted(number)
                _ignore_more()
                os.write(2, f"{cursor}int-verl: {interruption.signal}, stopping\n".encode())
            loop.call_soon_threadsafe(task.cancel)

        for number in (signal.SIGINT, *preempting):
            signal.signal(number, stop)
        try:
            return await task
        except (asyncio.CancelledError, Exception):  # or what else fails when all processes are told to end
            if interruption is None:
                raise
            raise interruption from None

    try:
        done = asyncio.run(main())
        if interruption is not None:  # after the work was done, while threads ended
            raise interruption
        return done
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if not isinstance(interruption, Preempted):
            for number in preempting:
                signal.signal(number, _preempt)
