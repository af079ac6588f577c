"""A LoRA checkpoint as verl exports it becomes the model that was trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from int_verl.errors import UserError
from int_verl.trainers.checkpoint import merge_adapters

pytestmark = pytest.mark.verl


@pytest.fixture(scope="module")
def export(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`checkpoint/huggingface` in several files, saved the way verl's FSDPCheckpointManager does."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:  # zero until trained
            torch.nn.init.normal_(weight, std=0.1)
    folder = tmp_path_factory.mktemp("checkpoint") / "huggingface"
    shutil.copytree(model_folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    empty = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(model_folder))
    empty.save_pretrained(folder, state_dict=dict(adapted.state_dict()), max_shard_size="500KB")
    (folder.parent / "lora_train_meta.json").write_text('{"r": 4, "lora_alpha": 8, "task_type": "CAUSAL_LM"}')
    torch.save(adapted.merge_and_unload().state_dict(), folder.parent / "expected.pt")
    return folder


def test_the_merged_model_is_the_trained_one(export: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    folder = Path(shutil.copytree(export.parent, tmp_path / "checkpoint")) / "huggingface"
    files = sorted(folder.glob("*.safetensors"))
    assert len(files) > 2
    merge_adapters(folder)
    for file in files[1:]:  # as if killed after the first file
        shutil.copy(export / file.name, file)
    merge_adapters(folder)

    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    assert not any("lora" in name or "base_layer" in name for name in index)
    model, said = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, dtype=torch.float32)
    assert not said["missing_keys"]
    assert not said["unexpected_keys"]
    expected = torch.load(export.parent / "expected.pt")
    assert all(torch.allclose(weight, expected[name], atol=1e-6) for name, weight in model.state_dict().items())
    assert (folder.parent / "lora_adapter" / "adapter_config.json").is_file()

    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    merge_adapters(folder)
    assert before == {file: file.stat().st_mtime_ns for file in folder.iterdir()}


def test_without_rank_and_alpha_it_says_so(export: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(export, tmp_path / "huggingface"))
    with pytest.raises(UserError, match=r"lora_train_meta\.json is missing"):
        merge_adapters(folder)
