"""Sequences split over ranks (Ulysses): what verl makes of them without flash attention, and where that is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from int_verl.errors import UserError
from int_verl.trainers.launch import cpu_environment
from tests.trainers.launches import rl_launch, sft_launch
from tests.trainers.split_sequences import TOKENS

pytestmark = pytest.mark.verl

SDPA = "override_config.attn_implementation=sdpa"
ACTOR, REF, CRITIC = "actor_rollout_ref.actor", "actor_rollout_ref.ref", "critic"
SIZE = "ulysses_sequence_parallel_size"


def test_verl_splits_sequences_in_flash_attention_alone(make_model: Callable[[bool], Path], tmp_path: Path) -> None:
    """Fails when verl has mended it: then `int_verl.attention` has nothing to refuse any more."""
    import torch
    from transformers import AutoModelForCausalLM

    model, out = make_model(True), tmp_path / "log_probabilities.json"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = Path(__file__).with_name("split_sequences.py")
    done = subprocess.run(
        [*torchrun, script, model, out, "sdpa", "eager"],
        env={**os.environ, **cpu_environment()},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(model)(torch.tensor([TOKENS])).logits[0, :-1]
    whole = logits.log_softmax(-1).gather(-1, torch.tensor(TOKENS[1:])[:, None])[:, 0]
    half = len(TOKENS) // 2
    for attention, found in json.loads(out.read_text()).items():
        split = torch.tensor(found)
        assert torch.allclose(split[:half], whole[:half], atol=1e-4), "the first rank has its own piece, which begins"
        assert (split[half:] - whole[half:]).abs().max() > 0.1, f"{attention}: verl has mended it"


@pytest.mark.parametrize(
    ("overrides", "platform", "key"),
    [
        ((f"engine.{SIZE}=2", f"+model.{SDPA}"), "gpu", f"engine.{SIZE}=2"),
        ((f"engine.{SIZE}=2",), "cpu", f"engine.{SIZE}=2"),
        ((f"++engine.{SIZE}=4", "+model.override_config={attn_implementation: eager}"), "gpu", f"engine.{SIZE}=4"),
        (("engine={ulysses_sequence_parallel_size: 2}", "+int=cpu_sft"), "gpu", f"engine.{SIZE}=2"),
        ((f"engine.{SIZE}=2", "+model.override_config._attn_implementation=flex_attention"), "gpu", "flex_attention"),
    ],
)
def test_sft_refuses(tmp_path: Path, overrides: tuple[str, ...], platform: str, key: str) -> None:
    launch = sft_launch(tmp_path, tmp_path, tmp_path, overrides=overrides, platform=platform)
    with pytest.raises(UserError, match="wrong losses") as caught:
        launch.check_settings()
    assert key in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "platform", "key"),
    [
        ((f"{ACTOR}.{SIZE}=2", f"+actor_rollout_ref.model.{SDPA}"), "gpu", f"{ACTOR}.{SIZE}=2"),
        ((f"{ACTOR}.fsdp_config.{SIZE}=2",), "cpu", f"{ACTOR}.fsdp_config.{SIZE}=2"),
        ((f"{REF}.{SIZE}=2", f"+actor_rollout_ref.model.{SDPA}"), "gpu", f"{REF}.{SIZE}=2"),
        ((f"{REF}.fsdp_config.{SIZE}=8",), "cpu", f"{REF}.fsdp_config.{SIZE}=8"),
        ((f"{CRITIC}.{SIZE}=2", f"+{CRITIC}.model.{SDPA}"), "gpu", f"{CRITIC}.{SIZE}=2"),
        ((f"{CRITIC}.fsdp.{SIZE}=2", f"+{CRITIC}.model.{SDPA}"), "gpu", f"{CRITIC}.fsdp.{SIZE}=2"),
        ((f"{ACTOR}.{SIZE}=${{trainer.n_gpus_per_node}}", "+int=cpu_grpo", "trainer.n_gpus_per_node=8"), "gpu", "=8"),
    ],
)
def test_rl_refuses(tmp_path: Path, overrides: tuple[str, ...], platform: str, key: str) -> None:
    launch = rl_launch(tmp_path, tmp_path, tmp_path, overrides=overrides, platform=platform)
    with pytest.raises(UserError, match="wrong losses") as caught:
        launch.check_settings()
    assert key in str(caught.value)


@pytest.mark.parametrize(
    "overrides",
    [
        (f"engine.{SIZE}=2",),
        (f"engine.{SIZE}=2", "+model.override_config.attn_implementation=flash_attention_3"),
        (f"engine.{SIZE}=2", "+model.override_config.attn_implementation=kernels-community/flash-attn2"),
        (f"engine.{SIZE}=1", f"+model.{SDPA}"),
        ("engine=megatron", f"+model.{SDPA}"),
        ("+int=config_of_another_plugin", f"engine.{SIZE}=2", f"+model.{SDPA}"),
    ],
)
def test_sft_accepts(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    sft_launch(tmp_path, tmp_path, tmp_path, overrides=overrides, platform="gpu").check_settings()


@pytest.mark.parametrize(
    "overrides",
    [
        (f"{ACTOR}.{SIZE}=2", f"{REF}.{SIZE}=2"),
        (f"{ACTOR}.{SIZE}=2", f"+{CRITIC}.model.{SDPA}"),
        (f"+actor_rollout_ref.model.{SDPA}", f"{CRITIC}.{SIZE}=2"),
        (f"+actor_rollout_ref.model.{SDPA}", f"{ACTOR}.fsdp_config.fsdp_size=2"),
    ],
)
def test_rl_accepts(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    rl_launch(tmp_path, tmp_path, tmp_path, overrides=overrides, platform="gpu").check_settings()


def test_overrides_that_verl_does_not_know_are_refused_before_the_first_stage(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"rl.overrides: .*actor_rollout_ref.actor.ulysses"):
        rl_launch(tmp_path, tmp_path, tmp_path, overrides=("actor_rollout_ref.actor.ulysses=2",)).check_settings()


@pytest.mark.parametrize(
    ("primary", "overrides"),
    [
        ("int_sft", ()),
        ("sft_trainer_engine", ("+int=sft_data",)),
        ("sft_trainer_engine", ("data.custom_cls.path=pkg://int_verl.sft.dataset",)),
    ],
)
def test_the_data_set_refuses_in_commands_of_the_users_own(primary: str, overrides: tuple[str, ...]) -> None:
    from int_verl.sft.dataset import InterventionSFTDataset

    config = compose(primary, *overrides, f"engine.{SIZE}=2", f"+model.{SDPA}")
    with pytest.raises(UserError, match=rf"engine.{SIZE}=2"):
        InterventionSFTDataset("no such file", None, config.data)


def test_the_replay_buffer_refuses_in_commands_of_the_users_own() -> None:
    from int_verl.rl.replay_buffer import MeasuredReplayBuffer

    config = compose("int_grpo", f"{ACTOR}.{SIZE}=2", f"+actor_rollout_ref.model.{SDPA}")
    with pytest.raises(UserError, match=rf"{ACTOR}.{SIZE}=2"):
        MeasuredReplayBuffer(trainer_mode="sync", sampler_kwargs=config.trainer.v1.sampler.sampler_kwargs)


def compose(primary: str, *overrides: str) -> Any:
    from int_verl.trainers.composed import composed

    config = composed(primary, overrides, "overrides")
    assert config is not None
    return config
