"""A continuous-batching engine in virtual time: how long completions take, not what they are."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from int_verl.generate.engines.base import Completion, Request


@dataclass(frozen=True, slots=True)
class Speed:
    """A decode step of a batch of `n` sequences takes ``alone + each * (n - 1)`` seconds.

    Example: ``Speed(0.00648, 0.0000550, 64)``: 154 tokens a second alone, 64 / 9.9 ms = 6,430 in a full batch.
    """

    alone: float
    each: float
    most_sequences: int
    "In one batch; more wait, first come, first served."

    def step(self, sequences: int) -> float:
        return self.alone + self.each * (sequences - 1)


@dataclass(frozen=True, slots=True)
class Lengths:
    """Log-normal numbers of tokens, cut off at `limit`; drawn from a request's seed."""

    median: float
    sigma: float
    limit: int

    def draw(self, request: Request) -> int:
        drawn = random.Random(request.seed).lognormvariate(0.0, self.sigma) * self.median
        return max(1, min(self.limit, round(drawn)))


class Replica:
    """One engine: every running sequence gets one token a step, a waiting one takes the place of one that ends.

    Prefill takes no time, and the context's length does not slow a step down.
    """

    def __init__(self, speed: Speed) -> None:
        self.speed = speed
        self._running: list[tuple[float, int, asyncio.Future[None]]] = []
        "Heap of (step at which it ends, arrival, future)."
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._arrivals = count()
        self._steps = 0.0
        self._at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def load(self) -> int:
        return len(self._running) + len(self._waiting)

    async def decode(self, tokens: int) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((tokens, done))
        self._advance()
        await done

    def _advance(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._running:
            self._steps += (now - self._at) / self.speed.step(len(self._running))
        self._at = now
        while self._running and self._running[0][0] <= self._steps + 1e-6:
            heapq.heappop(self._running)[2].set_result(None)
        while self._waiting and len(self._running) < self.speed.most_sequences:
            tokens, done = self._waiting.popleft()
            heapq.heappush(self._running, (self._steps + tokens, next(self._arrivals), done))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running:
            wait = (self._running[0][0] - self._steps) * self.speed.step(len(self._running))
            self._timer = loop.call_later(wait, self._advance)


class SimulatedEngine:
    """Replicas behind a router that knows which has the least to do.

    Args:
        script: what is answered; short, while `lengths` says how long the answer takes.
    """

    def __init__(self, script: Callable[[Request], Completion], lengths: Lengths, speed: Speed, replicas: int) -> None:
        self.script, self.lengths = script, lengths
        self.replicas = [Replica(speed) for _ in range(replicas)]

    async def __aenter__(self) -> SimulatedEngine:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None

    async def generate(self, request: Request) -> Completion:
        await min(self.replicas, key=lambda replica: replica.load).decode(self.lengths.draw(request))
        return self.script(request)
