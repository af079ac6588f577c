"""Stock GRPO on the CPU: exact weights in the rollout engine, a model that can be used, and resuming."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from int_verl.trainers.launch import train
from int_verl.trainers.rl import RLLaunch
from int_verl.trainers.verl_folder import read_metrics
from tests.trainers.launches import rl_launch

pytestmark = pytest.mark.verl

REWARD = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    score = float(len(set(solution_str)) % 2)
    return {"score": score, "acc": score, "pred": solution_str[:4], "verdict": "test"}
"""


def launch(folder: Path, model: Path, *overrides: str, **changes: object) -> RLLaunch:
    rows = [
        {
            "data_source": "test",
            "prompt": [{"role": "user", "content": f"Say {index}."}],
            "ability": "math",
            "reward_model": {"style": "rule", "ground_truth": str(index)},
            "extra_info": {"index": index},
        }
        for index in range(8)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rl.parquet")
    (folder / "reward.py").write_text(REWARD)
    settings = {
        "reward_path": str(folder / "reward.py"),
        "prompts_per_step": 4,
        "rollouts": 4,
        "mini_batch": 2,
        "learning_rate": 1e-2,
        "total_steps": 2,
        "max_prompt_length": 64,
        "max_response_length": 24,
        "save_freq": 2,
        "stall_minutes": 7,
        "overrides": ("trainer.val_before_train=false", "algorithm.rollout_correction.bypass_mode=false", *overrides),
    }
    return rl_launch(model, folder / "rl.parquet", folder / "out", val_samples=2, **{**settings, **changes})


@pytest.mark.timeout(900)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_rollout_and_actor_agree_after_a_weight_update(
    tmp_path: Path, make_model: Callable[[bool], Path], tied: bool
) -> None:
    """Step 1 samples from the first weights that were sent, step 2 from weights that two optimizer steps changed."""
    untied = ("trainer.test_freq=-1", "actor_rollout_ref.actor.use_kl_loss=true")
    cfg = launch(tmp_path, make_model(tied), *(() if tied else untied))
    finished = train(cfg.command())
    assert list(finished.glob("*.safetensors"))
    metrics = read_metrics(cfg.output_dir)
    assert [row["step"] for row in metrics] == [1, 2]
    assert metrics[0]["actor/grad_norm"] > 0
    for row in metrics:
        assert row["training/rollout_probs_diff_mean"] < 1e-6
        assert row["training/rollout_probs_diff_max"] < 1e-4
        assert row["training/rollout_actor_probs_pearson_corr"] > 0.9999
    if not tied:
        assert metrics[1]["actor/kl_loss"] > 0, "the reference policy is the model before the step"
        return
    assert (tmp_path / "validation" / "2.jsonl").read_text().count("\n") == 8 * 2
    # The same stage with one step more goes on from the checkpoint.
    longer = launch(tmp_path, cfg.model_path, "trainer.test_freq=2", total_steps=3, save_freq=1)
    assert train(longer.command()).parents[1].name == "global_step_3"
    assert [row["step"] for row in read_metrics(cfg.output_dir)] == [1, 2, 3]
    assert len(list((cfg.output_dir / "metrics").iterdir())) == 2


def test_a_finished_stage_is_not_run_again(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    cfg = launch(tmp_path, make_model(True))
    finished = cfg.output_dir / "global_step_2" / "actor" / "huggingface"
    shutil.copytree(make_model(True), finished)
    weights = load_file(finished / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in weights.items()}, finished / "model.safetensors")
    (cfg.output_dir / "latest_checkpointed_iteration.txt").write_text("2")
    assert train(cfg.command()) == finished
    assert not (cfg.output_dir / "trainer.log").exists()
    assert cfg.command().expected_step == 2
