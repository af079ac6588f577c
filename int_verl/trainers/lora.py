"""LoRA: verl's export of a model with adapters, as one that transformers, vLLM and verl load.

verl saves such a model under PEFT's names, base weights and adapters side by side
(verl/utils/checkpoint/fsdp_checkpoint_manager.py, `save_hf_model`), which no loader understands. `merge_adapters` folds
the adapters in, so that the next stage starts from the trained model, and keeps them beside it in PEFT's format.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from int_verl.errors import UserError
from int_verl.files import write_text

if TYPE_CHECKING:
    import torch

META = "lora_train_meta.json"
"verl's record of rank and alpha, in the folder of the checkpoint."
ADAPTERS = "lora_adapter"

_PREFIX = "base_model.model."
_BASE = ".base_layer.weight"
_A, _B = ".lora_A.default.weight", ".lora_B.default.weight"


def merge_adapters(model: Path) -> None:
    """W + alpha / rank * B A for every adapted weight W of an export (arXiv 2106.09685), in place.

    Leaves a model without adapters as it is. The adapters go to `lora_adapter` beside the folder first; killed and
    called again, it goes on. A UserError where the checkpoint does not say its rank and alpha.
    """
    from safetensors import safe_open
    from safetensors.torch import save_file

    names = {}
    for file in sorted(model.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            names[file] = list(tensors.keys())
    if not any(name.startswith(_PREFIX) for found in names.values() for name in found):
        return
    meta = model.parent / META
    if not meta.is_file():
        raise UserError(f"{model}: has LoRA adapters, but {meta} is missing, which holds their rank and alpha")
    settings = json.loads(meta.read_text())
    scale = settings["lora_alpha"] / settings["r"]
    adapters = _adapters(model, names, settings)
    where: dict[str, str] = {}
    for file, found in names.items():
        merged = {}
        with safe_open(file, "pt") as tensors:
            for name in found:
                if name.endswith((_A, _B)):
                    continue
                weight = tensors.get_tensor(name)
                if name.endswith(_BASE):
                    adapted = name.removesuffix(_BASE)
                    delta = adapters[adapted + ".lora_B.weight"].float() @ adapters[adapted + ".lora_A.weight"].float()
                    weight = (weight.float() + scale * delta).to(weight.dtype)
                merged[name.removeprefix(_PREFIX).replace(_BASE, ".weight")] = weight.contiguous()
        where |= dict.fromkeys(merged, file.name)
        _replace(file, partial(save_file, merged, metadata={"format": "pt"}))
    index = model / "model.safetensors.index.json"
    if index.is_file():
        content = json.loads(index.read_text()) | {"weight_map": where}
        write_text(index, json.dumps(content, indent=2) + "\n")


def _adapters(model: Path, names: dict[Path, list[str]], settings: dict[str, int]) -> dict[str, torch.Tensor]:
    """PEFT's name -> adapter; written down before the first weight is changed."""
    from peft import LoraConfig
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    folder = model.parent / ADAPTERS
    saved = folder / "adapter_model.safetensors"
    if saved.is_file():
        return load_file(saved)
    adapters = {}
    for file, found in names.items():
        with safe_open(file, "pt") as tensors:
            for name in found:
                if name.endswith((_A, _B)):
                    adapters[name.replace(".default.weight", ".weight")] = tensors.get_tensor(name)
    targets = sorted({name.split(".lora_")[0].rpartition(".")[2] for name in adapters})
    folder.mkdir(exist_ok=True)
    LoraConfig(
        r=settings["r"], lora_alpha=settings["lora_alpha"], target_modules=targets, task_type="CAUSAL_LM"
    ).save_pretrained(str(folder))
    _replace(saved, partial(save_file, adapters))
    return adapters


def _replace(file: Path, write: Callable[[Path], object]) -> None:
    part = file.with_name(file.name + ".part")
    write(part)
    part.replace(file)
