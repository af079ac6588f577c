"""An engine whose completions come from a Python function: a program that proposes, or a model's place in tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from int_verl.generate.chat import ChatCodec
from int_verl.generate.engines.base import Completion, Request
from int_verl.named_function import load_function

Script = Callable[[Request], Completion | str]
"""Answers a request, whose `turns` are the chat as text, by the tokens of a completion or by its text."""


class ScriptedEngine:
    """Answers every request with ``script(request)``, after `delay` seconds.

    Args:
        script: a function of the request alone, so that equal requests get equal completions.
        delay: seconds that a completion takes.
        codec: makes tokens of what the script says as text, and puts the end token behind it.
    """

    def __init__(self, script: Script, delay: float = 0.0, codec: Callable[[], ChatCodec] | None = None) -> None:
        self.script, self.delay, self.codec = script, delay, codec

    async def __aenter__(self) -> ScriptedEngine:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None

    async def generate(self, request: Request) -> Completion:
        await asyncio.sleep(self.delay)
        said = self.script(request)
        return said if isinstance(said, Completion) else self._encoded(said, request.sampling.max_tokens)

    def _encoded(self, text: str, max_tokens: int) -> Completion:
        assert self.codec is not None
        codec = self.codec()
        token_ids = (*codec.encode(text), codec.tokenizer.eos_token_id)
        return Completion(token_ids[:max_tokens], "stop" if len(token_ids) <= max_tokens else "length")


def load_script(spec: str) -> Script:
    """The function that ``file.py:name`` names.

    Raises:
        UserError: no such file or function.
    """
    return load_function("engine.script", spec)
