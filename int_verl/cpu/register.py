"""verl's second plugin entry point: the platform `cpu`, and the shims that stock verl needs on it.

Registering a platform changes nothing by itself. The shims are applied only if verl resolves the platform to
`cpu`: by `VERL_PLATFORM=cpu`, or because torch was built without CUDA, ROCm and NPU support. With any other
platform nothing in torch, verl, vllm or importlib is replaced.
"""

from __future__ import annotations

from verl.plugin.platform import PlatformRegistry, get_platform

from int_verl.cpu.platform import PlatformCPU

if PlatformRegistry.get("cpu") is None:
    PlatformRegistry.register(platform="cpu")(PlatformCPU)

if isinstance(get_platform(), PlatformCPU):
    from int_verl.cpu import shims

    shims.apply()
