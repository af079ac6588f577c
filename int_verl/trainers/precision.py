"""The type of number of an exported model's weights.

verl trains float32 weights and saves them as they are, under a config.json that says bfloat16 whatever the base has
(verl/utils/checkpoint/fsdp_checkpoint_manager.py:446): twice the disk and the loading of the base. An export has the
base model's types again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from int_verl.files import link, read_json
from int_verl.generate.tensors import BYTES, tensors_of

_NAMES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}
"torch's name of a type, as config.json has it -> that of safetensors."
INDEX = "model.safetensors.index.json"


@dataclass(frozen=True, slots=True)
class Precision:
    """Which type every weight is to have.

    Example: ``Precision("BF16", {"model.layers.0.mlp.router.bias": "F32"})``
    """

    usual: str | None
    "As safetensors names it; None: whatever a weight has."
    others: Mapping[str, str]
    "Tensor -> another type, which the base model keeps it in."

    @classmethod
    def of(cls, base: Path) -> Precision:
        """What a base model's config.json says, else what most of its weights have; and where some differ from most."""
        kinds = {name: tensor.kind for name, tensor in tensors_of(base).items() if tensor.kind in BYTES}
        most = next((kind for kind, _ in Counter(kinds.values()).most_common(1)), None)
        config = read_json(base / "config.json")
        said = next((config[key] for key in ("dtype", "torch_dtype") if config.get(key)), None)
        return cls(_NAMES.get(str(said), most), {name: kind for name, kind in kinds.items() if kind != most})

    def kind_of(self, name: str, now: str) -> str:
        """The type that a weight of type `now` is to have; what is no number of this kind stays what it is."""
        return self.others.get(name, self.usual or now) if now in BYTES else now

    def copy(self, source: str, target: str) -> str:
        """Put a file of a model at `target`: weights of another type are converted, all else is linked.

        A file's weights are in memory at once.
        """
        file = Path(source)
        if file.suffix == ".safetensors":
            kinds = {name: tensor.kind for name, tensor in tensors_of(file.parent).items() if tensor.file == file}
            wanted = {name: self.kind_of(name, kind) for name, kind in kinds.items()}
            if wanted != kinds:
                _convert(file, Path(target), wanted)
                return target
        return link(source, target)

    def texts(self, model: Path) -> dict[str, str]:
        """config.json, and the index of the weights where there is one, as they are to be for what `copy` makes."""
        found: dict[str, dict[str, Any]] = {}
        if self.usual is not None:
            name = {kind: name for name, kind in _NAMES.items()}[self.usual]
            config = read_json(model / "config.json")
            key = "torch_dtype" if "torch_dtype" in config else "dtype"
            found["config.json"] = config | {key: name}
        if (model / INDEX).is_file():
            size = sum(
                tensor.numbers * BYTES[self.kind_of(name, tensor.kind)]
                for name, tensor in tensors_of(model).items()
                if tensor.kind in BYTES
            )
            index = read_json(model / INDEX)
            found[INDEX] = index | {"metadata": {**index.get("metadata", {}), "total_size": size}}
        return {name: json.dumps(content, indent=2) + "\n" for name, content in found.items()}


def _convert(file: Path, target: Path, wanted: Mapping[str, str]) -> None:
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    types = {kind: getattr(torch, name) for name, kind in _NAMES.items()}
    with safe_open(file, "pt") as tensors:
        converted = {
            name: tensors.get_tensor(name).to(types[kind]) if kind in types else tensors.get_tensor(name)
            for name, kind in wanted.items()
        }
        save_file(converted, target, metadata=tensors.metadata())
