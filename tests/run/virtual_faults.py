"""What happens to a run in a day, drawn from a seed; and servers to which it happens."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from int_verl.generate.engines.base import Completion, Request
from int_verl.settings.sampling import Sampling
from tests.generate.engines.local_server import LocalServer

HOUR = 3600.0
SERVERS = 2
_OF_SERVERS = ("refuses", "fails", "hangs", "resets", "asks to wait")


@dataclass(frozen=True, order=True)
class Fault:
    """Example: ``Fault(7200.0, "server", 600.0, "hangs", 1)``: server 1 hangs from 2:00 to 2:10."""

    start: float
    kind: str
    "kill, SIGTERM, full disk, server, clock, stale lock, second head, second head without lock."
    seconds: float = 0.0
    how: str = ""
    server: int = 0

    @property
    def end(self) -> float:
        return self.start + self.seconds


def draw(seed: int, hours: float, disk: bool) -> list[Fault]:
    """Faults of so many hours, in their order.

    Args:
        disk: whether there is a disk that can be filled.
    """
    rng = random.Random(seed)
    faults = []

    def some(kind: str, number: int, shortest: float = 0.0, longest: float = 0.0) -> None:
        for _ in range(number):
            faults.append(
                Fault(
                    rng.uniform(0.1, hours) * HOUR,
                    kind,
                    rng.uniform(shortest, longest),
                    rng.choice(_OF_SERVERS) if kind == "server" else "",
                    rng.randrange(SERVERS),
                )
            )

    some("kill", 6)
    some("SIGTERM", 5)
    some("full disk", 6 if disk else 0, 60, 300)
    some("server", 20, 30, 0.7 * HOUR)
    some("clock", 4, 60, 2 * HOUR)
    some("stale lock", 3, 60, 0.3 * HOUR)
    some("second head", 2)
    some("second head without lock", 1)
    return sorted(faults)


class Server(LocalServer):
    """`/v1/completions` of a scripted model that takes minutes for each, and what befalls it."""

    def __init__(
        self, port: int, script: Callable[[Request], Completion], faults: list[Fault], fired: Callable[[Fault], None]
    ) -> None:
        super().__init__(port)
        self.script, self.faults, self.fired = script, faults, fired

    async def live(self) -> None:
        """Listens, but for the times at which it refuses."""
        loop = asyncio.get_running_loop()
        while True:
            refusing = next((f for f in self.faults if f.how == "refuses" and f.start <= loop.time() < f.end), None)
            if refusing is not None:
                await self.stop()
                self.fired(refusing)
            elif not self.runs:
                await self.start()
            changes = [time for f in self.faults for time in (f.start, f.end) if time > loop.time()]
            await asyncio.sleep(min(changes, default=loop.time() + 24 * HOUR) - loop.time())

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "m", "max_model_len": 4096}]})

    async def _completions(self, http: web.Request) -> web.StreamResponse:
        body = await http.json()
        if (befallen := await self._befall()) is not None:
            return befallen
        if "seed" not in body:  # a probe
            return web.json_response({"choices": [{"token_ids": [0], "finish_reason": "length"}]})
        await asyncio.sleep(_seconds(body["seed"]))
        if (befallen := await self._befall()) is not None:
            return befallen
        sampling = Sampling(body["max_tokens"], body["temperature"], body["top_p"], body["top_k"])
        completion = self.script(Request(tuple(body["prompt"]), sampling, body["seed"]))
        choice = {"token_ids": completion.token_ids, "finish_reason": completion.finish_reason}
        return web.json_response({"choices": [choice]})

    async def _befall(self) -> web.StreamResponse | None:
        now = asyncio.get_running_loop().time()
        fault = next((f for f in self.faults if f.start <= now < f.end), None)
        if fault is None:
            return None
        self.fired(fault)
        if fault.how == "fails":
            return web.json_response({"error": {"message": "out of memory"}}, status=500)
        if fault.how == "asks to wait":
            return web.json_response({}, status=429, headers={"Retry-After": "30"})
        if fault.how == "hangs":
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(24 * HOUR)
        raise asyncio.CancelledError  # aiohttp closes the connection


def _seconds(seed: int) -> float:
    """How long a completion takes."""
    return min(random.Random(seed).lognormvariate(6.2, 0.8), 3000.0)


def overrides(ports: list[int]) -> list[str]:
    """The engine of a run that uses these servers."""
    urls = ",".join(f"http://127.0.0.1:{port}/v1" for port in ports)
    return ["engine.name=openai", f"engine.base_urls=[{urls}]", "engine.model=m", "engine.in_flight=2"]
