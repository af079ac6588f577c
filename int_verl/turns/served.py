"""An environment whose words a served model writes, behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from int_verl.judging.fault import Fault
from int_verl.judging.server import JudgeServer
from int_verl.turns.environment import Message

BEGIN = "The conversation begins. You speak first."
"What the model is asked for its opening with, which it then finds before it in every later turn."


class SilentPartnerError(Exception):
    """The server had no answer that could be the partner's words."""


class ServedPartner(ABC):
    """A partner that a model plays; a subclass says what it is told, how it opens, when it is over and its worth.

    The state has `case` and `messages`, in which the policy is the assistant; the model sees them with the roles
    exchanged, behind a system prompt that the policy never sees. Requests have the reply's seed. A server that does not
    answer, or whose answer is cut off or empty, is a fault of the environment, never words of the partner.

    Args:
        base_url: up to and with ``/v1``.
        model: its name there.
        api_key_env: the environment variable that holds the key.
        timeout, retries: seconds of one request, and how often it is made again where that may help.
        give_up_after: seconds for all tries together; the environment's own `timeout` should be longer.
        max_tokens, temperature: of the partner's words.

    Raises:
        UserError: the URL is none, or the variable is not set.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key_env: str | None = None,
        timeout: float = 30.0,
        retries: int = 3,
        give_up_after: float = 90.0,
        max_tokens: int = 256,
        temperature: float = 0.7,
    ) -> None:
        self._server, self._give_up_after = JudgeServer(base_url, api_key_env, timeout, retries), give_up_after
        self._sampling = {"model": model, "max_tokens": max_tokens, "temperature": temperature}

    @abstractmethod
    def told(self, case: Mapping[str, Any]) -> str:
        """The model's system prompt."""

    @abstractmethod
    def opening(self, case: Mapping[str, Any]) -> str:
        """The partner's first words; empty where the policy speaks first."""

    def over(self, state: Mapping[str, Any]) -> bool:  # noqa: ARG002 - what a subclass looks at
        """Whether the conversation ends with the policy's last turn; without this only its turns end it."""
        return False

    @abstractmethod
    def score(self, state: Mapping[str, Any]) -> tuple[float, Mapping[str, float]]:
        """See `Environment.score`."""

    def open(self, case: Mapping[str, Any], seed: int) -> tuple[list[Message], dict[str, Any]]:  # noqa: ARG002
        """See `Environment.open`."""
        opening = self.opening(case)
        said: list[Message] = [{"role": "user", "content": opening}] if opening else []
        return said, {"case": dict(case), "messages": said}

    def reply(self, state: Mapping[str, Any], utterance: str, seed: int) -> tuple[list[Message] | None, dict[str, Any]]:
        """See `Environment.reply`.

        Raises:
            SilentPartnerError: the server has no answer that could be the partner's words.
        """
        messages = [*state["messages"], {"role": "assistant", "content": utterance}]
        heard = {"case": state["case"], "messages": messages}
        if self.over(heard):
            return None, heard
        body = {**self._sampling, "messages": self._exchanged(heard), "seed": seed % 2**31}
        try:
            words = asyncio.run(self._server.ask(body, self._give_up_after)).strip()
        except Fault as fault:
            raise SilentPartnerError(str(fault)) from None
        said: list[Message] = [{"role": "user", "content": words}]
        return said, {**heard, "messages": [*messages, *said]}

    def _exchanged(self, state: Mapping[str, Any]) -> list[Message]:
        """What the model sees: system prompt first, and its own words as the assistant's."""
        roles = {"user": "assistant", "assistant": "user"}
        messages = [{"role": roles[one["role"]], "content": one["content"]} for one in state["messages"]]
        begun = [{"role": "user", "content": BEGIN}] if messages[0]["role"] == "assistant" else []
        return [{"role": "system", "content": self.told(state["case"])}, *begun, *messages]
