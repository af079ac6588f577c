"""Whatever a checkpoint is, the model that comes of it is the trained one."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from int_verl.errors import UserError
from int_verl.trainers.any_checkpoint import as_model


def test_what_an_engine_reads_is_used_where_it_lies(model_folder: Path, tmp_path: Path) -> None:
    exported = tmp_path / "checkpoints/global_step_3/actor/huggingface"
    shutil.copytree(model_folder, exported)
    (tmp_path / "checkpoints/latest_checkpointed_iteration.txt").write_text("3")
    copy = tmp_path / "copy"
    assert as_model(str(model_folder), copy) == str(model_folder)
    assert as_model("owner/name", copy) == "owner/name"
    for folder in (tmp_path / "checkpoints", exported.parents[1], exported.parent, exported):
        assert Path(as_model(str(folder), copy)) == exported
    assert not copy.exists()


def test_a_record_of_a_checkpoint_that_is_gone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latest_checkpointed_iteration.txt").write_text("7")
    with pytest.raises(UserError, match="names no checkpoint that is there"):
        as_model(str(tmp_path), tmp_path / "copy")


@pytest.fixture(scope="module")
def adapted(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """PEFT's adapter of the tiny model, and the weights that it stands for."""
    torch, peft, transformers = (pytest.importorskip(name) for name in ("torch", "peft", "transformers"))
    torch.manual_seed(0)
    base = transformers.AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    model = peft.get_peft_model(base, config)
    for name, weight in model.named_parameters():
        if "lora_B" in name:  # zero until trained
            torch.nn.init.normal_(weight, std=0.1)
    folder = tmp_path_factory.mktemp("lora") / "adapter"
    model.save_pretrained(folder)
    return folder, model.merge_and_unload().state_dict()


def weights(folder: str) -> dict[str, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    AutoTokenizer.from_pretrained(folder)
    return dict(AutoModelForCausalLM.from_pretrained(folder).state_dict())


@pytest.mark.verl
def test_an_adapter_is_merged_into_its_base_once(adapted: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    import torch

    folder, expected = adapted
    found = as_model(str(folder), tmp_path / "copy")
    made = weights(found)
    assert all(torch.allclose(made[name].float(), weight, atol=1e-5) for name, weight in expected.items())
    before = Path(found, "config.json").stat().st_mtime_ns
    assert as_model(str(folder), tmp_path / "copy") == found
    assert Path(found, "config.json").stat().st_mtime_ns == before
    config = folder / "adapter_model.safetensors"
    config.touch()
    as_model(str(folder), tmp_path / "copy")
    assert Path(found, "config.json").stat().st_mtime_ns > before


@pytest.mark.verl
def test_an_adapter_without_a_base_is_refused(adapted: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(adapted[0], tmp_path / "adapter"))
    config = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": None}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="names no base_model_name_or_path"):
        as_model(str(folder), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def sharded(model_folder: Path, checkpoint: Path) -> Path:
    """A checkpoint as verl's FSDP trainers leave it without `hf_model`, of a world of one."""
    import torch
    from transformers import AutoModelForCausalLM

    shutil.copytree(model_folder, checkpoint / "huggingface", ignore=shutil.ignore_patterns("*.safetensors"))
    state = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32).state_dict()
    torch.save({name: weight + 1 for name, weight in state.items()}, checkpoint / "model_world_size_1_rank_0.pt")
    (checkpoint / "fsdp_config.json").write_text('{"FSDP_version": 1, "world_size": 1}')
    return checkpoint


@pytest.mark.verl
def test_shards_are_merged_by_verl(model_folder: Path, tmp_path: Path) -> None:
    import torch

    checkpoint = sharded(model_folder, tmp_path / "global_step_5" / "actor")
    made, base = weights(as_model(str(checkpoint.parent), tmp_path / "copy")), weights(str(model_folder))
    name = "model.layers.0.mlp.up_proj.weight"
    assert torch.allclose(made[name].float(), base[name].float() + 1, atol=1e-2)  # verl saves bfloat16


@pytest.mark.verl
def test_shards_that_would_run_code_are_refused(model_folder: Path, tmp_path: Path) -> None:
    import torch

    class Runs:
        def __reduce__(self) -> tuple[Any, ...]:
            return (print, ("run",))

    checkpoint = sharded(model_folder, tmp_path / "global_step_5")
    torch.save({"a": Runs()}, checkpoint / "model_world_size_1_rank_0.pt", pickle_module=pickle)
    with pytest.raises(UserError, match="would run"):
        as_model(str(checkpoint), tmp_path / "copy")
