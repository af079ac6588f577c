"""What nobody foresaw, said once: the net under the grader and the leak test logs here what it catches."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

_LOGGER = logging.getLogger(__name__)
_MOST_CHARS = 300
"So much of a text stands in the log."
_MOST_PLACES = 1_000
_told: set[str] = set()


def where(problem: BaseException) -> str:
    """An exception's kind and place, without what it says: the same for all texts that end there.

    Example: ``TypeError at arithmetic.py:178``
    """
    frames = traceback.extract_tb(problem.__traceback__, limit=-1)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return type(problem).__name__ + place


def tell(fault: str, **texts: Any) -> None:
    """Log a fault, such as `where` names it, with the texts that met it: the first time in this process only."""
    if fault not in _told and len(_told) < _MOST_PLACES:
        _told.add(fault)
        _LOGGER.error("%s; %s", fault, ", ".join(f"{name} {shown(text)}" for name, text in texts.items()))


def shown(value: Any) -> str:
    """The beginning of a text, with nothing in it that a terminal obeys; of anything else, at least its type."""
    try:
        text = value[:_MOST_CHARS] if isinstance(value, str | bytes) else value
        return repr(text)[: 2 * _MOST_CHARS]
    except Exception:  # a value's own __repr__
        return f"<{type(value).__name__}>"
