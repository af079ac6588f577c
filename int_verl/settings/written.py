"""The settings as a run writes them down, in `config.yaml` and in manifests: no secret, nothing of the environment.

Of a setting with values of the user's own, numbers and plain words are written; any other text may be a key, and is
written as a short hash, which tells whether it has changed. What a name says to be secret is not written at all, so
that a changed key is no changed setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from int_verl.errors import UserError
from int_verl.files import text_hash
from int_verl.redaction import NOT_SHOWN, without_credentials
from int_verl.settings.environment import as_hydra_reads, variables
from int_verl.settings.secrets import FREE_FORM, OVERRIDES, is_below, leaves, looks_secret

MAY_HOLD_SECRETS = (*FREE_FORM, "engine.base_urls", "proposer.engine")
"Settings that are not quoted."
_VARIABLE_ALONE = re.compile(r"\$\{oc\.env:\s*[A-Za-z_]\w*\}( \([0-9a-f]{8}\))?")
_PLAIN = re.compile(r"\[?[a-z]+([_-]?[a-z0-9]{1,12})*(,\s?[a-z]+([_-]?[a-z0-9]{1,12})*)*\]?")
"Words such as verl's settings have for values, and lists of them."


def written(key: str, value: Any) -> Any:
    """A setting, by its dotted key, as it may stand in a file of the run; what is written already stays as it is.

    >>> written("rl.overrides", ["algorithm.kl_ctrl.kl_coef=0.1", "+ray_kwargs.env.WANDB_API_KEY=0f1e2d3c"])
    ['algorithm.kl_ctrl.kl_coef=0.1', '+ray_kwargs.env.WANDB_API_KEY=***']
    """
    if isinstance(value, Mapping):
        return {name: written(f"{key}.{name}" if key else str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [written(key, inner) for inner in value]
    if is_below(key, OVERRIDES):
        return _written_override(str(value))
    if is_below(key, FREE_FORM):
        return _written_free(key, value)
    return without_credentials(value) if isinstance(value, str) else value


def _written_free(key: str, value: Any) -> Any:
    secret = looks_secret(key.rpartition("reward_kwargs.")[2])
    if isinstance(value, str):
        if not value or value.startswith(NOT_SHOWN) or _VARIABLE_ALONE.fullmatch(value):
            return value
        return NOT_SHOWN if secret else _hashed(value)
    return _hashed(str(value)) if secret and not isinstance(value, bool | None) else value


def _written_override(override: str) -> str:
    key, equals, text = override.partition("=")
    if not equals or text.startswith(NOT_SHOWN) or _VARIABLE_ALONE.fullmatch(text):
        return override if re.fullmatch(r"[\w.@+~/-]*", key) else _hashed(override)
    value, added = as_hydra_reads(override), key.startswith("+")
    if not isinstance(value, str | dict | list) or (_PLAIN.fullmatch(text) and not added and not looks_secret(key)):
        return override
    return f"{key}={NOT_SHOWN if looks_secret(key) and added else _hashed(text)}"


def _hashed(text: str) -> str:
    return f"{NOT_SHOWN} {text_hash(text)[:8]}"


def written_config(config: DictConfig) -> DictConfig:
    """All settings as `config.yaml` has them."""
    return OmegaConf.create(written("", OmegaConf.to_container(config, resolve=False)))


def recorded(key: str, value: Any) -> Any:
    """A setting as a manifest has it, to be compared later.

    Beside the name of a variable that is no secret stands a hash of its value: another value is another setting.
    """
    if isinstance(value, Mapping):
        return {name: recorded(f"{key}.{name}", inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [recorded(key, inner) for inner in value]
    shown = written(key, value)
    named = variables(value) if isinstance(value, str) else {}
    found = sorted((name, now) for name, now in named.items() if not looks_secret(name))
    return f"{shown} ({text_hash(repr(found))[:8]})" if found else shown


def check_complete(config: DictConfig) -> None:
    """Refuse settings from a run's folder that were not written down in full.

    Raises:
        UserError: naming one that has to be given again.
    """
    for key, value in leaves("", OmegaConf.to_container(config, resolve=False)):
        if isinstance(value, str) and NOT_SHOWN in value and is_below(key, MAY_HOLD_SECRETS):
            raise UserError(f"{key}: {NOT_SHOWN} stands for what was not written down; give this setting again")
