"""From YAML and `key=value` to checked settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar

from omegaconf import DictConfig, OmegaConf

from int_verl.errors import UserError
from int_verl.settings.engine import Ordering
from int_verl.settings.ranges import (
    Count,
    GroupSize,
    Name,
    NotNegative,
    PositiveFloat,
    PositiveInt,
    PositiveShare,
    Share,
    TopK,
)

T = TypeVar("T")

_FREE = ("problems.columns", "proposer.engine", "grader.reward_kwargs")
"Sections whose keys are the user's."


@dataclass(frozen=True, slots=True)
class RunSettings:
    name: Name
    dir: Name
    shard: str | None
    seed: Count


@dataclass(frozen=True, slots=True)
class ProblemSettings:
    train: Name
    heldout: Name
    columns: dict[Literal["problem", "answer", "reference_solution", "id", "source"], Name]
    train_limit: PositiveInt | None
    heldout_limit: PositiveInt | None


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    rl: bool


@dataclass(frozen=True, slots=True)
class ProposerSettings:
    path: Name | None
    engine: dict[str, Any]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    name: Literal["verl", "openai", "scripted"]
    in_flight: PositiveInt
    ordering: Ordering
    timeout: PositiveFloat | None
    retries: Count
    context_length: PositiveInt | None
    nnodes: PositiveInt
    gpus_per_node: PositiveInt
    tensor_parallel: PositiveInt
    gpu_memory_utilization: PositiveShare
    overrides: tuple[str, ...]
    base_urls: tuple[str, ...]
    model: str | None
    api_key_env: str | None
    concurrency: PositiveInt | None
    give_up_after: NotNegative
    script: str | None
    delay: NotNegative


@dataclass(frozen=True, slots=True)
class GraderSettings:
    workers: PositiveInt
    timeout: PositiveFloat
    reward_path: str | None
    reward_name: str
    reward_kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SFTSettings:
    epochs: PositiveInt
    batch_size: PositiveInt
    learning_rate: PositiveFloat
    warmup_ratio: Share
    min_lr_ratio: Share
    max_length: PositiveInt
    overlong: Literal["error", "drop"]
    loss_on: Literal["prefix_and_intervention", "intervention"]
    suffix: bool
    stall_minutes: PositiveFloat
    nnodes: PositiveInt
    gpus_per_node: PositiveInt
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RLSettings:
    problems: Literal["all", "unsolved", "with_intervention"]
    hint_share: Share
    hint_fraction: PositiveShare
    prefix: Literal["none", "intervention"]
    reward_path: str
    reward_name: str
    total_steps: PositiveInt
    prompts_per_step: PositiveInt
    rollouts: GroupSize
    mini_batch: PositiveInt
    learning_rate: PositiveFloat
    temperature: PositiveFloat
    max_prompt_length: PositiveInt
    max_response_length: PositiveInt
    test_freq: PositiveInt | None
    save_freq: PositiveInt
    export: Literal["last", "best"]
    dump_rollouts: bool
    stall_minutes: PositiveFloat
    nnodes: PositiveInt
    gpus_per_node: PositiveInt
    tensor_parallel: PositiveInt
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvalSettings:
    samples: PositiveInt
    temperature: NotNegative
    top_p: PositiveShare
    top_k: TopK
    hard_limit: Count


def compose(file: Path | None, overrides: Sequence[str]) -> DictConfig:
    """The resolved configuration of a run.

    Args:
        file: a recipe's YAML; it is laid over `int_run.yaml`. Relative paths in it are relative to the working
            directory, except those written with ``${recipe_dir:}``, which stand for the file's own folder.
        overrides: Hydra's ``key=value``.

    Raises:
        UserError: no such file or key, bad syntax, or a key without a value that has to be given.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    folder = str(file.resolve().parent) if file else ""
    OmegaConf.register_new_resolver("recipe_dir", lambda: folder, replace=True)
    OmegaConf.register_new_resolver("shard_suffix", _shard_suffix, replace=True)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_module("int_verl.config", version_base="1.3"):
            config = hydra_compose("int_run")
            if file is not None:
                if not file.is_file():
                    raise UserError(f"--config {file}: no such file")
                merged = OmegaConf.merge(config, _load(file, config))
                assert isinstance(merged, DictConfig)
                config = merged
            config = _override(config, overrides)
        OmegaConf.resolve(config)
    except (HydraException, OmegaConfBaseException) as error:
        where = f"--config {file}: " if file and not overrides else ""
        raise UserError(where + " ".join(str(error).split())) from error
    assert isinstance(config, DictConfig)
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise UserError(f"{missing[0]} is not set; add {missing[0]}=... or name a recipe with --config")
    return config


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
    except (YAMLError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{file}: not YAML that can be read ({' '.join(str(error).split())})") from error
    if not isinstance(loaded, DictConfig):
        raise UserError(f"{file}: expected settings as `key: value`, found {type(loaded).__name__}")
    return loaded


def _check_keys(config: DictConfig, values: Any, where: str, prefix: str = "") -> None:
    for key, value in values.items():
        if key not in list(config):
            raise UserError(f"{where}{prefix}{_no_such_key(str(key), config)}")
        below = OmegaConf.select(config, key)
        if isinstance(value, Mapping) and isinstance(below, DictConfig) and f"{prefix}{key}" not in _FREE:
            _check_keys(below, value, where, f"{prefix}{key}.")


def _no_such_key(key: str, config: Any) -> str:
    names = [str(name) for name in config] if isinstance(config, DictConfig) else []
    near = get_close_matches(key, names, 1)
    hint = f"is it {near[0]}? " if near else ""
    return f"{key}: no such key; {hint}`int-verl settings` lists them"


def _shard_suffix(shard: object) -> str:
    return "" if shard is None else f"-shard-{str(shard).replace('/', '-of-')}"


def _override(config: Any, overrides: Sequence[str]) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if override.is_delete() or override.is_add() or override.is_sweep_override():
            raise UserError(f"{override.input_line}: write key=value; int-verl's keys are neither added nor removed")
        key = override.key_or_group
        known, _, last = key.rpartition(".")
        section = OmegaConf.select(config, known) if known else config
        names = list(section) if isinstance(section, DictConfig) else []
        if last not in names and known not in _FREE:
            raise UserError(f"{known}{'.' if known else ''}{_no_such_key(last, section)}")
        OmegaConf.update(config, key, override.value(), merge=True, force_add=True)
    return config


def section(config: DictConfig, name: str, kind: type[T], **more: Any) -> T:
    """A section of the configuration as a checked dataclass.

    Raises:
        UserError: a value of the wrong type; the message names key, value and what is expected.
    """
    from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

    if not isinstance(config[name], DictConfig):
        raise UserError(f"{name}={config[name]!r}: a section, not a value; `int-verl settings` lists its keys")
    values = OmegaConf.to_container(config[name])
    assert isinstance(values, dict)
    strictness = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    try:
        return TypeAdapter(with_config(strictness)(kind)).validate_python(values | more)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([name, *map(str, first["loc"])])
        means = "write a list, such as [a,b]" if first["type"] == "tuple_type" else first["msg"].lower()
        raise UserError(f"{key}={first.get('input')!r}: {means}") from error


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
