"""Which names say that what they name is secret, and what of the settings is therefore shown to nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from int_verl.redaction import hide, hide_credentials
from int_verl.settings.environment import as_hydra_reads, resolved, variables

FREE_FORM = (
    *("grader.reward_kwargs", "rl.reward_kwargs", "turns.options"),
    *("engine.overrides", "proposer.engine.overrides", "sft.overrides", "rl.overrides"),
)
"Settings with keys of the user's own, whose values are handed on as they are."
OVERRIDES = tuple(key for key in FREE_FORM if key.endswith(".overrides"))
_SECRET = re.compile(
    r"(?<![a-z])(keys?|token|pass|pwd|pw|auth|cookies?|creds?)(?![a-z])"
    r"|secret|passw|passphrase|credential|authori[sz]ation|bearer|(api|access|private)key",
    re.IGNORECASE,
)


def looks_secret(name: str) -> bool:
    """Whether a key or the name of a variable says that its value is for nobody else.

    >>> [looks_secret(name) for name in ("judge_key", "HF_TOKEN", "dbPassword", "max_tokens", "tokenizer", "monkey")]
    [True, True, True, False, False, False]
    """
    return name != "PWD" and _SECRET.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)) is not None


def leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(Dotted key, value) of every value in nested mappings and lists; those of a list have its key."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(f"{key}.{name}" if key else str(name), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(key, inner)
    else:
        yield key, value


def is_below(key: str, others: tuple[str, ...]) -> bool:
    """Whether a dotted key is one of these, or stands below one."""
    return any(key == other or key.startswith(f"{other}.") for other in others)


def hide_secrets(config: DictConfig) -> None:
    """Have hidden what may not be printed: values of the environment, credentials in URLs, and free-form secrets."""
    for key, value in leaves("", OmegaConf.to_container(config, resolve=False)):
        if not isinstance(value, str):
            continue
        for variable, found in variables(value).items():
            hide(found, f"${{oc.env:{variable}}}")
        text = str(resolved(value))
        hide_credentials(text)
        if is_below(key, OVERRIDES):
            _hide_in_override(text)
        elif is_below(key, FREE_FORM) and not variables(value):
            hide(text)


def _hide_in_override(override: str) -> None:
    """Hide what an override gives to a key whose name looks secret."""
    for key, value in leaves(override.partition("=")[0], as_hydra_reads(override)):
        if isinstance(value, str) and looks_secret(key):
            hide(value)
