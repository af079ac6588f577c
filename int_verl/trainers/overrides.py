"""Hydra overrides that a stage refuses, because verl ignores them or because the stage must know about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from int_verl.errors import UserError
from int_verl.hydra_overrides import key_and_value

LEGACY_KEYS = {
    "custom_reward_function": "reward.custom_reward_function",
    "reward_model.reward_manager": "reward.reward_manager.name",
    "reward_model.launch_reward_fn_async": "nothing: rewards are always computed while rollouts run",
    "reward_model.num_workers": "reward.num_workers",
    "reward_model": "reward.reward_model",
    "sandbox_fusion": "reward.sandbox_fusion",
}
"Keys of earlier verl versions that 0.9 ignores without a word -> today's key."


def check_overrides(overrides: Sequence[str], our_settings: Mapping[str, str]) -> None:
    """Refuses keys that verl 0.9 ignores, and those that are settings of ours.

    Args:
        our_settings: verl's key -> the setting that must be used instead, such as ``sft.epochs``.

    Raises:
        UserError: naming the key and the right one.
    """
    for override in overrides:
        if "=" not in override and not override.startswith("~"):
            raise UserError(f"{override}: no override; write key=value, as in a verl command line")
        key, _ = key_and_value(override)
        for legacy, today in LEGACY_KEYS.items():
            if key == legacy or key.startswith(f"{legacy}."):
                right = today + key[len(legacy) :] if today.startswith("reward.") else today
                raise UserError(f"{key}: verl 0.9 ignores this key; use {right}")
        if key in our_settings:
            raise UserError(f"{override}: set {our_settings[key]} instead, so that the stage knows when it is done")
