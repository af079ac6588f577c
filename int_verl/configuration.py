"""From YAML and `key=value` to checked settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from omegaconf import DictConfig, OmegaConf

from int_verl.errors import UserError
from int_verl.generate.engines.base import Ordering

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EngineSettings:
    name: Literal["verl", "openai", "scripted"]
    in_flight: int
    ordering: Ordering
    timeout: float | None
    retries: int
    context_length: int | None
    nnodes: int
    gpus_per_node: int
    tensor_parallel: int
    gpu_memory_utilization: float
    overrides: tuple[str, ...]
    base_urls: tuple[str, ...]
    model: str | None
    api_key_env: str | None
    concurrency: int | None
    give_up_after: float
    script: str | None
    delay: float


@dataclass(frozen=True, slots=True)
class GraderSettings:
    workers: int
    timeout: float
    reward_path: str | None
    reward_name: str
    reward_kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SFTSettings:
    epochs: int
    batch_size: int
    learning_rate: float
    warmup_ratio: float
    min_lr_ratio: float
    max_length: int
    overlong: Literal["error", "drop"]
    loss_on: Literal["prefix_and_intervention", "intervention"]
    suffix: bool
    stall_minutes: float
    nnodes: int
    gpus_per_node: int
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RLSettings:
    problems: Literal["all", "unsolved", "with_intervention"]
    hint_share: float
    hint_fraction: float
    prefix: Literal["none", "intervention"]
    reward_path: str
    reward_name: str
    total_steps: int
    prompts_per_step: int
    rollouts: int
    mini_batch: int
    learning_rate: float
    temperature: float
    max_prompt_length: int
    max_response_length: int
    test_freq: int | None
    save_freq: int
    export: Literal["last", "best"]
    dump_rollouts: bool
    stall_minutes: float
    nnodes: int
    gpus_per_node: int
    tensor_parallel: int
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EvalSettings:
    samples: int
    temperature: float
    top_p: float
    top_k: int
    hard_limit: int


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
                merged = OmegaConf.merge(config, OmegaConf.load(file))
                assert isinstance(merged, DictConfig)
                config = merged
            config = _override(config, overrides)
        OmegaConf.resolve(config)
    except (HydraException, OmegaConfBaseException) as error:
        where = f"--config {file}: " if file and not overrides else ""
        raise UserError(where + " ".join(str(error).split())) from error
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise UserError(f"{missing[0]} is not set; add {missing[0]}=... or name a recipe with --config")
    assert isinstance(config, DictConfig)
    return config


def _shard_suffix(shard: str | None) -> str:
    return f"-shard-{shard.replace('/', '-of-')}" if shard else ""


def _override(config: Any, overrides: Sequence[str]) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if override.is_delete() or override.is_add() or override.is_sweep_override():
            raise UserError(f"{override.input_line}: write key=value; int-verl's keys are neither added nor removed")
        key = override.key_or_group
        known, _, last = key.rpartition(".")
        section = OmegaConf.select(config, known) if known else config
        names = list(section) if isinstance(section, DictConfig) else []
        if last not in names and known not in ("problems.columns", "proposer.engine"):
            raise UserError(f"{key}: no such key; `int-verl settings` lists them")
        OmegaConf.update(config, key, override.value(), merge=True, force_add=True)
    return config


def section(config: DictConfig, name: str, kind: type[T], **more: Any) -> T:
    """A section of the configuration as a checked dataclass.

    Raises:
        UserError: a value of the wrong type; the message names key, value and what is expected.
    """
    from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

    values = OmegaConf.to_container(config[name])
    assert isinstance(values, dict)
    try:
        return TypeAdapter(with_config(ConfigDict(extra="forbid"))(kind)).validate_python(values | more)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([name, *map(str, first["loc"])])
        raise UserError(f"{key}={first.get('input')!r}: {first['msg'].lower()}") from error


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
