"""How many of Ray's logical processors a host has, and how many verl's RL holds."""

from __future__ import annotations

import os
from pathlib import Path

CPUS_OF_A_GPU = 3
"verl's placement group (ResourcePoolManager.max_colocate_count, verl/single_controller/ray/base.py:192)."
CPUS_OF_THE_CONTROLLER = 1
"TransferQueue's (transfer_queue/controller.py:943); each of its storage units holds one more (simple_storage.py:722)."


def rl_cpus(gpus: int, storage_units: int = 1) -> int:
    """Those that verl's RL holds as long as it runs. Its other actors hold none (Ray's default)."""
    return CPUS_OF_A_GPU * gpus + CPUS_OF_THE_CONTROLLER + storage_units


def host_cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Processors as Ray counts them (ray/_private/utils.py:432): of the container, where it has a limit."""
    counts = [os.cpu_count() or 1]
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota, period = " ".join((cgroup / file).read_text() for file in files).split()
        except (OSError, ValueError):
            continue
        if quota.isdigit():  # else `max` or -1: no limit
            counts.append(max(1, int(quota) // int(period)))
    return min(counts)
