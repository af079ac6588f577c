"""What the *.safetensors of a model's folder hold, read from their headers: no weight is loaded, and no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from int_verl.errors import UserError

BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"Types of numbers that are trained, by their names in safetensors -> bytes of one."


@dataclass(frozen=True, slots=True)
class TensorHeader:
    """One tensor.

    Example: ``TensorHeader("BF16", (151936, 2560), Path("model-00001-of-00003.safetensors"))``
    """

    kind: str
    "Its type of number, as safetensors names it."
    shape: tuple[int, ...]
    file: Path

    @property
    def numbers(self) -> int:
        return prod(self.shape)


def tensors_of(folder: Path) -> Mapping[str, TensorHeader]:
    """Name -> header of every tensor in a folder's *.safetensors; none where there are no such files.

    Raises:
        UserError: a file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    found = {}
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, "numpy") as tensors:
                for name in list(tensors.keys()):
                    header = tensors.get_slice(name)
                    found[name] = TensorHeader(header.get_dtype(), tuple(header.get_shape()), file)
        except SafetensorError as error:
            raise UserError(f"{file}: cannot be read ({error}); was it copied whole?") from error
    return found
