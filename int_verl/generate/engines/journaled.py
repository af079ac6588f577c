"""An engine behind the journal: what was drawn before is replayed, what was not is drawn, so many at a time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from int_verl.errors import EngineError, LostRequestError, RefusedRequestError, TransientEngineError, UserError
from int_verl.generate.engines.admission import Admission
from int_verl.generate.engines.base import Completion, Engine, Request, Served
from int_verl.generate.engines.lifetime import Lifetime
from int_verl.generate.journal import Journal, request_key
from int_verl.settings.engine import EngineSettings

_LONGEST_WAIT = 60.0
_RUNS_THAT_TRY = 2
"After so many that gave a request up, it is lost without another try."


class JournaledEngine:
    """An engine behind a journal, with a bound on requests in flight and a second try for those that fail.

    Equal requests made at the same time are drawn once. The engine itself is opened at the first request that the
    journal does not hold, so a run that is wholly in the journal starts no engine. A request that is refused for good
    or fails at every try is given up, as long as no more than `engine.lost_share` of them are; the journal remembers
    it, and one more run tries it. An engine that dies is opened again (`Lifetime`).

    Args:
        engine: draws what the journal does not hold.
        journal: keeps every completion.
        model_revision: the model's part of a completion's key.
        settings: `in_flight`, `ordering`, `timeout`, `retries`, `reopen` and `lost_share` of the engine.
        say: called when the engine died and is opened again.
        first_wait: seconds before the first retry; doubled each time, up to a minute.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        model_revision: str,
        settings: EngineSettings,
        say: Callable[[str], None] = lambda _: None,
        first_wait: float = 1.0,
    ) -> None:
        self.engine, self.journal, self.model_revision = engine, journal, model_revision
        self.settings, self.first_wait = settings, first_wait
        self.drawn = 0
        "Completions asked of the engine."
        self.replayed = 0
        "Completions that the journal held."
        self.repeated = 0
        "Requests made again because they failed or timed out."
        self.drawn_tokens = 0
        self.lost = 0
        "Requests given up, now or in earlier runs."
        self.lost_for_good = 0
        "Those among them that are not tried again."
        self.last_fault = ""
        "What last went wrong with a request."
        self._losses_before = journal.losses()
        self._losses: dict[bytes, str] = {}
        self._made = 0
        self._admission = Admission(settings.places, settings.ordering)
        self._in_flight: Counter[str] = Counter()
        self._pending: dict[bytes, asyncio.Task[Completion]] = {}
        self._lifetime = Lifetime(engine, settings.reopen, say)

    async def __aenter__(self) -> JournaledEngine:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if exc_info[0] is None:  # a run that stops has given up nothing for the next one
            for key, words in self._losses.items():
                self.journal.put_loss(key, words, self._runs(key) + 1)
        await self._lifetime.close(*exc_info)

    async def generate(self, request: Request) -> Completion:
        """The completion of a request, from the journal or the engine.

        Raises:
            LostRequestError: the request is given up.
            EngineError: the engine is lost, or too many requests are.
            UserError: the engine refuses requests, and too many are lost.
        """
        self._made += 1
        key = request_key(self.model_revision, request)
        known = self.journal.get(key)
        if known is not None:
            self.replayed += 1
            return known
        if self._runs(key) >= _RUNS_THAT_TRY:
            self.lost_for_good += 1
            raise self._lost(EngineError(self._losses_before[key][0]))
        if key not in self._pending:
            self._pending[key] = task = asyncio.create_task(self._draw(key, request))
            task.add_done_callback(lambda _: self._pending.pop(key, None))
        return await self._pending[key]

    async def _draw(self, key: bytes, request: Request) -> Completion:
        await self._lifetime.open()
        try:
            completion = await self._patiently(request)
        except (RefusedRequestError, _FailedEveryTryError) as error:
            self._losses[key] = str(error)
            self.lost_for_good += self._runs(key) + 1 >= _RUNS_THAT_TRY
            raise self._lost(error) from error
        self.journal.put(key, completion)
        self.drawn += 1
        self.drawn_tokens += len(completion.token_ids)
        return completion

    def state(self) -> dict[str, Any]:
        """What another shell wants to know of it while it draws: requests, their stages, servers, the last fault."""
        return {
            "requests": {
                "drawn": self.drawn,
                "from the journal": self.replayed,
                "in flight": self._admission.inside,
                "waiting": self._admission.waiting,
                "made again": self.repeated,
                "lost": self.lost,
            },
            "in_flight": +self._in_flight,
            "tokens": self.drawn_tokens,
            "servers": self.engine.servers() if isinstance(self.engine, Served) else [],
            "reopened": self.reopened,
            "last_fault": self.last_fault,
        }

    @property
    def reopened(self) -> int:
        """How often the engine died and was opened again."""
        return self._lifetime.reopened

    @property
    def lost_words(self) -> list[str]:
        """The engine's words of each request that this run gave up."""
        return list(self._losses.values())

    def _runs(self, key: bytes) -> int:
        """How many earlier runs gave a request up."""
        return self._losses_before.get(key, ("", 0))[1]

    def _lost(self, error: UserError | EngineError) -> LostRequestError:
        """A request is given up.

        Raises:
            UserError, EngineError: what was given, where that is one too many.
        """
        self.lost += 1
        share = self.settings.lost_share
        if self.lost > max(share * self._made, bool(share)):
            raise error
        return LostRequestError(str(error))

    async def _patiently(self, request: Request) -> Completion:
        tries = 0
        while True:
            tries += 1
            try:
                async with self._admission.place(request.order):
                    self._in_flight[request.stage] += 1
                    try:
                        return await self._lifetime.generate(request, self.settings.timeout)
                    finally:
                        self._in_flight[request.stage] -= 1
            except (asyncio.TimeoutError, TransientEngineError) as error:
                if tries > self.settings.retries:
                    timed_out = f"did not return within engine.timeout={self.settings.timeout} s"
                    fault = f"failed: {error}" if isinstance(error, TransientEngineError) else timed_out
                    what = f"a request of {len(request.prompt_ids)} prompt tokens (seed {request.seed})"
                    raise _FailedEveryTryError(f"{what} {fault}; tried {tries} times") from error
                self.last_fault = str(error) or f"a request did not return within {self.settings.timeout} s"
            self.repeated += 1
            longest = min(self.first_wait * 2 ** (tries - 1), _LONGEST_WAIT)
            await asyncio.sleep(longest * random.uniform(0.5, 1.0))


def engines_state(engines: Sequence[JournaledEngine]) -> dict[str, Any]:
    """What another shell wants to know of the engines of a run; `totals` grow."""
    states = [engine.state() for engine in engines]
    return {
        "requests": {name: sum(each["requests"][name] for each in states) for name in states[0]["requests"]},
        "in_flight": dict(sum((each["in_flight"] for each in states), Counter[str]()).most_common()),
        "servers": [server for each in states for server in each["servers"]],
        "lost": dict(Counter(words for engine in engines for words in engine.lost_words).most_common(5)),
        "reopened": sum(each["reopened"] for each in states),
        "last_fault": next((each["last_fault"] for each in states if each["last_fault"]), ""),
        "totals": {"tokens": sum(each["tokens"] for each in states)},
    }


class _FailedEveryTryError(EngineError):
    """A request failed once more than `engine.retries`."""
