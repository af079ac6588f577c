"""Which of the waiting requests goes into the engine next."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from int_verl.settings.engine import Ordering


class Admission:
    """Keeps `limit` requests inside for as long as any wait, and lets the one with the smallest order in next.

    ``depth_first`` goes by `Request.order`: older problems before younger ones, and of one problem what is deeper in
    the dataflow first. Problems finish one after the other, so few are open at a time, and requests that share a
    prefix follow each other, so the engine's prefix cache holds it. ``arrival`` is first come, first served.

    Whatever asks within one turn of the event loop is put in order before any of it is let in.
    """

    def __init__(self, limit: int, ordering: Ordering = "depth_first") -> None:
        self.limit, self.ordering = limit, ordering
        self.inside = 0
        self._waiting: list[tuple[tuple[int, ...], int, asyncio.Future[None]]] = []
        self._arrivals = count()
        self._scheduled = False
        self._refusal: Exception | None = None

    @asynccontextmanager
    async def place(self, order: tuple[int, ...] = ()) -> AsyncIterator[None]:
        """Wait for a place, and leave it at the end of the block.

        Raises:
            Exception: what `refuse` was given.
        """
        if self._refusal is not None:
            raise self._refusal
        admitted = asyncio.get_running_loop().create_future()
        key = order if self.ordering == "depth_first" else ()
        heapq.heappush(self._waiting, (key, next(self._arrivals), admitted))
        self._admit_soon()
        try:
            await admitted
        except asyncio.CancelledError:
            if not admitted.cancelled():  # let in and cancelled in the same turn
                self._leave()
            raise
        try:
            yield
        finally:
            self._leave()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return sum(not admitted.done() for _, _, admitted in self._waiting)

    def resize(self, limit: int) -> None:
        """A higher limit lets more in at once; a lower one turns nobody out."""
        self.limit = limit
        self._admit_soon()

    def refuse(self, error: Exception) -> None:
        """Turn away all that wait and all that will come."""
        self._refusal = error
        for _, _, admitted in self._waiting:
            if not admitted.done():
                admitted.set_exception(error)
        self._waiting.clear()

    def _leave(self) -> None:
        self.inside -= 1
        self._admit_soon()

    def _admit_soon(self) -> None:
        if not self._scheduled and self._waiting:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._admit)

    def _admit(self) -> None:
        self._scheduled = False
        while self._waiting and self.inside < self.limit:
            _, _, admitted = heapq.heappop(self._waiting)
            if not admitted.done():
                self.inside += 1
                admitted.set_result(None)
