"""A task whose workers end in every way that there is, for the tests of the pool."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from int_verl.grading.nursery import Answer, Task

_held: list[bytearray] = []


class Mortal(Task):
    """Answers with what it was asked for.

    Args:
        folder: where each worker that has a request leaves a file of its pid's name.
        warm_up_seconds: how long the slow imports take.
        fails: whether the nursery cannot even begin.
    """

    def __init__(self, folder: str, warm_up_seconds: float = 0.0, fails: bool = False) -> None:
        if fails:
            raise RuntimeError
        self._folder, self._warm_up_seconds, self._is_warm = Path(folder), warm_up_seconds, False

    def warm_up(self) -> None:
        time.sleep(self._warm_up_seconds)
        self._is_warm = True

    def begin(self) -> Answer:
        return self._answer

    def _answer(self, request: Any) -> Any:
        if request == "needs imports" and not self._is_warm:
            return "cold", None
        if request == "grow":
            _held.append(bytearray(b"x" * (700 << 20)))
        (self._folder / str(os.getpid())).touch()
        if request == "crash":
            os.abort()
        if request == "compute":
            while time.process_time() < 0.8:
                pass
        while request == "compute for ever":
            pass
        if request in ("wait", "grow"):
            time.sleep(1.0)
        return "done", request
