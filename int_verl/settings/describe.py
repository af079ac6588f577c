"""The settings as `int-verl settings` prints them: YAML with a sentence above each, to be saved as a recipe."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from textwrap import wrap
from typing import Any, get_type_hints

from int_verl.errors import UserError
from int_verl.settings.compose import is_it
from int_verl.settings.fidelity import PRESETS
from int_verl.settings.sampling import Sampling
from int_verl.settings.sections import KINDS, Settings, defaults

_WIDTH = 120


def describe(section: str | None = None) -> str:
    """All settings with their meaning and default, or those of one section.

    Raises:
        UserError: there is no such section.
    """
    tree = defaults()
    if section is None:
        heading = "".join(f"# {line}\n" for line in inspect.cleandoc(Settings.__doc__ or "").splitlines())
        return "\n".join([heading, *(_text(name, tree) for name in tree)])
    if section not in tree:
        raise UserError(f"{section}: no such section; {is_it(section, tree)}`int-verl settings` lists them")
    return _text(section, tree) + (_presets() if section == "fidelity" else "")


def _presets() -> str:
    """What every value of `fidelity` sets, as comments."""
    return "".join(
        f"\n# fidelity={name} sets\n" + "".join(f"#   {key}={_written(value)}\n" for key, value in values.items())
        for name, values in PRESETS.items()
        if values
    )


def _text(section: str, tree: Mapping[str, Any]) -> str:
    return "".join(f"{line}\n" for line in _lines({section: tree[section]}, Settings))


def _lines(tree: Mapping[str, Any], kind: type | None, indent: str = "") -> Iterator[str]:
    """Of a part of the tree and the class that it is made of; None: there is none, or `sampling` explains it."""
    for name, value in tree.items():
        sentence = _sentences(kind).get(name, "") if kind else ""
        for line in wrap(sentence, _WIDTH - len(indent) - 2, break_on_hyphens=False, break_long_words=False):
            yield f"{indent}# {line}"
        if isinstance(value, dict) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, _kind(kind, name), indent + "  ")
        else:
            yield f"{indent}{name}: {_written(value)}"


def _kind(parent: type | None, name: str) -> type | None:
    """The class of a part of the tree; none of a stage's sampling."""
    if parent is Settings:
        kind: type | None = KINDS[name]
        return kind
    found = get_type_hints(parent).get(name) if parent else None
    return found if isinstance(found, type) and is_dataclass(found) and found is not Sampling else None


@cache
def _sentences(kind: type) -> dict[str, str]:
    """The strings under the fields of a class."""
    from pydantic import ConfigDict, TypeAdapter, with_config

    schema = TypeAdapter(with_config(ConfigDict(use_attribute_docstrings=True))(kind)).json_schema()
    return {name: about.get("description", "") for name, about in schema["properties"].items()}


def _written(value: Any) -> str:
    from yaml import safe_dump

    return safe_dump(value, default_flow_style=True, width=math.inf).removesuffix("...\n").rstrip()
