"""The SFT data set, and that verl's stock trainer trains on exactly what it marks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from int_verl.errors import UserError
from int_verl.sft.launch import SFTLaunch, forget_finished_epoch, plan, result
from int_verl.trainer_process import checkpointed_step, read_metrics, run

pytestmark = pytest.mark.verl

ROW = {"prompt_ids": [1, 2], "prefix_ids": [3], "intervention_ids": [4, 5], "suffix_ids": [6]}


class Vocabulary:
    """A tokenizer as the data set sees it."""

    def __len__(self) -> int:
        return 100


def write(file: Path, rows: list[dict[str, list[int]]]) -> str:
    schema = pa.schema([(name, pa.list_(pa.int32())) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
    return str(file)


def dataset(file: str, max_length: int = 16, max_samples: int = -1, **intervention: Any) -> Any:
    from omegaconf import OmegaConf

    from int_verl.sft.dataset import InterventionSFTDataset

    config = OmegaConf.create({"max_length": max_length, "pad_mode": "no_padding", "intervention": intervention})
    return InterventionSFTDataset(file, Vocabulary(), config, max_samples=max_samples)


@pytest.mark.parametrize(
    ("settings", "tokens", "mask"),
    [
        ({}, [1, 2, 3, 4, 5], [0, 0, 1, 1, 1]),
        ({"loss_on": "intervention"}, [1, 2, 3, 4, 5], [0, 0, 0, 1, 1]),
        ({"train_suffix": True}, [1, 2, 3, 4, 5, 6], [0, 0, 1, 1, 1, 1]),
    ],
)
def test_rows(tmp_path: Path, settings: dict[str, Any], tokens: list[int], mask: list[int]) -> None:
    import torch

    item = dataset(write(tmp_path / "a.parquet", [ROW]), **settings)[0]
    assert item["input_ids"].tolist() == tokens
    assert item["loss_mask"].tolist() == mask
    assert item["position_ids"].tolist() == list(range(len(tokens)))
    assert all(tensor.dtype == torch.long for tensor in item.values())


def test_an_empty_prefix_is_a_first_step_intervention(tmp_path: Path) -> None:
    item = dataset(write(tmp_path / "a.parquet", [{**ROW, "prefix_ids": []}]))[0]
    assert item["loss_mask"].tolist() == [0, 0, 1, 1]


def test_overlong_rows_are_never_cut(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", [ROW, {**ROW, "prefix_ids": [3] * 20}])
    with pytest.raises(UserError, match=r"a\.parquet row 1: 24 tokens .*data.max_length=16"):
        dataset(file)
    kept = dataset(file, overlong="drop")
    assert (len(kept), kept.dropped) == (1, 1)


@pytest.mark.parametrize(
    ("row", "settings", "message"),
    [
        ({**ROW, "intervention_ids": []}, {}, "row 0: prompt_ids and intervention_ids"),
        ({**ROW, "prompt_ids": []}, {}, "row 0: prompt_ids and intervention_ids"),
        ({**ROW, "prefix_ids": [100]}, {}, "row 0: a token id"),
        ({"prompt_ids": [1], "prefix_ids": [2]}, {}, "column intervention_ids"),
        (ROW, {"loss_on": "all"}, "data.intervention.loss_on=all"),
        (ROW, {"overlong": "truncate"}, "data.intervention.overlong=truncate"),
    ],
)
def test_bad_input(tmp_path: Path, row: dict[str, list[int]], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        dataset(write(tmp_path / "a.parquet", [row]), **settings)


def test_a_missing_file() -> None:
    with pytest.raises(UserError, match="no such file"):
        dataset("/no/such.parquet")


def test_max_samples(tmp_path: Path) -> None:
    assert len(dataset(write(tmp_path / "a.parquet", [ROW] * 5), max_samples=3)) == 3


def rows_of_a_model(count: int) -> list[dict[str, list[int]]]:
    return [
        {
            "prompt_ids": [1, *range(10, 20 + index)],
            "prefix_ids": list(range(30, 30 + index % 4)),
            "intervention_ids": [50 + index, 60, 61 + index],
        }
        for index in range(count)
    ]


def mean_loss(model: Path, rows: list[dict[str, list[int]]]) -> float:
    """Mean negative log-likelihood of prefix and intervention, row by row in transformers, without verl."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    losses = []
    for row in rows:
        tokens = torch.tensor([*row["prompt_ids"], *row["prefix_ids"], *row["intervention_ids"]])
        with torch.no_grad():
            log_probs = network(tokens[None]).logits[0].log_softmax(-1)
        losses += [-log_probs[i - 1, tokens[i]].item() for i in range(len(row["prompt_ids"]), len(tokens))]
    return sum(losses) / len(losses)


def test_the_stock_trainer(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    """One run: its first loss is the one computed by hand; resumed at an epoch's end it trains every epoch."""
    model, rows = make_model(True), rows_of_a_model(8)
    train = tmp_path / "train.parquet"
    write(train, rows)
    out = tmp_path / "out"
    cfg = SFTLaunch(model, train, None, out, epochs=1, batch_size=8, learning_rate=1e-2, max_length=64,
                    micro_batch_tokens=64, platform="cpu", warmup_ratio=0.0)  # fmt: skip
    command = plan(cfg)
    assert command.expected_step == 1
    run(command, hang_seconds=300)
    finished = result(cfg, command)
    assert finished is not None
    losses = [row["train/loss"] for row in read_metrics(out)]
    assert losses[0] == pytest.approx(mean_loss(model, rows), rel=1e-5)
    assert mean_loss(finished.model_path, rows) < losses[0]

    # Two epochs more, from a checkpoint that lies at an epoch's end: verl alone would skip the next one.
    longer = SFTLaunch(**{**{name: getattr(cfg, name) for name in cfg.__slots__}, "epochs": 3})
    command = plan(longer)
    forget_finished_epoch(out, 1)
    run(command, hang_seconds=300)
    assert checkpointed_step(out) == 3
    assert [row["step"] for row in read_metrics(out)] == [1, 2, 3]


def test_the_trainer_reports_bad_rows_in_one_line(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    """What `plan` does not look at, the data set does, inside the trainer."""
    from int_verl.trainer_process import TrainerError

    train = tmp_path / "train.parquet"
    write(train, [{**ROW, "prefix_ids": [5_000]}] * 8)
    cfg = SFTLaunch(make_model(True), train, None, tmp_path / "out", epochs=1, batch_size=8, platform="cpu")
    with pytest.raises(TrainerError, match=r"train\.parquet row 0: a token id"):
        run(plan(cfg), hang_seconds=300)


def test_imports_no_vllm() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            "import json, sys, int_verl.sft.dataset; print(json.dumps(list(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "vllm" not in json.loads(done.stdout.splitlines()[-1])
