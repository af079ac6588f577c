"""An OpenAI-compatible server that is asked for a chat completion, and everything that it may do instead."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from int_verl.errors import UserError
from int_verl.judging.fault import Fault

_LONGEST_ANSWER = 4 << 20
"Bytes of a body that are read."
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_OF_THE_MOMENT = (408, 409, 425, 429)


class JudgeServer:
    """``/chat/completions`` of one server.

    Args:
        base_url: up to and with ``/v1``.
        api_key_env: the environment variable that holds the key. Its value goes into the request's header and nowhere
            else: not into a message, though the server may have quoted it.
        timeout: seconds of one request.
        retries: how often a request is made again where that may help.

    Raises:
        UserError: the URL is none, or holds a password; the variable is not set.
    """

    def __init__(self, base_url: str, api_key_env: str | None, timeout: float, retries: int) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise UserError(
                "base_url: write it as http://host:8000/v1, without user and password; a key goes into api_key_env"
            )
        self._url, self._timeout, self._retries = f"{base_url.rstrip('/')}/chat/completions", timeout, retries
        self._key = os.environ.get(api_key_env, "").strip() if api_key_env else ""
        if api_key_env and not self._key:
            raise UserError(f"api_key_env={api_key_env}: this environment variable is not set")

    async def ask(self, body: Mapping[str, Any], give_up_after: float) -> str:
        """The text of the server's answer.

        Args:
            body: what is posted, as JSON.
            give_up_after: seconds for all tries together.

        Raises:
            Fault: there is none, or it is not whole.
        """
        tries = _Tries(self._retries)
        try:
            return await asyncio.wait_for(self._ask(body, tries), give_up_after)
        except (asyncio.TimeoutError, TimeoutError):
            raise Fault("timeout", f"no answer within {give_up_after:g} s{tries.last}") from None

    async def _ask(self, body: Mapping[str, Any], tries: _Tries) -> str:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limit = aiohttp.ClientTimeout(total=self._timeout)
        async with aiohttp.ClientSession(timeout=limit, headers=headers) as session:
            while True:
                try:
                    return self._content(await self._post(session, body))
                except _Passing as fault:
                    await tries.pause(fault)

    async def _post(self, session: aiohttp.ClientSession, body: Mapping[str, Any]) -> bytes:
        try:
            async with session.post(self._url, json=body, allow_redirects=False) as response:
                read = bytearray()
                async for chunk in response.content.iter_chunked(1 << 16):
                    read += chunk
                    if len(read) > _LONGEST_ANSWER:
                        raise Fault("unreadable", f"more than {_LONGEST_ANSWER >> 20} MiB")
        except (asyncio.TimeoutError, TimeoutError):
            raise _Passing("timeout", f"no answer within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _Passing("unavailable", self._say(f"{type(error).__name__}: {error}")) from None
        if response.status == 200:
            return bytes(read)
        said = self._say(f"{response.status} {read[:2000].decode(errors='replace')}")
        if response.status >= 500 or response.status in _OF_THE_MOMENT:
            raise _Passing("unavailable", said, _seconds(response.headers.get("Retry-After")))
        raise Fault("refused", said)

    def _content(self, body: bytes) -> str:
        try:
            choice = json.loads(body.decode("utf-8"))["choices"][0]
            content, finish = choice["message"]["content"], choice.get("finish_reason")
            if not isinstance(content, str):
                raise TypeError("no text")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            shown = body[:200].decode(errors="replace")
            raise _Passing("unreadable", self._say(f"{type(error).__name__}: {shown}")) from None
        if finish == "length":
            raise Fault("cut", "the judge reached max_tokens")
        return self._without_key(content)

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "(key)") if self._key else text

    def _say(self, text: str) -> str:
        text = self._without_key(text)
        return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:300]


class _Passing(Fault):
    """A fault that another try may not have; `pause`: seconds for which the server asks to be left alone."""

    def __init__(self, reason: str, detail: str, pause: float | None = None) -> None:
        super().__init__(reason, detail)
        self.pause = pause


class _Tries:
    """Tries that are left, with growing pauses between them."""

    def __init__(self, left: int) -> None:
        self._left, self._pause, self.last = left, _FIRST_PAUSE, ""

    async def pause(self, fault: _Passing) -> None:
        """Wait before the next try; the fault itself where there is none."""
        if not self._left:
            raise fault
        self._left -= 1
        self.last = f", the last try: {fault}"
        await asyncio.sleep(fault.pause if fault.pause is not None else self._pause * random.uniform(0.5, 1.0))
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


def _seconds(header: str | None) -> float | None:
    """Seconds of a Retry-After; its other form, a date, is not worth a parser."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
