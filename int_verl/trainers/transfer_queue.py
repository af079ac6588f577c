"""verl's TransferQueue, through which every rollout goes: how many it holds, and the processors that it takes.

Where Ray has fewer processors than verl's actors hold, verl waits for them for ever, and says nothing (verl issues 7398
and 7656).
"""

from __future__ import annotations

from dataclasses import dataclass

from int_verl.doctor import has_nvidia
from int_verl.errors import UserError
from int_verl.hydra_overrides import last_value
from int_verl.ray_cluster import joins_a_cluster
from int_verl.ray_cpus import CPUS_OF_A_GPU, CPUS_OF_THE_CONTROLLER, cluster_cpus, host_cpus, rl_cpus
from int_verl.settings.training import RLSettings

UNITS = "transfer_queue.backend.SimpleStorage.num_data_storage_units"
MOST_UNITS = 8
"verl's default."
UNITS_OF_A_NODE = 2
"What verl recommends (verl/trainer/config/transfer_queue/transfer_queue.yaml)."
CAPACITY = "transfer_queue.backend.SimpleStorage.total_storage_size"
HELD = 100_000
"Rollouts that it holds by verl's default; one more is an error in mid-run (transfer_queue/storage/simple_storage.py)."
VALIDATED_AT_ONCE = 4096
"Validation rollouts at a time: at 16,384 tokens 1.6 GB of the host's memory, estimated."
_OF_A_CLUSTER = ("ray_kwargs.ray_init.address", "ray_kwargs.ray_init._node_ip_address")
"Overrides that say which Ray to use."


@dataclass(frozen=True, slots=True)
class TransferQueue:
    """That of an RL run with these settings."""

    settings: RLSettings

    @property
    def val_batch_size(self) -> int:
        """Problems that are validated at a time."""
        return VALIDATED_AT_ONCE // self.settings.val_samples or 1

    @property
    def joins(self) -> bool:
        """Whether the overrides name a Ray to join."""
        return any(last_value(self.settings.overrides, key) is not None for key in _OF_A_CLUSTER)

    @property
    def units(self) -> int:
        """Storage units to ask for: verl's eight, or what the GPUs leave of the processors; two a node of a cluster."""
        cpus = self._own_cpus
        if cpus is None:
            return UNITS_OF_A_NODE * self.settings.nnodes
        return max(1, min(MOST_UNITS, cpus - rl_cpus(self._gpus, 0)))

    @property
    def needs(self) -> str:
        """What verl's actors hold, in words."""
        units = self._number(UNITS, self.units)
        shares = f"{CPUS_OF_A_GPU} for each of {self._gpus} GPUs, {CPUS_OF_THE_CONTROLLER + units} for TransferQueue"
        return f"verl's RL holds {rl_cpus(self._gpus, units)} of Ray's processors ({shares})"

    def check(self) -> None:
        """Refuses, with a UserError, more rollouts than it holds, and fewer processors than verl would wait for."""
        settings, size = self.settings, "data.val_batch_size"
        if last_value(settings.overrides, size) == "null":
            raise UserError(f"{size}=null in rl.overrides: TransferQueue would hold all of a validation; give a number")
        at_once = {
            "rl.prompts_per_step, rl.rollouts": settings.prompts_per_step * settings.rollouts,
            f"rl.val_samples, {size}": settings.val_samples * self._number(size, self.val_batch_size),
        }
        capacity = self._number(CAPACITY, HELD)
        for decided_by, rollouts in at_once.items():
            if rollouts > capacity:
                raise UserError(
                    f"{decided_by}: {rollouts:,} rollouts at a time, and TransferQueue holds {capacity:,}; lower them, "
                    f"or raise {CAPACITY} in rl.overrides"
                )
        cpus, needed = self._own_cpus, rl_cpus(self._gpus, self._number(UNITS, self.units))
        if cpus is not None and needed > cpus:
            raise UserError(
                f"rl.gpus_per_node={settings.gpus_per_node}: {self.needs}, and here are {cpus}, so verl would wait for "
                "ever; take fewer GPUs, or have Ray count more than there are: "
                f"'rl.overrides=[ray_kwargs.ray_init.num_cpus={needed}]'"
            )

    def check_cluster(self) -> None:
        """Refuses, with a UserError, a Ray to be joined that has fewer processors than verl would wait for."""
        named = last_value(self.settings.overrides, "ray_kwargs.ray_init.address")
        if not (self.joins or joins_a_cluster() or self.settings.nnodes > 1):
            return
        cpus, needed = (
            cluster_cpus((named or "auto").strip("'\"")),
            rl_cpus(self._gpus, self._number(UNITS, self.units)),
        )
        if cpus is not None and needed > cpus:
            raise UserError(
                f"rl.gpus_per_node={self.settings.gpus_per_node}: {self.needs}, and the Ray to be joined has {cpus}, "
                "so verl would wait for ever; take fewer GPUs, or start its nodes with `ray start --num-cpus`"
            )

    @property
    def _gpus(self) -> int:
        return self.settings.nnodes * self.settings.gpus_per_node

    @property
    def _own_cpus(self) -> int | None:
        """Processors of the Ray that verl starts here; None: it joins one, or the GPUs are not on this host."""
        if self.joins or joins_a_cluster() or self.settings.nnodes > 1 or not has_nvidia():
            return None
        return self._number("ray_kwargs.ray_init.num_cpus", host_cpus())

    def _number(self, key: str, ours: int) -> int:
        """What the overrides give this key of verl's, or `ours`."""
        value = last_value(self.settings.overrides, key)
        return int(value) if value is not None and value.isdigit() else ours
