"""The headers of a model's weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from int_verl.errors import UserError
from int_verl.generate.tensors import tensors_of


@pytest.mark.verl
@pytest.mark.parametrize("tied", [True, False])
def test_headers_are_those_of_the_weights(make_model: Callable[[bool], Path], tied: bool) -> None:
    from safetensors.torch import load_file

    folder = make_model(tied)
    found = tensors_of(folder)
    weights = load_file(folder / "model.safetensors")
    assert {name: tensor.shape for name, tensor in found.items()} == {
        name: tuple(weight.shape) for name, weight in weights.items()
    }
    assert sum(tensor.numbers for tensor in found.values()) == sum(weight.numel() for weight in weights.values())
    assert {tensor.kind for tensor in found.values()} == {"F32"}
    assert ("lm_head.weight" in found) is not tied


def test_a_file_that_was_cut_short_is_named(tmp_path: Path) -> None:
    assert not tensors_of(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(UserError, match=r"model\.safetensors: cannot be read"):
        tensors_of(tmp_path)
