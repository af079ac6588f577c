"""An environment in worker processes: a call of it comes to what it should, or to a fault.

What hangs is killed and what crashes is replaced, as with reward functions of the user's own; the state is with the
caller, so that nothing is lost with a process.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from int_verl.errors import UserError
from int_verl.grading.function_pool import CallFault, FunctionPool
from int_verl.turns.environment import Message, State, seed_of


class EnvironmentFault(Exception):
    """An environment that did not do its part: ``EnvironmentFault("timeout", "no result after 30 s")``."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail
        "`reason`: ``timeout``, ``raised``, ``died``, or ``malformed`` for a result that is none."


@dataclass(frozen=True)
class EnvironmentSettings:
    """Which environment, and what it may take."""

    environment: str
    "``FILE.py:NAME`` or ``pkg://MODULE:NAME``: a class or function that makes an `Environment` of the options."
    options: Mapping[str, Any] = field(default_factory=dict)
    "Keyword arguments for it, as JSON has them."
    workers: int = 4
    "Processes, and so calls at a time; many for an environment that waits for a server."
    timeout: float = 60.0
    "Seconds of one call."
    memory_gb: float | None = None
    "What one process may allocate."


@dataclass(frozen=True)
class Score:
    """Of a conversation: ``Score(0.8, {"category": 1.0, "emotions": 0.5})``."""

    reward: float
    parts: Mapping[str, float]


class EnvironmentPool:
    """An environment for many conversations at once; its calls are awaited.

    Raises:
        UserError: the environment cannot be made.
    """

    def __init__(self, settings: EnvironmentSettings) -> None:
        self.settings = settings
        more = {"environment": settings.environment, "options": dict(settings.options)}
        self._calls = FunctionPool(
            "pkg://int_verl.turns.calls", "call", more, settings.workers, settings.timeout, settings.memory_gb
        )
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="environment")
        try:
            self._calls.call({"do": "make"})
        except CallFault as fault:
            self.close()
            raise UserError(f"environment={settings.environment}: {fault.detail}") from None

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        self._calls.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def open(self, case: Mapping[str, Any]) -> tuple[list[Message], State]:
        """See `Environment.open`; an EnvironmentFault where it comes to nothing."""
        opened = await self._ask("open", case=case, seed=seed_of(case, 0, ""))
        messages, state = _pair("open", opened)
        return _messages("open", messages), state

    async def reply(
        self, case: Mapping[str, Any], state: State, utterance: str, turn: int
    ) -> tuple[list[Message] | None, State]:
        """See `Environment.reply`; `turn` counts the policy's from 1. An EnvironmentFault where it comes to nothing."""
        replied = await self._ask("reply", state=state, utterance=utterance, seed=seed_of(case, turn, utterance))
        messages, state = _pair("reply", replied)
        if messages is None:
            return None, state
        if not messages:
            raise EnvironmentFault("malformed", "reply returned no message; None ends a conversation")
        return _messages("reply", messages), state

    async def score(self, state: State) -> Score:
        """See `Environment.score`; an EnvironmentFault where it comes to nothing."""
        reward, parts = _pair("score", await self._ask("score", state=state))
        numbers = [reward, *parts.values()] if isinstance(parts, dict) else []
        if not numbers or not all(isinstance(one, (int, float)) and math.isfinite(one) for one in numbers):
            raise EnvironmentFault("malformed", f"score returned {reward!r:.80} and {parts!r:.80}, not numbers")
        return Score(float(reward), {name: float(value) for name, value in parts.items()})

    async def _ask(self, do: str, **arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._calls.call, {"do": do, **arguments})
        except CallFault as fault:
            raise EnvironmentFault(fault.reason, fault.detail) from None


def _pair(do: str, returned: Any) -> tuple[Any, Any]:
    if not isinstance(returned, list) or len(returned) != 2:
        raise EnvironmentFault("malformed", f"{do} returned {returned!r:.80}, not two values")
    return returned[0], returned[1]


def _messages(do: str, messages: Any) -> list[Message]:
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        raise EnvironmentFault("malformed", f"{do} returned {messages!r:.80}, not messages")
    for message in messages:
        said = isinstance(message, dict) and isinstance(message.get("content"), str) and message["content"].strip()
        if not said or not isinstance(message.get("role"), str) or message["role"] == "assistant":
            raise EnvironmentFault(
                "malformed", f"{do} returned {message!r:.80}, not a message with a role (any but assistant) and content"
            )
    return [{"role": message["role"], "content": message["content"]} for message in messages]
