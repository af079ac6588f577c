"""`key=value` in the grammar of Hydra's command line, in which verl takes its settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_UNQUOTED = re.compile(r"[A-Za-z0-9_/.+%@?*-]+")
"What a value may be without quotes."


def hydra_overrides(settings: Mapping[str, object]) -> list[str]:
    """Settings as overrides, in their order."""
    return [f"{key}={quote(value)}" for key, value in settings.items()]


def quote(value: object) -> str:
    """A value as Hydra reads it back; a path may have any name."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ",".join(map(quote, value)) + "]"
    text = str(value)
    if isinstance(value, Path) and not _UNQUOTED.fullmatch(text):
        return "'" + text.replace("'", "\\'") + "'"
    return text


def literal(value: object) -> str:
    """Any value that JSON has, as Hydra reads it back: a string stays one, whatever it looks like.

    An interpolation stays one as well, for the trainer to resolve.

    >>> literal({"a": ["1", 1, None]})
    "{a: ['1', 1, null]}"
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {literal(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    if not isinstance(value, str):
        return quote(value)
    # A backslash means itself unless a quote follows.
    text = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + found[2].replace("'", "\\'"), value)
    return f"'{text}'"


def key_and_value(override: str) -> tuple[str, str]:
    """An override's key without the signs that add or remove it, and its value.

    >>> key_and_value("++trainer.nnodes=2")
    ('trainer.nnodes', '2')
    """
    key, _, value = override.lstrip("+~").partition("=")
    return key, value


def last_value(overrides: Iterable[str], key: str) -> str | None:
    """The value that overrides give a key in the end; None: they do not name it.

    >>> last_value(["a.b=1", "a.b=2"], "a.b")
    '2'
    """
    return dict(map(key_and_value, overrides)).get(key)
