"""How large a model is, against transformers' own models on the meta device."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from int_verl.generate.model_size import ModelSize

QWEN3 = {
    "model_type": "qwen3",
    "hidden_size": 2560,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "head_dim": 128,
    "num_key_value_heads": 8,
    "intermediate_size": 9728,
    "vocab_size": 151_936,
    "tie_word_embeddings": True,
}
MIXTURE = QWEN3 | {
    "model_type": "qwen3_moe",
    "hidden_size": 2048,
    "num_hidden_layers": 48,
    "num_key_value_heads": 4,
    "num_experts": 128,
    "num_experts_per_tok": 8,
    "moe_intermediate_size": 768,
    "intermediate_size": 6144,
    "tie_word_embeddings": False,
}
LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14_336,
    "vocab_size": 128_256,
    "tie_word_embeddings": False,
}
MIXTRAL = LLAMA | {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2}


def size(folder: Path, config: dict[str, Any]) -> ModelSize:
    (folder / "config.json").write_text(json.dumps(config))
    found = ModelSize.of(folder)
    assert found is not None
    return found


@pytest.mark.verl
@pytest.mark.parametrize("config", [QWEN3, MIXTURE, LLAMA, MIXTRAL], ids=lambda config: config["model_type"])
def test_the_arithmetic_is_that_of_transformers(tmp_path: Path, config: dict[str, Any]) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    found = size(tmp_path, config)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
    assert found.parameters == pytest.approx(sum(weight.numel() for weight in model.parameters()), rel=1e-3)
    outside = {id(part.weight): part.weight.numel() for part in (model.get_input_embeddings(), model.lm_head)}
    assert found.outside == sum(outside.values())
    assert not found.is_counted


def test_the_papers_model(tmp_path: Path) -> None:
    found = size(tmp_path, QWEN3)
    assert found.parameters == pytest.approx(4.02e9, rel=1e-3)
    assert (found.cache_bytes, found.active) == (147_456, found.parameters)


def test_a_token_goes_through_a_few_experts(tmp_path: Path) -> None:
    found = size(tmp_path, MIXTURE)
    assert found.parameters == pytest.approx(30.5e9, rel=0.01)
    assert found.active == pytest.approx(3.3e9, rel=0.03)
    nested = size(tmp_path, {"model_type": "sees", "text_config": MIXTURE})
    assert nested == found


@pytest.mark.verl
@pytest.mark.parametrize("tied", [True, False])
def test_weights_that_are_there_are_counted(make_model: Callable[[bool], Path], tied: bool) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    found = ModelSize.of(make_model(tied))
    model = AutoModelForCausalLM.from_pretrained(make_model(tied), dtype=torch.float32)
    assert found is not None
    assert found.is_counted
    assert found.parameters == sum(weight.numel() for weight in model.parameters())
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    assert found.adapters(4) == adapted.get_nb_trainable_parameters()[0]


def test_compressed_and_linear_attention_cache_less(tmp_path: Path) -> None:
    compressed = size(tmp_path, LLAMA | {"kv_lora_rank": 512, "qk_rope_head_dim": 64})
    assert compressed.cache_bytes == 2 * 32 * 576
    hybrid = size(tmp_path, LLAMA | {"layer_types": ["linear_attention"] * 24 + ["full_attention"] * 8})
    assert hybrid.cache_bytes == size(tmp_path, LLAMA).cache_bytes // 4


def test_another_shape_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "rwkv", "hidden_size": 4096}))
    assert ModelSize.of(tmp_path) is None
