"""Golds and answers of any type as text: data sets hold numbers, lists and, read with pandas, arrays."""

from __future__ import annotations

from typing import Any


def holds_several(value: Any) -> bool:
    """Whether a gold is a list of answers; pandas, with which verl's main_eval reads, makes arrays of lists."""
    return isinstance(value, (list, tuple, set, frozenset)) or type(value).__name__ == "ndarray"


def as_text(value: Any) -> str | None:
    """A gold or answer as text, several as a set; None where there is nothing to read."""
    if value is None or isinstance(value, str):
        return value
    if holds_several(value):
        parts = [as_text(part) for part in list(value)]
        if not parts or any(part is None for part in parts):
            return None
        return parts[0] if len(parts) == 1 else "\\{" + ", ".join(part for part in parts if part) + "\\}"
    try:
        return str(value)
    except Exception:
        return None
