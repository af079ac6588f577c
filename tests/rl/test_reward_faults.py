"""Reward functions that misbehave, under verl's stock trainer with the real engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from int_verl.errors import TrainerError
from int_verl.trainers.launch import train
from int_verl.trainers.rl import RLLaunch
from int_verl.trainers.verl_folder import read_metrics
from tests.grading import misbehaving_reward
from tests.trainers.launches import rl_launch

pytestmark = [pytest.mark.verl, pytest.mark.timeout(900)]

GOLDS = {
    "share": "", "fine": "", "print": "", "fork": "", "tensor": "", "other keys": "", "number": "", "raise": "raised",
    "hang": "timeout", "exit": "died", "allocate": "raised", "nan": "no_score", "string": "no_score",
    "none": "no_score", "several": "raised", "no score": "no_score", "leave": "raised",
}  # fmt: skip
"What each row's call does -> the reason of its fault."


def launch(folder: Path, model: Path, golds: list[str], **changes: Any) -> RLLaunch:
    rows = [
        {
            "data_source": "test",
            "prompt": [{"role": "user", "content": f"Say {index}."}],
            "ability": "math",
            "reward_model": {"style": "rule", "ground_truth": gold},
            "extra_info": {"index": index, "id": f"row {index}"},
        }
        for index, gold in enumerate(golds)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rl.parquet")
    settings = {
        "reward_path": str(Path(misbehaving_reward.__file__)),
        "reward_timeout": 10.0,  # one of them imports torch in its call
        "reward_kwargs": {"bonus": 0.0},
        "prompts_per_step": len(golds),
        "rollouts": 2,
        "mini_batch": len(golds),
        "total_steps": 1,
        "learning_rate": 1e-2,
        "max_prompt_length": 64,
        "max_response_length": 16,
        "save_freq": 1,
        "stall_minutes": 5,
        "overrides": ("trainer.val_before_train=false",),
    }
    return rl_launch(model, folder / "rl.parquet", folder / "out", val_samples=2, **{**settings, **changes})


def test_the_step_goes_on_and_each_row_says_what_happened(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    cfg = launch(tmp_path, make_model(True), list(GOLDS))
    train(cfg.command())
    (metrics,) = read_metrics(cfg.output_dir)
    for reason in set(GOLDS.values()) - {""}:
        assert metrics[f"int/fault/{reason}"] == pytest.approx(list(GOLDS.values()).count(reason) / len(GOLDS))
    assert metrics["int/verdict/correct"] == pytest.approx(list(GOLDS.values()).count("") / len(GOLDS))
    assert metrics["int/verdict/timeout"] == pytest.approx(1 / len(GOLDS))

    validated = [json.loads(line) for line in (tmp_path / "validation" / "1.jsonl").open()]
    assert len(validated) == 2 * len(GOLDS)
    for row in validated:
        assert row["fault"].partition(":")[0] == GOLDS[row["gts"]]
        assert row["acc"] == float(not GOLDS[row["gts"]])
    log = (cfg.output_dir / "trainer.log").read_text()
    assert "that failed so (timeout): no result after 10 s; row index=8, id=row 8" in log


def test_a_step_without_any_reward_ends_the_run_and_names_a_row(
    tmp_path: Path, make_model: Callable[[bool], Path]
) -> None:
    cfg = launch(tmp_path, make_model(True), ["raise"] * 4)
    with pytest.raises(TrainerError, match=r"all 8 calls .* row index=\d, id=row \d: raised: it raised KeyError"):
        train(cfg.command())
