"""verl's second plugin entry point: the platform `cpu`, and the shims that stock verl needs on it.

Registering a platform changes nothing by itself. The shims are applied only where verl will choose it: with
`VERL_PLATFORM=cpu`, or without that variable if torch was built without support for any accelerator. Anywhere else
nothing in torch, verl, vllm or importlib is replaced, and verl's choice is left to verl.
"""

from __future__ import annotations

import os

from verl.plugin.platform import PlatformRegistry

from int_verl.cpu.platform import PlatformCPU

if PlatformRegistry.get("cpu") is None:
    PlatformRegistry.register(platform="cpu")(PlatformCPU)

asked_for = os.environ.get("VERL_PLATFORM", "").strip().lower()
if asked_for == "cpu" or (not asked_for and PlatformCPU().is_platform_available()):
    from int_verl.cpu import shims

    shims.apply()
