"""How long an engine lives: opened when it is first needed, and again when it has died."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from int_verl.errors import DeadEngineError, EngineError
from int_verl.generate.engines.base import Completion, Engine, Request


class Lifetime:
    """An engine that is opened once more when it has died (`DeadEngineError`), up to so many times in all.

    What it had in flight then is drawn anew by the engine that is opened next; nobody who asked notices.

    Args:
        reopen: times.
        say: called with what it died of, each time.
    """

    def __init__(self, engine: Engine, reopen: int, say: Callable[[str], None]) -> None:
        self.engine, self.reopen, self.say = engine, reopen, say
        self.reopened = 0
        self._opening: asyncio.Task[Any] | None = None
        self._drawing: set[asyncio.Task[Completion]] = set()

    async def open(self) -> asyncio.Task[Any]:
        """Returns, with the life that has begun, when the engine can be asked.

        Raises:
            EngineError: it did not come up, or died once too often.
        """
        if self._opening is None:
            self._opening = asyncio.create_task(self.engine.__aenter__())
        while True:
            life = self._opening
            await life
            if life is self._opening:  # it may have died since
                return life

    async def generate(self, request: Request, timeout: float | None) -> Completion:
        """Draws one completion, within `timeout` seconds from when the engine has it.

        Raises:
            asyncio.TimeoutError: it took longer; it is cancelled.
            EngineError: see `open`.
            Exception: what the engine raised.
        """
        while True:
            life = await self.open()
            drawing = asyncio.create_task(self._draw(request, timeout))
            self._drawing.add(drawing)
            drawing.add_done_callback(self._drawing.discard)
            try:
                await asyncio.wait([drawing])
            finally:
                drawing.cancel()
            if drawing.cancelled():  # another request found the engine dead
                continue
            try:
                return drawing.result()
            except DeadEngineError as error:
                if life is self._opening:
                    self._opening = asyncio.create_task(self._open_again(error))

    async def _draw(self, request: Request, timeout: float | None) -> Completion:
        return await asyncio.wait_for(self.engine.generate(request), timeout)

    async def close(self, *exc_info: object) -> None:
        """Ends what is in flight, then the engine, if it was opened."""
        if self._opening is None:
            return
        await _end([*self._drawing, self._opening])
        if not self._opening.cancelled():  # else it has ended itself
            await self.engine.__aexit__(*exc_info)

    async def _open_again(self, error: EngineError) -> None:
        """
        Raises:
            EngineError: it died once more than `reopen`.
        """
        while True:
            await _end(self._drawing)
            await self.engine.__aexit__(None, None, None)
            if self.reopened >= self.reopen:
                raise EngineError(f"{error}; it was opened again {self.reopened} times (engine.reopen)") from error
            self.reopened += 1
            self.say(f"{error}; the engine is opened again ({self.reopened} of engine.reopen={self.reopen})")
            try:
                await self.engine.__aenter__()
            except EngineError as failed:
                error = failed
            else:
                return


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels what is not done, and waits until it is."""
    for task in (left := [task for task in tasks if not task.done()]):
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
