"""From YAML and `key=value` to checked settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from omegaconf import DictConfig, OmegaConf

from int_verl.errors import UserError
from int_verl.redaction import NOT_SHOWN, redact
from int_verl.settings.environment import for_trainer, resolve_all_but_environment, resolved
from int_verl.settings.fidelity import lay
from int_verl.settings.secrets import hide_secrets, is_below, leaves
from int_verl.settings.sections import KINDS, Settings, defaults
from int_verl.settings.trust import check_variables
from int_verl.settings.written import MAY_HOLD_SECRETS, check_complete

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

T = TypeVar("T")

_FREE = ("problems.columns", "proposer.engine", "grader.reward_kwargs", "rl.reward_kwargs", "eval.k_by_source")
"Sections whose keys are the user's."


def compose(
    file: Path | None, overrides: Sequence[str], flags: Mapping[str, str] | None = None, unneeded: Sequence[str] = ()
) -> DictConfig:
    """The configuration of a run, resolved but for what it takes from the environment (`settings/environment.py`).

    Args:
        file: a recipe's YAML; it is laid over the defaults. Relative paths in it are relative to the working
            directory, except those written with ``${recipe_dir:}``, which stand for the file's own folder.
        overrides: Hydra's ``key=value``.
        flags: key -> value, of what a command has flags for.
        unneeded: keys that may stay without a value.

    Raises:
        UserError: no such file or key, bad syntax, a key without a value that has to be given, or a variable that is
            not set or has no place in a setting.
    """
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    folder = str(file.resolve().parent) if file else ""
    OmegaConf.register_new_resolver("recipe_dir", lambda: folder, replace=True)
    OmegaConf.register_new_resolver("shard_suffix", _shard_suffix, replace=True)
    config = OmegaConf.create(defaults())
    try:
        if file is not None and not file.is_file():
            raise UserError(f"--config {file}: {_why_no_file(file)}")
        recipe = _load(file, config) if file else OmegaConf.create()
        said = _parsed(overrides)
        fidelity = [override.value() for override in said if override.key_or_group == "fidelity"]
        if "fidelity" in recipe and not fidelity:  # the recipe's other keys go before it
            lay(config, recipe.fidelity)
        config.merge_with(recipe)
        for preset in fidelity[-1:]:
            lay(config, preset)
        _override(config, said)
        for key, value in (flags or {}).items():
            OmegaConf.update(config, key, value)
        resolve_all_but_environment(config)
        check_variables(config)
        hide_secrets(config)
    except (HydraException, OmegaConfBaseException) as error:
        where = f"--config {file}: " if file and not overrides else ""
        raise UserError(where + _unquoted(" ".join(str(error).split()), overrides)) from error
    OmegaConf.set_struct(config, True)
    missing = sorted(OmegaConf.missing_keys(config) - set(unneeded))
    if missing:
        raise UserError(f"{missing[0]} is not set; add {missing[0]}=... or name a recipe with --config")
    check_complete(config)
    _check_unicode(config)
    return config


def _why_no_file(file: Path) -> str:
    if file.is_dir():
        recipes = sorted(path.name for path in file.glob("*.yaml"))
        return f"a folder; name the recipe's YAML in it{', ' + ' or '.join(recipes) if recipes else ''}"
    beside = sorted(path.name for path in file.parent.glob("*.yaml"))
    return f"no such file{'; ' + near if (near := is_it(file.name, beside)) else ''}".rstrip()


def _unquoted(message: str, overrides: Sequence[str]) -> str:
    """Another library's message without what overrides say of settings that may hold secrets."""
    for key, _, value in (override.partition("=") for override in overrides):
        if value and is_below(key.lstrip("+~"), MAY_HOLD_SECRETS):
            message = message.replace(value, NOT_SHOWN)
    return redact(message)


def _check_unicode(config: DictConfig) -> None:
    for key, value in leaves("", OmegaConf.to_container(config)):
        if isinstance(value, str) and not value.isascii() and value.encode(errors="replace").decode() != value:
            raise UserError(f"{key}: its text is not UTF-8; write it as UTF-8")


def _load(file: Path, config: DictConfig) -> DictConfig:
    """A recipe's YAML, whose keys all are ours."""
    loaded = load_yaml(file)
    _check_keys(config, OmegaConf.to_container(loaded, resolve=False), f"--config {file}: ")
    return loaded


def load_yaml(file: Path) -> DictConfig:
    """The settings in a file, as they stand there.

    Raises:
        UserError: it is no YAML of keys and values.
    """
    from yaml import YAMLError

    try:
        loaded = OmegaConf.load(file)
    except (YAMLError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise UserError(f"{file}: not YAML that can be read ({' '.join(str(error).split())})") from error
    if not isinstance(loaded, DictConfig):
        raise UserError(f"{file}: expected settings as `key: value`, found {type(loaded).__name__}")
    return loaded


def _check_keys(config: DictConfig, values: Any, where: str, prefix: str = "") -> None:
    for key, value in values.items():
        if key not in list(config):
            raise UserError(f"{where}{_no_such_key(f'{prefix}{key}')}")
        below = OmegaConf.select(config, key)
        if isinstance(value, Mapping) and isinstance(below, DictConfig) and f"{prefix}{key}" not in _FREE:
            _check_keys(below, value, where, f"{prefix}{key}.")


def _no_such_key(key: str) -> str:
    """What is wrong with a key, and which it may be: its name elsewhere, or a near one of its section or of all."""
    every = list(flatten(defaults()))
    known, _, last = key.rpartition(".")
    elsewhere = [name for name in every if name.rpartition(".")[2] == last]
    of_section = [name for name in every if name.rpartition(".")[0] == known]
    near = (
        f"is it {' or '.join(elsewhere)}? " if 0 < len(elsewhere) < 4 else is_it(key, of_section) or is_it(key, every)
    )
    return f"{key}: no such key; {near}`int-verl settings` lists them"


def is_it(said: str, names: Iterable[str]) -> str:
    """The name that may have been meant, as a question; nothing where none is near."""
    near = get_close_matches(said, names, 1)
    return f"is it {near[0]}? " if near else ""


def _shard_suffix(shard: object) -> str:
    return "" if shard is None else f"-shard-{str(shard).replace('/', '-of-')}"


def _parsed(overrides: Sequence[str]) -> list[Override]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    parsed: list[Override] = []
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise UserError(f"{override}: write key=value, such as sample.attempts=8")
        try:
            parsed.append(parser.parse_override(override))
        except HydraException as error:
            example = '["...", "..."]' if value.startswith("[") else '"..."'
            raise UserError(
                f"{_unquoted(override, [override])}: Hydra cannot read the value; put texts in it in quotes, "
                f"and for the shell all of it: '{key}={example}'"
            ) from error
    return parsed


def _override(config: DictConfig, overrides: Iterable[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override():
            raise UserError(f"{override.input_line}: a setting has one value; a list is written [a,b]")
        if override.is_delete() or override.is_add():
            raise UserError(f"{override.input_line}: write key=value; int-verl's keys are neither added nor removed")
        key = override.key_or_group
        known, _, last = key.rpartition(".")
        section = OmegaConf.select(config, known) if known else config
        names = list(section) if isinstance(section, DictConfig) else []
        if last not in names and known not in _FREE:
            raise UserError(_no_such_key(key))
        OmegaConf.update(config, key, override.value(), merge=True, force_add=True)


def section(config: DictConfig, name: str, kind: type[T]) -> T:
    """A section of the configuration as a checked dataclass.

    Raises:
        UserError: a value of the wrong type; the message names key, value and what is expected.
    """
    from omegaconf.errors import OmegaConfBaseException
    from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

    if not isinstance(config[name], DictConfig):
        raise UserError(f"{name}={config[name]!r}: a section, not a value; `int-verl settings` lists its keys")
    strictness = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    try:
        values = _values(name, config[name])
        return TypeAdapter(with_config(strictness)(kind)).validate_python(values)
    except OmegaConfBaseException as error:
        raise UserError(f"{name}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([name, *map(str, first["loc"])])
        means = "write a list, such as [a,b]" if first["type"] == "tuple_type" else first["msg"].lower()
        if first["type"] == "value_error":
            means = str(first["ctx"]["error"])
        said = "" if is_below(key, MAY_HOLD_SECRETS) else f"={first.get('input')!r}"
        raise UserError(redact(f"{key}{said}: {means}")) from error


def _values(name: str, section: DictConfig) -> dict[str, Any]:
    """A section as plain values; what a trainer is handed on keeps its variables, which the trainer reads itself."""
    values = OmegaConf.to_container(section)
    assert isinstance(values, dict)
    overrides = values.get("overrides")
    found: dict[str, Any] = resolved(values)
    if name in ("sft", "rl") and isinstance(overrides, list):
        found["overrides"] = [for_trainer(override) for override in overrides]
    if name == "rl" and "reward_kwargs" in values:
        found["reward_kwargs"] = values["reward_kwargs"]
    return found


def checked(config: DictConfig) -> Settings:
    """All settings, section by section.

    Raises:
        UserError: see `section`.
    """
    values = {name: config[name] for name, kind in KINDS.items() if not is_dataclass(kind)}
    for name, value in values.items():
        choices = get_args(KINDS[name])
        if not choices and (isinstance(value, bool) or not isinstance(value, KINDS[name]) or value < 1):
            raise UserError(f"{name}={value}: expected a whole number of 1 or more")
        if choices and value not in choices:
            raise UserError(f"{name}={value}: expected {', '.join(choices[:-1])} or {choices[-1]}")
    sections = {name: section(config, name, kind) for name, kind in KINDS.items() if name not in values}
    settings = Settings(**values, **sections)
    if settings.engine.name == "openai":
        settings.engine.check_servers()
    return settings


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
