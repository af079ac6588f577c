"""SFT killed with SIGKILL in the middle and started again ends with the weights of an undisturbed run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from int_verl.trainers.verl_folder import read_metrics
from tests.trainers.sft_runs import train_and_kill, train_sft, write_sft_rows


@pytest.mark.verl
@pytest.mark.timeout(900)
def test_killed_and_started_again(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    import torch
    from safetensors.torch import load_file

    model, rows = make_model(True), write_sft_rows(tmp_path / "train.parquet", 24)
    expected = load_file(train_sft(model, rows, tmp_path / "undisturbed") / "model.safetensors")

    out = tmp_path / "killed"
    assert 4 <= train_and_kill(model, rows, out, after=4) < 9
    finished = load_file(train_sft(model, rows, out, "trainer.save_freq=1") / "model.safetensors")
    assert [row["step"] for row in read_metrics(out)] == list(range(1, 10))
    for name, tensor in expected.items():
        assert torch.allclose(finished[name], tensor, rtol=1e-4, atol=1e-6), name
