"""An engine whose completions come from a Python function: for tests and for trying the dataflow without a model."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import cast

from int_verl.errors import UserError
from int_verl.generate.engines.base import Completion, Request

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
    file, _, name = spec.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise UserError(f"engine.script={spec}: no such file; write path/to/file.py:function")
    module_spec = importlib.util.spec_from_file_location(path.stem, path)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    script = getattr(module, name, None)
    if not callable(script):
        raise UserError(f"engine.script={spec}: {path} has no function {name!r}")
    return cast(Script, script)
