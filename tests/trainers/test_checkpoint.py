"""Is a trained model fit to go on with? Every way not to be, on a real model's folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from int_verl.errors import UserError
from int_verl.trainers.checkpoint import check_model

pytestmark = pytest.mark.verl

WEIGHTS = "model.safetensors"


@pytest.fixture
def base(make_model: Callable[[bool], Path]) -> Path:
    return make_model(True)


@pytest.fixture
def model(base: Path, tmp_path: Path) -> Path:
    """As SFT leaves it: loaded, changed a little, saved."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with torch.no_grad():
        network.model.layers[1].mlp.up_proj.weight[0, 0] += 1e-3
    network.save_pretrained(tmp_path / "model")
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def change_weights(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS)


def change_json(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_one_number_of_difference_is_enough(model: Path, base: Path) -> None:
    check_model(model, base)


def test_training_that_did_nothing_is_noticed(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the weights are those of"):
        check_model(Path(copytree(base, tmp_path / "same")), base)


def test_a_padding_token_that_verl_gives_is_no_difference(model: Path, base: Path, tmp_path: Path) -> None:
    bare = Path(copytree(base, tmp_path / "bare"))
    change_json(bare / "tokenizer_config.json", pad_token=None)
    check_model(model, bare)


def test_an_untied_base_and_its_head(make_model: Callable[[bool], Path], tmp_path: Path) -> None:
    base = make_model(False)
    model = Path(copytree(base, tmp_path / "untied"))
    change_weights(model, lambda weights: weights["lm_head.weight"].add_(1))
    check_model(model, base)
    change_weights(model, lambda weights: weights.pop("lm_head.weight"))
    with pytest.raises(UserError, match=r"tensor lm_head.weight is missing, and 0 more"):
        check_model(model, base)


def _nan(weights: dict[str, Any]) -> None:
    weights["model.layers.0.self_attn.q_proj.weight"][0, 0] = float("nan")


def _shape(weights: dict[str, Any]) -> None:
    weights["model.norm.weight"] = weights["model.norm.weight"][:-1].clone()


def _cut(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-1000])


def _index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"x.weight": "model-2.safetensors"}})
    )


def _vocabulary(folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    names = content["model"]["vocab"]
    names["a"], names["b"] = names["b"], names["a"]
    (folder / "tokenizer.json").write_text(json.dumps(content))


def _splitting(folder: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "NFKC"}
    content["pre_tokenizer"]["add_prefix_space"] = True
    (folder / "tokenizer.json").write_text(json.dumps(content))


SPOILED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "diverged": (lambda folder: change_weights(folder, _nan), r"layers.0.self_attn.q_proj.weight is not finite"),
    "another shape": (lambda folder: change_weights(folder, _shape), r"model.norm.weight has the shape \[63\]"),
    "cut short": (_cut, "cannot be read"),
    "a part missing": (_index, "x.weight is in the index but in no file"),
    "no weights": (lambda folder: (folder / WEIGHTS).unlink(), "no weights there"),
    "no folder": (lambda folder: (folder / "config.json").unlink(), "no config.json"),
    "another architecture": (
        lambda folder: change_json(folder / "config.json", num_hidden_layers=3),
        "num_hidden_layers is 3, but 2",
    ),
    "another vocabulary": (_vocabulary, "differs from that of .* in the vocabulary$"),
    "another splitting": (_splitting, "in the way of splitting text"),
    "another end token": (
        lambda folder: change_json(folder / "tokenizer_config.json", eos_token="<|endoftext|>"),
        "in the special tokens",
    ),
    "another template": (
        lambda folder: (folder / "chat_template.jinja").write_text("{{ messages[0].content }}"),
        "in the chat template",
    ),
    "no tokenizer": (
        lambda folder: [file.unlink() for file in folder.glob("tokenizer*")],
        "its tokenizer",
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_not_fit(name: str, model: Path, base: Path) -> None:
    spoil, message = SPOILED[name]
    spoil(model)
    with pytest.raises(UserError, match=message) as caught:
        check_model(model, base)
    assert "\n" not in str(caught.value)
    assert str(model) in str(caught.value)
