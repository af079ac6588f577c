"""The arms: RL from the base and from the model after InT SFT, each without and with interventions while RL samples."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OnlineArm:
    """A run of its own over the same generated data."""

    overrides: tuple[str, ...]
    models: dict[str, str]
    "RL stage -> the name of its model in the table."

    @property
    def stages(self) -> tuple[str, ...]:
        return tuple(self.models)


GENERATOR = "plain"

ARMS = {
    "plain": OnlineArm((), {"rl_baseline": "RL", "rl": "InT SFT + RL"}),
    "online": OnlineArm(("rl.online.enabled=true",), {"rl_baseline": "online InT", "rl": "InT SFT + online InT"}),
    "online_all": OnlineArm(
        ("rl.online.enabled=true", "rl.online.loss_on=all"),
        {"rl_baseline": "online InT, loss on all", "rl": "InT SFT + online InT, loss on all"},
    ),
}
