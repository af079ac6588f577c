"""verl's TransferQueue, through which every rollout goes: how many it holds, and the processors that it takes.

Where Ray has fewer processors than verl's actors hold, verl waits for them for ever, and says nothing (verl issues 7398
and 7656).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from int_verl.doctor import has_nvidia
from int_verl.errors import UserError
from int_verl.hydra_overrides import last_value
from int_verl.ray_cpus import CPUS_OF_A_GPU, host_cpus, rl_cpus
from int_verl.settings.training import RLSettings
from int_verl.trainers.rl_ray import RLRay

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


@dataclass(frozen=True, slots=True)
class TransferQueue:
    """That of an RL run with these settings."""

    settings: RLSettings
    platform: Literal["cpu", "gpu"] = "gpu"

    @property
    def val_batch_size(self) -> int:
        """Problems that are validated at a time."""
        return VALIDATED_AT_ONCE // self.settings.val_samples or 1

    @property
    def units(self) -> int:
        """Storage units to ask for: verl's eight, or what the GPUs leave of the processors; two a node of a cluster.

        On a CPU one, as `cpu_grpo` says: each is a process.
        """
        if self.platform == "cpu":
            return 1
        cpus = self._own_cpus
        if cpus is None:
            return UNITS_OF_A_NODE * self.settings.nnodes
        return max(1, min(MOST_UNITS, cpus - rl_cpus(self._gpus, 0)))

    @property
    def cpus(self) -> int:
        """Processors that verl's actors hold."""
        return rl_cpus(self._gpus, self._number(UNITS, self.units))

    @property
    def needs(self) -> str:
        """What verl's actors hold, in words."""
        of_queue = self.cpus - CPUS_OF_A_GPU * self._gpus
        shares = f"{CPUS_OF_A_GPU} for each of {self._gpus} GPUs, {of_queue} for TransferQueue"
        return f"verl's RL holds {self.cpus} of Ray's processors ({shares})"

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
        cpus, needed = self._own_cpus, self.cpus
        if cpus is not None and needed > cpus:
            raise UserError(
                f"rl.gpus_per_node={settings.gpus_per_node}: {self.needs}, and here are {cpus}, so verl would wait for "
                "ever; take fewer GPUs, or have Ray count more than there are: "
                f"'rl.overrides=[ray_kwargs.ray_init.num_cpus={needed}]'"
            )

    @property
    def _gpus(self) -> int:
        return self.settings.nnodes * self.settings.gpus_per_node

    @property
    def _own_cpus(self) -> int | None:
        """Processors of the Ray that verl starts here; None: it joins one, or the GPUs are not on this host."""
        if RLRay(self.settings).joins or self.settings.nnodes > 1 or not has_nvidia():
            return None
        return self._number("ray_kwargs.ray_init.num_cpus", host_cpus())

    def _number(self, key: str, ours: int) -> int:
        """What the overrides give this key of verl's, or `ours`."""
        value = last_value(self.settings.overrides, key)
        return int(value) if value is not None and value.isdigit() else ours
