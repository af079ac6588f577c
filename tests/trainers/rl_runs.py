"""RL of a tiny model for tests: rows, a reward, and the launch."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from int_verl.trainers.rl import RLLaunch
from tests.trainers.launches import rl_launch

REWARD = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    score = float(len(set(solution_str)) % 2)
    return {"score": score, "acc": score, "pred": solution_str[:4], "verdict": "test"}
"""


def launch(folder: Path, model: Path, *overrides: str, **changes: object) -> RLLaunch:
    """Two steps of two mini-batches of 2 problems, into `folder / "out"`, but for what a test changes."""
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
