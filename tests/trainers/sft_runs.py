"""SFT of a tiny model for tests: rows, a run, and one that is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from int_verl.trainers.launch import train
from int_verl.trainers.verl_folder import checkpointed_step
from tests.trainers.launches import sft_launch

_START = """
import json, sys
from pathlib import Path
from tests.trainers.sft_runs import train_sft
train_sft(*map(Path, sys.argv[1:4]), "trainer.save_freq=1", **json.loads(sys.argv[4]))
"""


def write_sft_rows(file: Path, number: int) -> Path:
    """Rows of different lengths, as `InterventionSFTDataset` reads them."""
    rows = [
        {
            "prompt_ids": [1, *range(10, 20 + index)],
            "prefix_ids": [30 + index],
            "intervention_ids": [50 + index, 60],
        }
        for index in range(number)
    ]
    schema = pa.schema([(name, pa.list_(pa.int32())) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
    return file


def train_sft(model: Path, rows: Path, out: Path, *overrides: str, **settings: Any) -> Path:
    """The folder of the model that verl's stock trainer leaves."""
    of_test = {"epochs": 3, "batch_size": 8, "learning_rate": 1e-3, "max_length": 64, "stall_minutes": 5}
    launch = sft_launch(model, rows, out, overrides=overrides, **of_test | settings)
    return train(launch.command(launch.training_rows()))


def train_and_kill(model: Path, rows: Path, out: Path, after: int, **settings: Any) -> int:
    """The same with a checkpoint a step, in a process that is killed after such a step; the last step that it saved."""
    arguments = [*map(str, (model, rows, out)), json.dumps(settings)]
    parent = subprocess.Popen([sys.executable, "-c", _START, *arguments])
    deadline = time.monotonic() + 300
    while (checkpointed_step(out) or 0) < after and time.monotonic() < deadline:
        assert parent.poll() is None
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    time.sleep(2)  # the supervisor ends the trainer
    return checkpointed_step(out) or 0
