"""Servers that come and go: which are well, and which of them takes the next request."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from int_verl.errors import EngineError, TransientEngineError, UserError
from int_verl.generate.engines.admission import Admission
from int_verl.generate.engines.base import Request
from int_verl.generate.engines.router import Router
from int_verl.redaction import without_credentials

_FIRST_PROBE, _LONGEST_BETWEEN_PROBES, _BETWEEN_LOOKS = 0.2, 5.0, 0.5


@dataclass(slots=True, eq=False)
class Endpoint:
    """One server.

    Example: ``Endpoint("http://node1:8000/v1")``
    """

    url: str
    in_flight: int = 0
    well: bool = True
    "Whether it is given requests."
    failing_since: float | None = None
    "Since when it has answered none, by the event loop's clock; None: it answers."
    fault: str = ""
    "What it last did wrong."

    @property
    def name(self) -> str:
        """The URL as it may be printed."""
        return without_credentials(self.url)


class Endpoints:
    """Sends each request to a server that is well, and brings back those that were not.

    Requests of one family go to one server (`Router`).
    A server that fails is taken out and probed until it is well again; whatever the probe finds wrong with one that was
    well before may pass, as when the workers behind a router register anew. When for `give_up_after` seconds there was
    none, every request gets an `EngineError` that names them all.

    Args:
        urls: the servers.
        probe: returns if a server is well; raises `TransientEngineError` if not, and `UserError` if it will not do.
        concurrency: requests in flight on each at most.
        give_up_after: seconds.
    """

    def __init__(
        self, urls: Sequence[str], probe: Callable[[str], Awaitable[None]], concurrency: int, give_up_after: float
    ) -> None:
        self.all = [Endpoint(url) for url in urls]
        self.concurrency, self.give_up_after = concurrency, give_up_after
        self._probe = probe
        self._admission = Admission(concurrency * len(self.all))
        self._router: Router[Endpoint] = Router(concurrency)
        self._menders: dict[Endpoint, asyncio.Task[None]] = {}

    async def open(self) -> None:
        """Probe all servers; those that do not answer are taken out.

        Raises:
            EngineError: none answers.
            UserError: one will not do.
        """
        answers = await asyncio.gather(*(self._probe(endpoint.url) for endpoint in self.all), return_exceptions=True)
        for endpoint, error in zip(self.all, answers, strict=True):
            if isinstance(error, TransientEngineError):
                self.failed(endpoint, str(error))
            elif error is not None:
                raise error
        if not any(endpoint.well for endpoint in self.all):
            raise EngineError(f"no server answers: {self._faults()}; start them or mend engine.base_urls")

    async def close(self) -> None:
        for task in self._menders.values():
            task.cancel()
        await asyncio.gather(*self._menders.values(), return_exceptions=True)

    @asynccontextmanager
    async def place(self, request: Request) -> AsyncIterator[Endpoint]:
        """A server for the request, to be used within the block.

        Raises:
            EngineError: there has been none for too long.
        """
        async with self._admission.place(request.order):
            # There is always one with room: as many are let in as the servers that are well have places.
            well = [endpoint for endpoint in self.all if endpoint.well] or self.all
            endpoint = self._router.choose(request.family, well)
            endpoint.in_flight += 1
            try:
                yield endpoint
            finally:
                endpoint.in_flight -= 1

    def answered(self, endpoint: Endpoint) -> None:
        endpoint.failing_since = None

    def failed(self, endpoint: Endpoint, fault: str, pause: float | None = None) -> None:
        """Take a server out: for `pause` seconds if it asked for that, else until a probe finds it well."""
        endpoint.fault = fault
        if not endpoint.well:
            return
        endpoint.well = False
        loop = asyncio.get_running_loop()
        if endpoint.failing_since is None:
            endpoint.failing_since = loop.time()
        self._resize()
        loop.call_at(endpoint.failing_since + self.give_up_after, self._give_up_if_hopeless)
        self._menders[endpoint] = asyncio.create_task(self._mend(endpoint, pause))

    def forget(self, request: Request) -> None:
        """The next request of this family may go to another server."""
        self._router.forget(request.family)

    async def _mend(self, endpoint: Endpoint, pause: float | None) -> None:
        if pause is not None:
            await asyncio.sleep(pause)
        else:
            wait = _FIRST_PROBE
            while True:
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))
                wait = min(wait * 2, _LONGEST_BETWEEN_PROBES)
                try:
                    await self._probe(endpoint.url)
                except (TransientEngineError, UserError) as error:
                    endpoint.fault = str(error)
                else:
                    break
            endpoint.failing_since = None
        endpoint.well = True
        self._resize()

    def _resize(self) -> None:
        self._admission.resize(self.concurrency * sum(endpoint.well for endpoint in self.all))

    def _give_up_if_hopeless(self) -> None:
        loop = asyncio.get_running_loop()
        # Half a millisecond of grace: timers may be early by the clock's resolution.
        long_ago = loop.time() - self.give_up_after + 5e-4
        if not all(not e.well and e.failing_since is not None and e.failing_since <= long_ago for e in self.all):
            return
        if any(endpoint.in_flight for endpoint in self.all):
            # It may be at work on these and refuse only more of them; each has its time limit.
            loop.call_later(_BETWEEN_LOOKS, self._give_up_if_hopeless)
        else:
            self._admission.refuse(
                EngineError(f"no server was well for {self.give_up_after:g} s (engine.give_up_after): {self._faults()}")
            )

    def _faults(self) -> str:
        return "; ".join(f"{endpoint.name}: {endpoint.fault}" for endpoint in self.all)
