"""Ctrl-C while coroutines are at work: the first tidies up, the second does not wait."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_SHOW_CURSOR = "\x1b[?25h"


def run_until_interrupted(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine; the first SIGINT cancels it and is raised when it has tidied up, the second ends the process."""

    interrupted = False

    async def main() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)

        def stop(*_: object) -> None:
            nonlocal interrupted
            interrupted = True
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # the system's: it works whatever the process is doing
            cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""  # a progress bar hides it
            os.write(2, f"{cursor}int-verl: stopping; Ctrl-C again leaves at once\n".encode())
            loop.call_soon_threadsafe(task.cancel)

        signal.signal(signal.SIGINT, stop)
        try:
            return await task
        except asyncio.CancelledError:
            if not interrupted:
                raise
            raise KeyboardInterrupt from None

    try:
        done = asyncio.run(main())
        if interrupted:  # after the work was done, while threads ended
            raise KeyboardInterrupt
        return done
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
