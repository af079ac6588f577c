"""With which attention verl trains, read off its composed configuration, and what that rules out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from int_verl.errors import UserError

VERLS_OWN = "flash_attention_2"
"Where none is named (verl/workers/config/model.py:185)."
_SIZE = "ulysses_sequence_parallel_size"


def is_flash(attention: str) -> bool:
    """As transformers tells it (transformers/utils/generic.py, `is_flash_attention_requested`)."""
    return "flash" in attention


def named_attention(model: Any) -> str:
    """The attention of a section `model` of verl's configuration, as transformers calls it.

    verl loads the model with `attn_implementation` and then sets what else is in `override_config`, or in its
    `model_config` where there is one, on the loaded configuration (verl/workers/config/model.py:185-220).
    """
    override = (model or {}).get("override_config") or {}
    named = override.get("attn_implementation", VERLS_OWN)
    return str((override.get("model_config") or override).get("_attn_implementation", named))


def check_sequence_parallel(config: DictConfig) -> None:
    """Refuses to split sequences over ranks (Ulysses) with an attention that does not know of it.

    verl puts the exchange between the ranks into transformers' flash attention and nowhere else
    (verl/models/transformers/monkey_patch.py:544). With any other attention every rank attends to its own piece alone:
    training goes on, on wrong losses. `tests/trainers/test_sequence_parallel.py` fails when verl has mended this.

    Args:
        config: what verl composed, or any section of it: all of it is looked at, wherever the size stands: SFT's
            engine, actor, reference or critic.

    Raises:
        UserError: naming the key of the size and that of the attention.
    """
    whole = config._get_root()
    assert isinstance(whole, DictConfig)
    for key in _sizes(OmegaConf.to_container(whole), ()):
        size = OmegaConf.select(whole, ".".join(key))
        if not isinstance(size, int) or size <= 1:
            continue
        home = key[:-1]
        while home and OmegaConf.select(whole, ".".join([*home, "model"])) is None:
            home = home[:-1]
        model = ".".join([*home, "model"])
        attention = named_attention(OmegaConf.select(whole, model))
        if not is_flash(attention):
            raise UserError(
                f"{'.'.join(key)}={size}: verl splits sequences over GPUs in flash attention alone, and "
                f"{model}.override_config names {attention}, which would train on wrong losses without an error; "
                f"set it to 1, or install flash-attn and name no other attention"
            )


def _sizes(node: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The key of every size in the configuration."""
    for name, below in node.items() if isinstance(node, Mapping) else ():
        if name == _SIZE:
            yield (*above, name)
        yield from _sizes(below, (*above, str(name)))
