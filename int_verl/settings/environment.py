"""What the settings take from the environment, `${oc.env:NAME}`: filled in where it is used, written down by name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

_VARIABLE = re.compile(r"\$\{oc\.env:\s*([A-Za-z_]\w*)")


def resolve_all_but_environment(config: DictConfig) -> None:
    """Resolve every interpolation in place; what comes from the environment stays `${oc.env:NAME}`.

    Raises:
        OmegaConfBaseException: an interpolation leads nowhere.
    """
    from omegaconf.resolvers import oc

    OmegaConf.register_new_resolver("oc.env", _by_name, replace=True)
    try:
        OmegaConf.resolve(config)
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)


def _by_name(name: str, *default: str | None) -> str:
    return "${oc.env:" + ",".join([name, *map(_quoted, default)]) + "}"


def _quoted(value: str | None) -> str:
    return "null" if value is None else "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def resolved(value: Any) -> Any:
    """A part of the settings, as plain containers, with the environment's values filled in.

    Raises:
        OmegaConfBaseException: a variable is not set.
    """
    if isinstance(value, Mapping):
        return {key: resolved(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(inner) for inner in value]
    return OmegaConf.create({"value": value})["value"] if isinstance(value, str) and _VARIABLE.search(value) else value


def for_trainer(override: Any) -> Any:
    """An override with the variables that its value names, for the trainer to read: they stand in no command line.

    A value that is a variable alone means what the variable's text means to Hydra: a number too. Lists and mappings,
    and variables that hold a key as well, are filled in, because a trainer cannot resolve them.
    """
    key, equals, value = str(override).partition("=")
    if not equals or _VARIABLE.search(key) or not _VARIABLE.search(value):
        return resolved(override)
    meant = as_hydra_reads(resolved(override)) if re.fullmatch(r"\$\{oc\.env:[^{}]*\}", value) else ""
    if isinstance(meant, list | dict):
        return resolved(override)
    return override if isinstance(meant, str) else f"{key}='${{oc.decode:{value}}}'"


def as_hydra_reads(override: str) -> Any:
    """The value of an override: text, number, truth value, list or mapping; as text where Hydra cannot read it."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        value = OverridesParser.create().parse_override(override).value()
    except HydraException:
        return override.partition("=")[2]
    return value if isinstance(value, int | float | dict | list | None) else str(value)


def value_of(config: DictConfig, key: str) -> Any:
    """A setting with the environment's values; as it is written where a variable is not set."""
    try:
        return OmegaConf.select(config, key)
    except OmegaConfBaseException:
        return plain(config, key)


def plain(config: DictConfig, key: str) -> Any:
    """A setting or a section as it is written, in plain containers; None without one."""
    found = OmegaConf.to_container(config, resolve=False)
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def variables(text: str) -> dict[str, str]:
    """Variables that a setting names, with their values as far as they are set."""
    return {name: os.environ.get(name, "") for name in _VARIABLE.findall(text)}
