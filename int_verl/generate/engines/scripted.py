"""An engine whose completions come from a Python function: for tests and for trying the dataflow without a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from int_verl.generate.engines.base import Completion, Request
from int_verl.named_function import load_function

Script = Callable[[Request], Completion]


class ScriptedEngine:
    """Answers every request with ``script(request)``, after `delay` seconds.

    Args:
        script: a function of the request alone, so that equal requests get equal completions.
        delay: seconds that a completion takes.
    """

    def __init__(self, script: Script, delay: float = 0.0) -> None:
        self.script, self.delay = script, delay

    async def __aenter__(self) -> ScriptedEngine:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None

    async def generate(self, request: Request) -> Completion:
        await asyncio.sleep(self.delay)
        return self.script(request)


def load_script(spec: str) -> Script:
    """The function that ``file.py:name`` names.

    Raises:
        UserError: no such file or function.
    """
    return load_function("engine.script", spec)
