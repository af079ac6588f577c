"""From one trainer to the next: a checkpoint's model, its LoRA adapters merged, and whether it is fit to go on with.

verl saves a model with adapters under PEFT's names, base weights and adapters side by side
(verl/utils/checkpoint/fsdp_checkpoint_manager.py, `save_hf_model`), which no loader understands. `merge_adapters` folds
the adapters in, so that the next stage starts from the trained model, and keeps them beside it in PEFT's format.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from int_verl.errors import UserError, first_line
from int_verl.files import read_json, write_text

if TYPE_CHECKING:
    import torch

PROBE = "Let $x^2 = 4$.\n\nThen  x = ±2, été, 数学.\n\n\n### Step 12: \\frac{1}{2}\t<think>"
"Encoded by both tokenizers: mathematics, white space, other scripts, what looks like a special token."

ARCHITECTURE = frozenset(
    """architectures model_type vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads
    num_key_value_heads head_dim tie_word_embeddings""".split()  # noqa: SIM905
)
"Keys of config.json that training leaves as they are."

_SAMPLED = 4096
"Numbers of a tensor, about, that must be finite."

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
    settings = read_json(meta)
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
        content = read_json(index) | {"weight_map": where}
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


def check_model(model: Path, base: Path) -> None:
    """That a model trained from `base` is whole, of the same kind, and changed.

    Its configuration and tokenizer are those of the base, every tensor of the base is there in the same shape, the
    first numbers of every tensor are finite, and some tensor differs; else a UserError
    names the folder, what is wrong and what may have caused it.
    """
    _check_configuration(model, base)
    _check_tokenizer(model, base)
    _check_weights(model, base)


def _check_configuration(model: Path, base: Path) -> None:
    if not (model / "config.json").is_file():
        raise UserError(f"{model}: no config.json; was the folder removed? Run the stage that trains it again")
    ours, theirs = (read_json(folder / "config.json") for folder in (model, base))
    for key in ours.keys() & theirs.keys() & ARCHITECTURE:  # a save also writes down what was left to defaults
        if ours[key] != theirs[key]:
            raise UserError(f"{model}: {key} is {ours[key]}, but {theirs[key]} in {base}; it is another model")


def _check_tokenizer(model: Path, base: Path) -> None:
    from transformers import AutoTokenizer

    try:
        ours, theirs = (AutoTokenizer.from_pretrained(str(folder)) for folder in (model, base))
    except (OSError, ValueError) as error:
        raise UserError(f"{model}: its tokenizer cannot be loaded ({first_line(error)})") from error
    named = theirs.special_tokens_map  # verl gives a padding token to a tokenizer that has none
    views: dict[str, Callable[[Any], Any]] = {
        "vocabulary size": len,
        "vocabulary": lambda tokenizer: tokenizer.get_vocab(),
        "way of splitting text": lambda tokenizer: tokenizer(PROBE).input_ids,
        "special tokens": lambda tokenizer: {name: tokenizer.special_tokens_map.get(name) for name in named},
        "chat template": lambda tokenizer: tokenizer.chat_template,
    }
    for what, view in views.items():
        if view(ours) != view(theirs):
            raise UserError(f"{model}: its tokenizer differs from that of {base} in the {what}")


def _check_weights(model: Path, base: Path) -> None:
    import torch

    ours = _tensor_files(model)
    theirs = _tensor_files(base) if list(base.glob("*.safetensors")) else {}  # nothing to compare with
    tied = read_json(base / "config.json").get("tie_word_embeddings", False)
    missing = sorted(set(theirs) - set(ours) - ({"lm_head.weight"} if tied else set()))
    if missing:
        raise UserError(f"{model}: tensor {missing[0]} is missing, and {len(missing) - 1} more; the save was cut short")
    changed = not theirs
    for name, file in ours.items():
        with _open_tensors(file) as tensors:
            beginning = tensors.get_slice(name)
            shape = beginning.get_shape()
            rows = max(1, _SAMPLED // max(prod(shape[1:]), 1))
            numbers = beginning[:rows] if shape else tensors.get_tensor(name)
            if not torch.isfinite(numbers.float()).all():
                raise UserError(f"{model}: {name} is not finite; training diverged, lower the learning rate")
            if name not in theirs:
                continue
            with _open_tensors(theirs[name]) as others:
                expected = others.get_slice(name).get_shape()
                if shape != expected:
                    raise UserError(f"{model}: {name} has the shape {shape}, but {expected} in {base}")
                # One difference is enough: after it only shapes are compared.
                changed = changed or not torch.equal(tensors.get_tensor(name).float(), others.get_tensor(name).float())
    if not changed:
        raise UserError(f"{model}: the weights are those of {base}; did the learning rate stay 0?")


@contextmanager
def _open_tensors(file: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as tensors:
            yield tensors
    except SafetensorError as error:
        raise UserError(f"{file}: cannot be read ({error}); the save was cut short, run the stage again") from error


def _tensor_files(folder: Path) -> Mapping[str, Path]:
    """Tensor -> its file; a UserError where there are none, or the index names one that is not there."""
    where: dict[str, Path] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with _open_tensors(file) as tensors:
            where.update(dict.fromkeys(tensors.keys(), file))
    if not where:
        raise UserError(f"{folder}: no weights there (*.safetensors); checkpoint.save_contents must hold hf_model")
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        missing = sorted(set(read_json(index)["weight_map"]) - set(where))
        if missing:
            raise UserError(f"{folder}: {missing[0]} is in the index but in no file; the save was cut short")
    return where
