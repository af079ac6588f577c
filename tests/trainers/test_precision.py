"""The types of an exported model's weights, whatever verl saved them as."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from int_verl.trainers.export import export_model
from int_verl.trainers.precision import INDEX, Precision

pytestmark = pytest.mark.verl


@pytest.fixture
def trained(make_model: Callable[[bool], Path], tmp_path: Path) -> Path:
    """As verl saves one: float32 weights under a config.json that says bfloat16."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(make_model(True), dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1e-3 * torch.randn_like(parameter)
    config = AutoConfig.from_pretrained(make_model(True))
    shell = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    shell.save_pretrained(tmp_path / "trained", state_dict=model.state_dict(), max_shard_size="100KB")
    assert json.loads((tmp_path / "trained/config.json").read_text())["dtype"] == "bfloat16"
    assert kinds(tmp_path / "trained") == {"F32"}
    return tmp_path / "trained"


def kinds(folder: Path) -> set[str]:
    from int_verl.generate.tensors import tensors_of

    return {tensor.kind for tensor in tensors_of(folder).values()}


def base_of(make_model: Callable[[bool], Path], to: Path, weights: str, **config: Any) -> Path:
    """A base model of another type."""
    import torch
    from transformers import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(make_model(True), dtype=getattr(torch, weights)).save_pretrained(to)
    written = json.loads((to / "config.json").read_text()) | config
    (to / "config.json").write_text(json.dumps({key: value for key, value in written.items() if value is not None}))
    return to


@pytest.mark.parametrize("said", [{}, {"dtype": None}, {"dtype": None, "torch_dtype": "bfloat16"}])
def test_what_was_trained_from_bfloat16_is_bfloat16(
    make_model: Callable[[bool], Path], trained: Path, tmp_path: Path, said: dict[str, Any]
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    base = base_of(make_model, tmp_path / "base", "bfloat16", **said)
    export_model(trained, tmp_path / "model", base, 4)
    assert kinds(tmp_path / "model") == {"BF16"}
    assert kinds(trained) == {"F32"}, "the checkpoint stays what it is"
    sizes = [sum(file.stat().st_size for file in one.glob("*.safetensors")) for one in (trained, tmp_path / "model")]
    assert sizes[1] < 0.6 * sizes[0]
    index = json.loads((tmp_path / "model" / INDEX).read_text())
    assert len(set(index["weight_map"].values())) > 1, "in several files"
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype="auto")
    assert index["metadata"]["total_size"] == 2 * sum(parameter.numel() for parameter in loaded.parameters())
    rounded = AutoModelForCausalLM.from_pretrained(trained, dtype=torch.bfloat16)
    assert loaded.dtype == torch.bfloat16
    for name, weight in rounded.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), "what a loader would have made of it"


def test_what_was_trained_from_float32_says_so(
    make_model: Callable[[bool], Path], trained: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    export_model(trained, tmp_path / "model", make_model(True), 4)
    assert json.loads((tmp_path / "model/config.json").read_text())["dtype"] == "float32"
    for file in trained.glob("*.safetensors"):
        assert file.stat().st_ino == (tmp_path / "model" / file.name).stat().st_ino, "a link, and no copy"
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype="auto")
    assert loaded.dtype == torch.float32


def test_weights_that_the_base_keeps_in_another_type_stay_in_it(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    base, model = tmp_path / "base", tmp_path / "trained"
    weights = {"a": torch.ones(4, 4), "b": torch.ones(4), "router.bias": torch.full((4,), 1.001)}
    for folder in (base, model):
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"dtype": "bfloat16"}))
    save_file(
        {name: weight.bfloat16() if name != "router.bias" else weight for name, weight in weights.items()},
        base / "model.safetensors",
    )
    save_file(weights | {"new": torch.ones(2), "counts": torch.arange(3)}, model / "model.safetensors")
    export_model(model, tmp_path / "model", base, 1)
    found = load_file(tmp_path / "model/model.safetensors")
    assert {name: weight.dtype for name, weight in found.items()} == {
        "a": torch.bfloat16,
        "b": torch.bfloat16,
        "new": torch.bfloat16,
        "router.bias": torch.float32,
        "counts": torch.int64,
    }
    assert torch.equal(found["router.bias"], weights["router.bias"])


def test_a_config_that_says_more_than_its_weights_decides(make_model: Callable[[bool], Path], tmp_path: Path) -> None:
    """Float32 weights under a config that says bfloat16: an earlier run's own checkpoint as the base."""
    base = base_of(make_model, tmp_path / "base", "float32", dtype="bfloat16")
    assert Precision.of(base) == Precision("BF16", {})
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    (nothing / "config.json").write_text("{}")
    assert Precision.of(nothing).kind_of("a", "F32") == "F32", "nothing is known, nothing is changed"
