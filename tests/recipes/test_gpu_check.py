"""`make gpu-check`: what it asks verl for, and that its checks can fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import checks
import pytest

from tests.recipes.conftest import VERSIONS


@pytest.mark.verl
@pytest.mark.parametrize("version", VERSIONS)
def test_verl_composes_what_it_asks_for(version: str, composed: dict[str, dict[str, Any]]) -> None:
    if version not in composed:
        pytest.skip(f"verl {version} cannot be had")
    sft, rl = (composed[version][f"gpu_check {stage}"] for stage in ("sft", "rl"))
    actor = rl["actor_rollout_ref"]
    assert sft["model"]["override_config"]["attn_implementation"] == "sdpa"
    assert actor["model"]["override_config"]["attn_implementation"] == "sdpa"
    assert actor["rollout"]["gpu_memory_utilization"] == 0.3
    assert actor["rollout"]["calculate_log_probs"]
    assert not rl["algorithm"]["rollout_correction"]["bypass_mode"]
    assert rl["trainer"]["device"] == "cuda"


@pytest.mark.verl
@pytest.mark.parametrize("version", VERSIONS)
def test_verl_composes_the_steps_of_the_4b_model(version: str, composed: dict[str, dict[str, Any]]) -> None:
    """On one card: long micro-batches, Adam's moments on the host, no checkpoint of the whole state."""
    if version not in composed:
        pytest.skip(f"verl {version} cannot be had")
    sft, rl = (composed[version][f"gpu_check {part}"] for part in ("sft_steps", "rl_steps"))
    actor = rl["actor_rollout_ref"]["actor"]
    assert sft["data"]["max_token_len_per_gpu"] == actor["ppo_max_token_len_per_gpu"] == 16_384
    assert rl["actor_rollout_ref"]["rollout"]["log_prob_max_token_len_per_gpu"] == 16_384
    assert sft["engine"]["optimizer_offload"]
    assert actor["fsdp_config"]["optimizer_offload"]
    assert sft["checkpoint"]["save_contents"] == ["extra"]
    assert actor["checkpoint"]["save_contents"] == ["hf_model"]
    assert not rl["trainer"]["val_before_train"]


def write_metrics(folder: Path, stage: str, rows: list[dict[str, float]]) -> None:
    (folder / stage).mkdir(exist_ok=True)
    lines = [json.dumps({"step": step, "data": row}) + "\n" for step, row in enumerate(rows, 1)]
    (folder / stage / "metrics.jsonl").write_text("".join(lines))


def failed(folder: Path, model_folder: Path) -> set[str]:
    return {check.name for check in checks.checks(folder, model_folder, "gpu") if not check.ok}


@pytest.mark.verl
def test_checks_fail_where_there_is_reason(tmp_path: Path, model_folder: Path) -> None:
    """A run that stopped, an untrained model, a loss that grew, a rollout engine with stale weights, no GPU."""
    assert len(failed(tmp_path, model_folder)) == 6
    write_metrics(tmp_path, "sft", [{"train/loss": 0.5}, {"train/loss": 0.4}])
    write_metrics(tmp_path, "rl", [{"training/rollout_probs_diff_mean": 1e-3}])
    for stage in ("sft", "rl"):
        (tmp_path / stage / "model.txt").write_text(f"{model_folder}\n")
    names = {"all stages are done", "verl is left as it is", "SFT changed the weights", "RL changed the weights"}
    assert failed(tmp_path, model_folder) == names
    write_metrics(tmp_path, "sft", [{"train/loss": 0.4}, {"train/loss": 0.5}])
    write_metrics(
        tmp_path, "rl", [{"training/rollout_probs_diff_mean": 1e-3}, {"training/rollout_probs_diff_mean": 0.1}]
    )
    assert failed(tmp_path, model_folder) == names | {"SFT's loss fell", "rollout and actor agree"}
