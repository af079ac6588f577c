"""The settings that may leave the machine, in a data card or a report: those whose kind or name is known to be safe.

A number, a truth value and a word out of a fixed list cannot hold a key, so settings of these kinds are published
whatever their name. Texts are published where they are named here. Anything else is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from int_verl.redaction import redact
from int_verl.settings.sections import KINDS

TEXTS = (
    "run.name",
    "run.shard",
    "run.date",
    "model.path",
    "problems.train",
    "problems.heldout",
    "prompts.solve",
    "prompts.guided_solution",
    "prompts.verify",
    "prompts.hint",
    "prompts.self_reflection",
    "proposer.path",
    "turns.environment",
    "grader.reward_path",
    "grader.reward_name",
    "rl.reward_path",
    "rl.reward_name",
)
"Names and paths; of a path its last part is published."
_NAME = re.compile(r"(pkg://)?[\w.@~-]+(/[\w.@-]+)?(:[\w.@-]+)?")
"As a model, a data set or a module is called."


def published(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of settings by their dotted keys those that may be published, as they may."""
    shown = {}
    for key, value in settings.items():
        if key in TEXTS and isinstance(value, str):
            if (name := public_name(value)) is not None:
                shown[key] = name
        elif (key in TEXTS or key in _closed()) and _is_closed_value(value):
            shown[key] = value
    return shown


def public_name(value: str) -> str | None:
    """A name as it may be published, a path by its last part; None for what is neither."""
    plain = value.removeprefix("pkg://")
    is_path = plain.startswith(("/", "~", ".")) or plain.count("/") > 1
    name = Path(value).name if is_path else value
    return redact(name) if _NAME.fullmatch(name) and "://" not in plain else None


def _is_closed_value(value: Any) -> bool:
    """Not text of somebody's own, whatever a damaged or older file says."""
    if isinstance(value, list | tuple):
        return all(map(_is_closed_value, value))
    if isinstance(value, str):
        return re.fullmatch(r"[a-z_]{1,30}", value) is not None
    return isinstance(value, bool | int | float | None)


@cache
def _closed() -> frozenset[str]:
    """The settings that hold no text of the user's own."""
    return frozenset(key for name, kind in KINDS.items() for key in _closed_keys(name, kind))


def _closed_keys(key: str, kind: Any) -> Iterator[str]:
    if is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        for setting in fields(kind):
            yield from _closed_keys(f"{key}.{setting.name}", hints[setting.name])
    elif _is_closed(kind):
        yield key
    elif get_origin(kind) in (Union, UnionType):  # a section that may be null
        for choice in filter(is_dataclass, get_args(kind)):
            yield key
            yield from _closed_keys(key, choice)


def _is_closed(kind: Any) -> bool:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _is_closed(arguments[0])
    if origin in (Union, UnionType, tuple):
        return all(_is_closed(choice) for choice in arguments if choice is not Ellipsis)
    return origin is Literal or kind in (bool, int, float, type(None))
