"""Memory and disk of the stages, by hand for the paper's model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from int_verl.generate.model_size import ModelSize
from int_verl.settings.engine import EngineSettings
from int_verl.settings.training import RLSettings, SFTSettings
from int_verl.stages.footprint import GIB, rl_footprint, servers_footprint, servers_need, sft_footprint
from tests.generate.test_model_size import QWEN3

SFT = SFTSettings(gpus_per_node=8)
RL = RLSettings(gpus_per_node=8)


@pytest.fixture
def size(tmp_path: Path) -> ModelSize:
    (tmp_path / "config.json").write_text(json.dumps(QWEN3))
    found = ModelSize.of(tmp_path)
    assert found is not None
    return found


def test_a_checkpoint_has_sixteen_bytes_a_parameter(size: ModelSize) -> None:
    assert sft_footprint(size, SFT, "gpu").disk == {"2 checkpoints": 32 * size.parameters}
    assert sft_footprint(size, replace(SFT, epochs=1), "gpu").disk == {"1 checkpoint": 16 * size.parameters}
    found = rl_footprint(size, RL, "gpu", 80 * GIB, 2)
    assert found.disk == {"2 checkpoints": 32 * size.parameters, "model": 2 * size.parameters}
    assert next(iter(rl_footprint(size, replace(RL, total_steps=40), "gpu", 80 * GIB, 2).disk)) == "1 checkpoint"
    more = replace(RL, overrides=("trainer.max_actor_ckpt_to_keep=5",))
    assert next(iter(rl_footprint(size, more, "gpu", 80 * GIB, 2).disk)) == "5 checkpoints"
    every = replace(RL, overrides=("trainer.max_actor_ckpt_to_keep=null",), save_freq=100)
    assert next(iter(rl_footprint(size, every, "gpu", 80 * GIB, 2).disk)) == "4 checkpoints"


def test_adams_state_is_there_until_sft_is_done(size: ModelSize) -> None:
    kept, removed = (sft_footprint(size, replace(SFT, keep_optimizer=keep), "gpu") for keep in (True, False))
    assert sum(kept.disk.values()) - sum(removed.disk.values()) == removed.passing == 16 * size.parameters
    assert kept.passing == 0


def test_adapters_need_no_moments_of_the_weights(size: ModelSize) -> None:
    lora = replace(SFT, overrides=("model.lora_rank=32",))
    assert sft_footprint(size, lora, "gpu").disk["2 checkpoints"] == pytest.approx(16 * size.parameters, rel=0.1)
    assert sft_footprint(size, lora, "gpu").gpu < sft_footprint(size, SFT, "gpu").gpu - 12 * size.parameters / 8 * 0.9


def test_the_peak_of_a_gpu(size: ModelSize) -> None:
    """State 16 bytes a parameter over 8 ranks, three times the logits, and what the README's arithmetic has beside."""
    found = sft_footprint(size, SFT, "gpu").gpu
    state, logits = 2 * size.parameters, 3 * 2 * 16_384 * 151_936
    assert state + logits < found < state + logits + 12e9
    one = sft_footprint(size, replace(SFT, gpus_per_node=1), "gpu").gpu
    assert one - found == 14 * size.parameters
    assert one > 80 * GIB, "SFT of 4B does not fit into one GPU"
    host = replace(SFT, gpus_per_node=1, overrides=("engine.offload_policy=true",))
    assert sft_footprint(size, host, "gpu").gpu == one - 16 * size.parameters
    assert sft_footprint(size, host, "gpu").host > 16 * size.parameters
    split = replace(SFT, overrides=("engine.ulysses_sequence_parallel_size=2",))
    assert found - sft_footprint(size, split, "gpu").gpu > logits / 2
    assert sft_footprint(size, replace(SFT, max_length=4_096), "gpu").gpu < found - logits * 0.7


def test_vllm_and_the_trainer_take_turns_on_a_gpu(size: ModelSize) -> None:
    found = rl_footprint(size, RL, "gpu", 80 * GIB, 2)
    assert found.gpu > 0.6 * 80 * GIB
    less = replace(RL, overrides=("actor_rollout_ref.rollout.gpu_memory_utilization=0.3",))
    assert rl_footprint(size, less, "gpu", 80 * GIB, 2).gpu < found.gpu, "then the trainer's part is the larger"
    awake = replace(RL, overrides=("actor_rollout_ref.rollout.free_cache_engine=false",))
    assert rl_footprint(size, awake, "gpu", 80 * GIB, 2).gpu > 80 * GIB
    offload = "actor_rollout_ref.actor.fsdp_config.optimizer_offload=true"
    away = rl_footprint(size, replace(RL, overrides=(offload,)), "gpu", 80 * GIB, 2)
    assert found.gpu - away.gpu == pytest.approx(size.parameters)
    assert away.host - found.host == pytest.approx(8 * size.parameters)


def test_every_rank_loads_a_model_with_tied_embeddings(size: ModelSize) -> None:
    tied, untied = (sft_footprint(replace(size, is_tied=tied), SFT, "gpu").host for tied in (True, False))
    assert tied - untied == 7 * 4 * size.parameters


def test_servers_that_are_not_ours_need_nothing_here(size: ModelSize) -> None:
    ours = servers_footprint(size, EngineSettings(gpus_per_node=8), "gpu", 80 * GIB, 1e9, True)
    assert ours.gpu == pytest.approx(0.85 * 80 * GIB, rel=0.02)
    assert ours.disk == {"journal": 1.5e9, "tables and spool": 3e9}
    theirs = servers_footprint(size, EngineSettings(name="openai"), "gpu", 80 * GIB, 1e9, False)
    assert (theirs.gpu, theirs.disk) == (0, {"journal": 1.5e9})
    assert servers_need(size, 49_152, 1) - servers_need(size, 32_768, 1) == 16_384 * 147_456
    assert servers_need(size, 49_152, 1) > 1.5 * servers_need(size, 49_152, 4)


def test_without_a_gpu_all_of_it_is_the_hosts(size: ModelSize) -> None:
    for found in (
        sft_footprint(size, replace(SFT, gpus_per_node=1), "cpu"),
        rl_footprint(size, replace(RL, gpus_per_node=1), "cpu", 80 * GIB, 2),
    ):
        assert found.gpu == 0
        assert found.host > 16 * size.parameters
    small = replace(size, parameters=600_000, width=128, layers=3, vocabulary=509, between=256)
    settings = replace(RL, gpus_per_node=1, max_prompt_length=128, max_response_length=256)
    assert rl_footprint(small, settings, "cpu", 80 * GIB, 0).host <= 6 * GIB, "the quickstart runs there"
