"""The Ray of an RL run: which one it is, whether it is large enough, and on a CPU what verl is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from int_verl.errors import UserError
from int_verl.hydra_overrides import last_value
from int_verl.ray_cluster import OWN, check_cluster, joins_a_cluster, which_ray
from int_verl.ray_cpus import rl_cpus
from int_verl.ray_nodes import RayNodes
from int_verl.settings.training import RLSettings

_INIT = "ray_kwargs.ray_init"
_ADDRESS = f"{_INIT}.address"
_NOT_WHEN_JOINING = ("num_cpus", "num_gpus", "_system_config")
"What `cpu_grpo` says of a Ray of its own; `ray.init()` refuses it where it joins one."
_LOGICAL_CPUS = 16
"Of a Ray of one's own on a CPU, at least: they bound what Ray schedules, not what runs at once."


@dataclass(frozen=True, slots=True)
class RLRay:
    """That of a run with these settings."""

    settings: RLSettings

    @property
    def is_named(self) -> bool:
        """Whether the overrides say which Ray to use, or on which of the host's addresses it listens."""
        keys = (_ADDRESS, f"{_INIT}._node_ip_address")
        return any(last_value(self.settings.overrides, key) is not None for key in keys)

    @property
    def joins(self) -> bool:
        """Whether it is one that runs already."""
        return joins_a_cluster() if self._address is None else self._address != "local"

    def __str__(self) -> str:
        if self._address is None:
            return which_ray()
        return f"joins that at {self._address} (rl.overrides)" if self.joins else OWN

    def check_host(self) -> None:
        """Refuses one that would be joined and is not fit, or is missing, see `check_cluster`."""
        if not self.is_named:
            check_cluster(self.settings.nnodes, "rl.nnodes")

    def check_size(self, cpus: int, holds: str, platform: Literal["cpu", "gpu"]) -> None:
        """Refuses, with a UserError, one to be joined that has fewer processors or GPUs than verl would wait for.

        Args:
            cpus: processors that verl's RL holds, and `holds` says so in words.
        """
        nodes = RayNodes.ask(self._address or "auto") if self.joins else None
        if nodes is None:
            return
        settings = self.settings
        nodes.check_gpus(settings.nnodes, settings.gpus_per_node, "rl.nnodes, rl.gpus_per_node", platform)
        if cpus > nodes.cpus:
            raise UserError(
                f"rl.gpus_per_node={settings.gpus_per_node}: {holds}, and the Ray to be joined has {nodes.cpus}, so "
                "verl would wait for ever; take fewer GPUs, or start its nodes with `ray start --num-cpus`"
            )

    def arguments_on_a_cpu(self) -> dict[str, object]:
        """verl's key -> value: the logical processors and GPUs of a new Ray, and none of them where one is joined."""
        if self.joins:
            return {f"{_INIT}.{name}": None for name in _NOT_WHEN_JOINING}
        gpus = self.settings.nnodes * self.settings.gpus_per_node
        return {f"{_INIT}.num_gpus": gpus, f"{_INIT}.num_cpus": max(_LOGICAL_CPUS, rl_cpus(gpus))}

    @property
    def _address(self) -> str | None:
        """That in the overrides."""
        value = last_value(self.settings.overrides, _ADDRESS)
        return None if value in (None, "null") else value.strip("'\"")
