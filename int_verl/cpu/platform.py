"""verl's platform for a machine without an accelerator."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from verl.plugin.platform import PlatformBase

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def _resident_bytes(*_: object, **__: object) -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def _peak_resident_bytes(*_: object, **__: object) -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _total_bytes() -> int:
    return _PAGE_BYTES * os.sysconf("SC_PHYS_PAGES")


def _free_and_total_bytes(*_: object, **__: object) -> tuple[int, int]:
    return _PAGE_BYTES * os.sysconf("SC_AVPHYS_PAGES"), _total_bytes()


def _nothing(*_: object, **__: object) -> None:
    return None


def _device_module() -> ModuleType:
    """`torch.cpu` with the part of `torch.cuda`'s surface that verl calls (verl/utils/device.py:101).

    Memory figures are those of the process (resident set) and of the machine, in bytes.
    """
    module = ModuleType("int_verl.cpu.device_module")
    module.__dict__.update({name: getattr(torch.cpu, name) for name in dir(torch.cpu) if not name.startswith("__")})
    properties = SimpleNamespace(name="cpu", total_memory=_total_bytes(), multi_processor_count=os.cpu_count())
    module.__dict__.update(
        current_device=lambda: 0,
        device_count=lambda: 1,
        is_available=lambda: True,
        set_device=_nothing,
        synchronize=_nothing,
        empty_cache=_nothing,
        ipc_collect=_nothing,
        reset_peak_memory_stats=_nothing,
        memory_allocated=_resident_bytes,
        memory_reserved=_resident_bytes,
        max_memory_allocated=_peak_resident_bytes,
        max_memory_reserved=_peak_resident_bytes,
        mem_get_info=_free_and_total_bytes,
        get_device_properties=lambda *_, **__: properties,
        get_device_name=lambda *_, **__: "cpu",
        get_device_capability=lambda *_, **__: (None, None),
        manual_seed=torch.manual_seed,
        manual_seed_all=torch.manual_seed,
        get_rng_state=lambda *_, **__: torch.get_rng_state(),
        set_rng_state=lambda state, *_, **__: torch.set_rng_state(state),
    )
    return module


_DEVICE_MODULE = _device_module()


class PlatformCPU(PlatformBase):
    """The CPU as verl's device: gloo for collectives, shared memory for weights, logical GPUs for Ray's scheduling."""

    @property
    def device_name(self) -> str:
        return "cpu"

    @property
    def vendor_name(self) -> str:
        return "cpu"

    @property
    def device_module(self) -> ModuleType:
        return _DEVICE_MODULE

    def is_available(self) -> bool:
        return True

    def is_platform_available(self, use_smi_check: bool = False) -> bool:  # noqa: ARG002
        """Only a torch built for no accelerator: a GPU cluster's head node without a GPU must stay `nvidia`."""
        return (
            torch.version.cuda is None and torch.version.hip is None and torch.accelerator.current_accelerator() is None
        )

    def current_device(self) -> torch.device:  # type: ignore[override]
        """A device, not an index: it flows into `.to(get_device_id())`, where an int would mean `cuda:N`."""
        return torch.device("cpu")

    def device_count(self) -> int:
        return 1

    def set_device(self, device_index: int) -> None:
        pass

    def synchronize(self, device_index: int | None = None) -> None:
        pass

    def manual_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        pass

    def empty_cache(self) -> None:
        pass

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:  # noqa: ARG002
        return None, None

    def communication_backend_name(self) -> str:
        return "gloo"

    def visible_devices_envvar(self) -> str:
        return "CUDA_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:  # noqa: ARG002
        yield

    def profiler_start(self) -> None:
        pass

    def profiler_stop(self) -> None:
        pass

    def ray_resource_name(self) -> str:
        """Ray assigns ids only to accelerators it knows, so the CPU profile starts Ray with logical GPUs."""
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        return ["RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES"]

    def is_ipc_supported(self) -> bool:
        """False: weights travel through shared memory (verl's bucketed_weight_transfer.py)."""
        return False

    def cudart(self) -> Any:
        return None

    def rollout_env_vars(self) -> dict[str, str]:
        """Without TORCHDYNAMO_DISABLE vLLM compiles its sampler with g++ (25 s) even under `enforce_eager`."""
        defaults = {
            "TORCHDYNAMO_DISABLE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "OMP_NUM_THREADS": "1",
        }
        return {name: os.environ.get(name, value) for name, value in defaults.items()}
