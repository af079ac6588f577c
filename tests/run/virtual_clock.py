"""An asyncio event loop whose clock jumps to the next timer: a day of waiting takes no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

_REAL_WAIT = 0.05


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`time()` is virtual; it moves when nothing is left to do, in this loop and in its threads, but to wait.

    Args:
        now: where the clock stands.
        moved: called with the time whenever it has moved.
    """

    def __init__(self, now: float, moved: Callable[[float], None]) -> None:
        self.now, self._moved, self._in_threads = now, moved, 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now

    def leap(self, seconds: float) -> None:
        """As after a machine slept: whatever was due in between is due at once."""
        self.now += seconds
        self._moved(self.now)

    def run_in_executor(self, executor: Any, function: Any, *arguments: Any) -> Any:
        self._in_threads += 1
        future = super().run_in_executor(executor, function, *arguments)
        future.add_done_callback(self._thread_is_done)
        return future

    async def shutdown_default_executor(self, *arguments: Any) -> None:
        self._in_threads += 1
        await super().shutdown_default_executor(*arguments)
        self._in_threads -= 1

    def _thread_is_done(self, _: object) -> None:
        self._in_threads -= 1

    @property
    def may_move(self) -> bool:
        return not self._in_threads


class _Selector(selectors.DefaultSelector):  # type: ignore[valid-type, misc]
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if not self._loop.may_move:
            return super().select(_REAL_WAIT)
        ready = super().select(0)
        if not ready:
            self._loop.leap(timeout)
        return ready


class VirtualTimePolicy(asyncio.DefaultEventLoopPolicy):
    """Every loop is what `make` makes."""

    def __init__(self, make: Callable[[], VirtualTimeLoop]) -> None:
        super().__init__()
        self.new_event_loop = make  # type: ignore[method-assign]
