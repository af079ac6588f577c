"""An engine behind the journal: what was drawn before is replayed, what was not is drawn, so many at a time."""

from __future__ import annotations

import asyncio

from int_verl.generate.engines.base import Completion, Engine, Request
from int_verl.generate.journal import Journal, request_key


class JournaledEngine:
    """An engine behind a journal, with a bound on requests in flight.

    Equal requests made at the same time are drawn once. The engine itself is opened at the first request that the
    journal does not hold, so a run that is wholly in the journal starts no engine.
    """

    def __init__(self, engine: Engine, journal: Journal, model_revision: str, in_flight: int) -> None:
        self.engine, self.journal, self.model_revision = engine, journal, model_revision
        self.drawn = 0
        "Completions asked of the engine."
        self.replayed = 0
        "Completions that the journal held."
        self.drawn_tokens = 0
        self._slots = asyncio.Semaphore(in_flight)
        self._pending: dict[bytes, asyncio.Task[Completion]] = {}
        self._opening: asyncio.Task[Engine] | None = None

    async def __aenter__(self) -> JournaledEngine:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._opening is not None and self._opening.done() and not self._opening.cancelled():
            await self.engine.__aexit__(*exc_info)

    async def generate(self, request: Request) -> Completion:
        key = request_key(self.model_revision, request)
        known = self.journal.get(key)
        if known is not None:
            self.replayed += 1
            return known
        task = self._pending.get(key)
        if task is None:
            task = asyncio.create_task(self._draw(key, request))
            self._pending[key] = task
            task.add_done_callback(lambda _: self._pending.pop(key, None))
        return await task

    async def _draw(self, key: bytes, request: Request) -> Completion:
        if self._opening is None:
            self._opening = asyncio.create_task(self.engine.__aenter__())
        await self._opening
        async with self._slots:
            completion = await self.engine.generate(request)
        self.journal.put(key, completion)
        self.drawn += 1
        self.drawn_tokens += len(completion.token_ids)
        return completion
