"""New tokens that interventions may cost in a step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Reserved:
    """A part of the budget that one request may use up."""

    granted: bool
    used: int = 0
    "Set it to what the request took."


class Budget:
    """Never overdrawn: a request goes out only when the most that it may take is free, and gives back what it left.

    Where that is not free yet, it waits for requests under way; where it cannot become free any more, it is refused.

    Example::

        async with budget.reserve(512) as reserved:
            if reserved.granted:
                reserved.used = len(await draw(max_tokens=512))
    """

    def __init__(self, tokens: int | None) -> None:
        self.tokens = tokens
        self.spent = 0
        self._held = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def reserve(self, most: int) -> AsyncIterator[Reserved]:
        """`most`: tokens that the request may take."""
        reserved = Reserved(await self._take(most))
        try:
            yield reserved
        finally:
            if reserved.granted:
                async with self._changed:
                    self._held -= most
                    self.spent += reserved.used
                    self._changed.notify_all()

    async def _take(self, most: int) -> bool:
        async with self._changed:
            if self.tokens is not None:
                while self.spent + self._held + most > self.tokens:
                    if self.spent + most > self.tokens:
                        return False
                    await self._changed.wait()
            self._held += most
            return True
