"""What a stage at work says of itself for other shells: `status.json` in the run's folder, every second or two."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from int_verl.files import write_text
from int_verl.redaction import redact

BETWEEN_BEATS = 2.0
"Seconds between two beats."
WINDOW = 60.0
"Seconds over which a rate of now is taken."


class Heartbeat:
    """Writes what `state` returns, with the time and the process, until the stage ends; then once more how it ended.

    A thread of its own writes, so a stage that waits still shows that it lives. What is written replaces what was
    there whole. A full disk does not end the stage: the next beat may find room.

    Args:
        file: where to write.
        state: what to write; a number under `totals` grows, and its rate a second is added under `rates`, over the
            last minute and since the start.

    Example: ``with Heartbeat(folder / "status.json", lambda: {"stage": "sft", "position": 3, "total": 9}): ...``
    """

    def __init__(self, file: Path, state: Callable[[], Mapping[str, Any]]) -> None:
        self.file, self.state = file, state
        self._started, self._began = time.time(), time.monotonic()
        self._history: deque[tuple[float, dict[str, float]]] = deque()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._beat("done" if exc_type is None else " ".join(f"{exc_type.__name__}: {exc}".split())[:500])

    def _beat_on(self) -> None:
        while not self._over.wait(BETWEEN_BEATS):
            self._beat(None)

    def _beat(self, ended: str | None) -> None:
        state = dict(self.state())
        said = {
            **state,
            "rates": self._rates(state.get("totals", {})),
            "started": self._started,
            "time": time.time(),
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "ended": ended,
        }
        try:
            write_text(self.file, redact(json.dumps(said, indent=1)) + "\n")
        except OSError:
            return

    def _rates(self, totals: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """Name -> what came a second, `now` and on `average`."""
        now = time.monotonic()
        self._history.append((now, dict(totals)))
        while now - self._history[0][0] > WINDOW and len(self._history) > 2:
            self._history.popleft()
        then, before = self._history[0]
        return {
            name: {
                "now": _rate(total - before.get(name, 0.0), now - then),
                "average": _rate(total, now - self._began),
            }
            for name, total in totals.items()
        }


def _rate(number: float, seconds: float) -> float:
    return round(number / seconds, 2) if seconds > 0 else 0.0
