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
TIMEOUT = 20.0
"Seconds; one of them imports torch in its call."


def launch(folder: Path, model: Path) -> RLLaunch:
    """Two steps without shuffling: the first with a row of each of `GOLDS`, on which it is validated, too, the second
    with as many that raise."""
    rows = [
        {
            "data_source": "test",
            "prompt": [{"role": "user", "content": f"Say {index}."}],
            "ability": "math",
            "reward_model": {"style": "rule", "ground_truth": gold},
            "extra_info": {"index": index, "id": f"row {index}"},
        }
        for index, gold in enumerate([*GOLDS, *["raise"] * len(GOLDS)])
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rl.parquet")
    pq.write_table(pa.Table.from_pylist(rows[: len(GOLDS)]), folder / "validation.parquet")
    settings: dict[str, Any] = {
        "val_files": (folder / "validation.parquet",),
        "val_samples": 2,
        "test_freq": 1,
        "reward_path": str(Path(misbehaving_reward.__file__)),
        "reward_timeout": TIMEOUT,
        "reward_kwargs": {"bonus": 0.0},
        "prompts_per_step": len(GOLDS),
        "rollouts": 2,
        "mini_batch": len(GOLDS),
        "total_steps": 2,
        "learning_rate": 1e-2,
        "max_prompt_length": 64,
        "max_response_length": 16,
        "stall_minutes": 5,
        "overrides": ("trainer.val_before_train=false", "data.shuffle=false"),
    }
    return rl_launch(model, folder / "rl.parquet", folder / "out", **settings)


def test_a_step_goes_on_row_by_row_and_one_without_any_reward_ends_the_run(
    tmp_path: Path, make_model: Callable[[bool], Path]
) -> None:
    cfg = launch(tmp_path, make_model(True))
    named = r"row index=\d+, id=row \d+: raised: it raised KeyError"
    with pytest.raises(TrainerError, match=rf"all {2 * len(GOLDS)} calls .* {named}"):
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
    assert f"that failed so (timeout): no result after {TIMEOUT:g} s; row index=8, id=row 8" in log
