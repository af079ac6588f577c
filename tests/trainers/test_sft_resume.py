"""SFT killed with SIGKILL in the middle and started again ends with the weights of an undisturbed run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from int_verl.trainers.launch import train
from int_verl.trainers.verl_folder import checkpointed_step, read_metrics
from tests.trainers.launches import sft_launch

START = """
import sys
from pathlib import Path
from tests.trainers.test_sft_resume import train_sft
train_sft(*map(Path, sys.argv[1:4]), "trainer.save_freq=1")
"""


def train_sft(model: Path, rows: Path, out: Path, *overrides: str) -> Path:
    settings = {"epochs": 3, "batch_size": 8, "learning_rate": 1e-3, "max_length": 64, "stall_minutes": 5}
    launch = sft_launch(model, rows, out, overrides=overrides, **settings)
    return train(launch.command(launch.training_rows()))


@pytest.mark.verl
@pytest.mark.timeout(900)
def test_killed_and_started_again(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    import torch
    from safetensors.torch import load_file

    model, file = make_model(True), tmp_path / "train.parquet"
    rows = [
        {
            "prompt_ids": [1, *range(10, 20 + index)],
            "prefix_ids": [30 + index],
            "intervention_ids": [50 + index, 60],
        }
        for index in range(24)
    ]
    schema = pa.schema([(name, pa.list_(pa.int32())) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)

    expected = load_file(train_sft(model, file, tmp_path / "undisturbed") / "model.safetensors")

    out = tmp_path / "killed"
    parent = subprocess.Popen([sys.executable, "-c", START, str(model), str(file), str(out)])
    deadline = time.monotonic() + 300
    while (checkpointed_step(out) or 0) < 4 and time.monotonic() < deadline:
        assert parent.poll() is None
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    time.sleep(2)
    assert 4 <= (checkpointed_step(out) or 0) < 9

    finished = load_file(train_sft(model, file, out, "trainer.save_freq=1") / "model.safetensors")
    assert [row["step"] for row in read_metrics(out)] == list(range(1, 10))
    for name, tensor in expected.items():
        assert torch.allclose(finished[name], tensor, rtol=1e-4, atol=1e-6), name
