"""Composes stock verl commands with whichever verl comes first on the path, and has verl check the result.

    python compose_commands.py < commands.json > configurations.json

In: name -> the command's arguments. Out: `verl` its version, and name -> the resolved configuration. Runs in a process
of its own, because Python can hold one version of verl only.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from typing import Any


def compose(arguments: list[str]) -> Any:
    """What the trainer of a command makes of its arguments, as Hydra composes it."""
    from hydra import compose, initialize_config_module
    from hydra.core.global_hydra import GlobalHydra

    trainer = arguments[arguments.index("-m") + 1 :] if "-m" in arguments else arguments
    if "-m" in trainer:  # torchrun -m verl.trainer.sft_trainer
        trainer = trainer[trainer.index("-m") + 1 :]
    name, rest = trainer[0], trainer[1:]
    primary = {"verl.trainer.main_ppo": "ppo_trainer", "verl.trainer.sft_trainer": "sft_trainer_engine"}[name]
    if "--config-name" in rest:
        at = rest.index("--config-name")
        primary, rest = rest[at + 1], rest[:at] + rest[at + 2 :]
    GlobalHydra.instance().clear()
    with initialize_config_module(version_base=None, config_module="verl.trainer.config"):
        return compose(primary, overrides=[override for override in rest if not override.startswith("hydra.")])


def check(config: Any) -> None:
    """What the trainers themselves check before they start anything."""
    from verl.utils.config import omega_conf_to_dataclass

    if "actor_rollout_ref" in config:
        from verl.trainer.ppo.utils import need_critic, need_reference_policy
        from verl.utils.config import validate_config

        validate_config(config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))
        omega_conf_to_dataclass(config.actor_rollout_ref.rollout)
        omega_conf_to_dataclass(config.actor_rollout_ref.model)
    else:
        for part in ("model", "engine", "optim", "checkpoint"):
            omega_conf_to_dataclass(config[part])


def main() -> None:
    import verl  # noqa: F401 - loads the plugins
    from omegaconf import OmegaConf

    composed: dict[str, Any] = {}
    for name, arguments in json.load(sys.stdin).items():
        print(name, file=sys.stderr)  # the last one is that which fails
        config = compose(arguments)
        check(config)
        composed[name] = OmegaConf.to_container(config, resolve=True)
    answer = {"verl": metadata.version("verl"), "plugin": "int_verl.plugin" in sys.modules, "configs": composed}
    sys.__stdout__.write("\nCOMPOSED" + json.dumps(answer, default=str) + "\n")


if __name__ == "__main__":
    main()
