"""The environment as the dataflow talks to it: behind the journal, so that no reply is asked for twice.

A reply is known by the environment, its state, the words and their seed, which is made of case, turn and words. A run
that goes on has every reply that it had, and the same words in the same place are answered alike under every condition.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.files import file_hash
from int_verl.generate.journal import Journal
from int_verl.settings.turns import TurnsSettings
from int_verl.turns.environment import Message, State, seed_of
from int_verl.turns.pool import EnvironmentFault, EnvironmentPool, EnvironmentSettings, Score

MAX_FAULTS = 20
"So many calls one after the other that come to nothing stop the run."


def environment_settings(turns: TurnsSettings) -> EnvironmentSettings:
    """The environment that the settings name; a file by its whole path, for processes that stand elsewhere."""
    named = turns.environment or ""
    if not named.startswith("pkg://"):
        file, colon, name = named.rpartition(":")
        named = f"{Path(file).expanduser().resolve()}{colon}{name}" if file else named
    return EnvironmentSettings(named, turns.options, turns.workers, turns.timeout, turns.memory_gb)


def environment_version(turns: TurnsSettings) -> str:
    """What the words of an environment depend on: its name, its file's content and its options; not where it lies."""
    named, content = turns.environment or "", ""
    file, _, name = named.rpartition(":")
    path = Path(file).expanduser()
    if not named.startswith("pkg://") and path.is_file():
        named, content = f"{path.name}:{name}", file_hash(path)
    return json.dumps([named, content, turns.options], sort_keys=True)


class Partner:
    """Asks an environment what the journal does not hold; equal questions at the same time are asked once.

    Use as a context manager. Faults are not kept: a run that goes on asks again.

    Raises:
        UserError: the environment cannot be made; where it is asked, that it has failed `MAX_FAULTS` times on end.
    """

    def __init__(self, turns: TurnsSettings, journal: Journal) -> None:
        self._pool = EnvironmentPool(environment_settings(turns))
        self._name, self._version, self._journal = turns.environment, environment_version(turns), journal
        self._pending: dict[bytes, asyncio.Task[Any]] = {}
        self._faults_on_end = 0
        self.asked = 0
        self.replayed = 0
        self.faults = 0

    @property
    def counts(self) -> dict[str, int]:
        """For the manifest."""
        return {"replies_asked": self.asked, "replies_replayed": self.replayed, "environment_faults": self.faults}

    def __enter__(self) -> Partner:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    async def open(self, case: Mapping[str, Any]) -> tuple[list[Message], State]:
        """See `EnvironmentPool.open`."""
        messages, state = await self._known(["open", case, seed_of(case, 0, "")], lambda: self._pool.open(case))
        return messages, state

    async def reply(
        self, case: Mapping[str, Any], state: State, utterance: str, turn: int
    ) -> tuple[list[Message] | None, State]:
        """See `EnvironmentPool.reply`."""
        asked = ["reply", state, utterance, seed_of(case, turn, utterance)]
        messages, state = await self._known(asked, lambda: self._pool.reply(case, state, utterance, turn))
        return messages, state

    async def score(self, state: State) -> Score:
        """See `EnvironmentPool.score`."""

        async def ask() -> tuple[float, Mapping[str, float]]:
            score = await self._pool.score(state)
            return score.reward, score.parts

        reward, parts = await self._known(["score", state], ask)
        return Score(reward, parts)

    async def _known(self, asked: list[Any], ask: Callable[[], Awaitable[Any]]) -> Any:
        """What `ask` comes to, as JSON has it; from the journal where that holds it."""
        text = json.dumps([self._version, *asked], sort_keys=True)
        key = hashlib.sha256(text.encode()).digest()[:16]
        if (found := self._journal.reply(key)) is not None:
            self.replayed += 1
            return json.loads(found)
        if key not in self._pending:
            self._pending[key] = task = asyncio.ensure_future(self._ask(key, ask))
            task.add_done_callback(lambda _: self._pending.pop(key, None))
        return json.loads(await self._pending[key])

    async def _ask(self, key: bytes, ask: Callable[[], Awaitable[Any]]) -> str:
        try:
            said = json.dumps(await ask())
        except EnvironmentFault as fault:
            self.faults += 1
            self._faults_on_end += 1
            if self._faults_on_end >= MAX_FAULTS:
                raise UserError(
                    f"turns.environment={self._name}: {MAX_FAULTS} calls on end came to nothing, the last by {fault}; "
                    "mend it and run the same command again, which keeps all replies so far"
                ) from None
            raise
        self._faults_on_end = 0
        self._journal.put_reply(key, said)
        self.asked += 1
        return said
