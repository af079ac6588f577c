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
from int_verl.trainers.launch import train
from int_verl.trainers.verl_folder import checkpointed_step, read_metrics
from tests.trainers.launches import sft_launch

pytestmark = pytest.mark.verl

ROW = {"prompt_ids": [1, 2], "prefix_ids": [3], "intervention_ids": [4, 5], "suffix_ids": [6]}


class Vocabulary:
    """A tokenizer as the data set sees it."""

    def __len__(self) -> int:
        return 100


def write(file: Path, rows: list[dict[str, Any]]) -> str:
    schema = pa.schema([(name, pa.float64() if name == "weight" else pa.list_(pa.int32())) for name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
    return str(file)


def dataset(file: str | list[str], max_length: int = 16, max_samples: int = -1, **intervention: Any) -> Any:
    from omegaconf import OmegaConf

    from int_verl.sft.dataset import InterventionSFTDataset

    config = OmegaConf.create({"max_length": max_length, "pad_mode": "no_padding", "intervention": intervention})
    return InterventionSFTDataset(file, Vocabulary(), config, max_samples=max_samples)


@pytest.mark.parametrize(
    ("settings", "tokens", "mask"),
    [
        ({}, [1, 2, 3, 4, 5], [0, 0, 1, 1, 1]),
        ({"loss_on": "intervention"}, [1, 2, 3, 4, 5], [0, 0, 0, 1, 1]),
        ({"suffix": True}, [1, 2, 3, 4, 5, 6], [0, 0, 1, 1, 1, 1]),
        ({"suffix": True, "loss_on": "intervention"}, [1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1]),
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


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.list_(pa.bool_()), pa.large_list(pa.int8())])
@pytest.mark.parametrize(("settings", "mask"), [({}, [0, 1, 0, 1, 1]), ({"loss_on": "intervention"}, [0, 0, 0, 1, 1])])
def test_what_an_environment_said_is_not_trained(
    tmp_path: Path, kind: pa.DataType, settings: dict[str, Any], mask: list[int]
) -> None:
    row = {"prompt_ids": [1], "prefix_ids": [2, 3], "intervention_ids": [4, 5], "prefix_mask": [1, 0]}
    columns = {name: pa.array([value], pa.list_(pa.int64())) for name, value in row.items()}
    columns["prefix_mask"] = columns["prefix_mask"].cast(kind)
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    item = dataset(str(tmp_path / "a.parquet"), **settings)[0]
    assert item["input_ids"].tolist() == [1, 2, 3, 4, 5]
    assert item["loss_mask"].tolist() == mask


def test_overlong_rows_are_never_cut(tmp_path: Path) -> None:
    file = write(tmp_path / "a.parquet", [ROW, {**ROW, "prefix_ids": [3] * 20}])
    with pytest.raises(UserError, match=r"a\.parquet row 1: 24 tokens are more than max_length=16 \(1 such rows\)"):
        dataset(file)
    kept = dataset(file, overlong="drop")
    assert (len(kept), kept.rows.dropped) == (1, 1)


@pytest.mark.parametrize(
    ("row", "settings", "message"),
    [
        ({**ROW, "intervention_ids": []}, {}, "row 1: intervention_ids must not be empty"),
        ({**ROW, "prompt_ids": None}, {}, "row 1: prompt_ids must not be empty"),
        ({**ROW, "suffix_ids": []}, {"suffix": True}, "row 1: suffix_ids must not be empty"),
        ({**ROW, "prefix_ids": [3, 100]}, {}, "row 1: a token id of prefix_ids"),
        ({**ROW, "prefix_ids": [-1]}, {}, "row 1: a token id of prefix_ids"),
        ({**ROW, "prefix_ids": [None]}, {}, "nothing in the place of a token id"),
        ({**ROW, "prefix_mask": [1, 1]}, {}, "row 1: prefix_mask must have as many entries as prefix_ids has tokens"),
        ({**ROW, "prefix_mask": [2]}, {}, "row 1: prefix_mask must hold 0 and 1 alone"),
        ({**ROW, "prefix_mask": [None]}, {}, "prefix_mask holds lists with nothing"),
        (ROW, {"loss_on": "all"}, "loss_on=all: choose one of"),
        (ROW, {"overlong": "truncate"}, "overlong=truncate: choose one of"),
        (ROW, {"train_suffix": True}, "data.intervention.train_suffix: no such setting"),
    ],
)
def test_bad_rows(tmp_path: Path, row: dict[str, Any], settings: dict[str, Any], message: str) -> None:
    first = {**ROW, "prefix_mask": [1]} if "prefix_mask" in row else ROW
    with pytest.raises(UserError, match=message):
        dataset(write(tmp_path / "a.parquet", [first, row]), **settings)


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        ({"prompt_ids": [[1]], "prefix_ids": [[2]]}, {}, "column intervention_ids is missing"),
        ({"prompt_ids": [[1]], "messages": [["x"]]}, {}, "column prefix_ids is missing"),
        ({"prompt_ids": ["1"], "prefix_ids": ["2"], "intervention_ids": ["3"]}, {}, "prompt_ids holds string"),
        ({"prompt_ids": [[1.5]], "prefix_ids": [[2]], "intervention_ids": [[3]]}, {}, "prompt_ids holds list"),
        ({"prompt_ids": [[2**40]], "prefix_ids": [[2]], "intervention_ids": [[3]]}, {}, "prompt_ids holds numbers"),
        ({"messages": [["x"]]}, {"loss_on": "intervention"}, "do not say where the intervention begins"),
        ({"messages": [["x"]]}, {"suffix": True}, "do not say where the intervention begins"),
    ],
)
def test_bad_columns(tmp_path: Path, columns: dict[str, Any], settings: dict[str, Any], message: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=rf"a\.parquet: .*{message}"):
        dataset(str(tmp_path / "a.parquet"), **settings)


def test_other_integer_columns_and_several_files(tmp_path: Path) -> None:
    wide = {name: pa.array([[value]], pa.large_list(pa.int64())) for value, name in enumerate(list(ROW)[:3], 7)}
    pq.write_table(pa.table(wide), tmp_path / "b.parquet")
    both = dataset([write(tmp_path / "a.parquet", [ROW, {**ROW, "prefix_ids": None}]), str(tmp_path / "b.parquet")])
    assert [row["input_ids"].tolist() for row in both] == [[1, 2, 3, 4, 5], [1, 2, 4, 5], [7, 8, 9]]
    assert both.rows.origin(2) == (tmp_path / "b.parquet", 0)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf"), None])
def test_weights_are_positive(tmp_path: Path, weight: float | None) -> None:
    with pytest.raises(UserError, match="row 1: weight must be a positive number"):
        dataset(write(tmp_path / "a.parquet", [{**ROW, "weight": 1.0}, {**ROW, "weight": weight}]))


def test_weights_of_some_files_are_one_elsewhere(tmp_path: Path) -> None:
    files = [write(tmp_path / "a.parquet", [{**ROW, "weight": 0.25}]), write(tmp_path / "b.parquet", [ROW])]
    masks = [row["loss_mask"] for row in dataset(files)]
    assert [mask.tolist() for mask in masks] == [[0, 0, 0.25, 0.25, 0.25], [0, 0, 1, 1, 1]]
    assert {str(mask.dtype) for mask in masks} == {"torch.float32"}


@pytest.mark.parametrize("weights", [None, [0.5, 3.0, 1.0]])
def test_verls_own_loss_is_the_weighted_mean(tmp_path: Path, weights: list[float] | None) -> None:
    """Through verl's collator and loss, cut into micro-batches as its engine does."""
    import torch
    from verl.utils import tensordict_utils
    from verl.utils.dataset.dataset_utils import SFTTensorCollator
    from verl.workers.utils.losses import sft_loss

    rows: list[dict[str, Any]] = [{**ROW, "prefix_ids": list(range(3, 4 + index))} for index in range(3)]
    if weights is not None:
        rows = [{**row, "weight": weight} for row, weight in zip(rows, weights, strict=True)]
    items = list(dataset(write(tmp_path / "a.parquet", rows)))
    torch.manual_seed(0)
    # As verl's engine gives them: at i the log-probability of token i + 1.
    log_probs = [torch.randn(len(item["input_ids"])) for item in items]
    collate = SFTTensorCollator("no_padding")
    total = sum(item["loss_mask"].sum() for item in items).item()
    loss = 0.0
    for batch in ([0, 1], [2]):
        data = tensordict_utils.get_tensordict(
            collate([items[i] for i in batch]), non_tensor_dict={"dp_size": 1, "batch_num_tokens": total}
        )
        nested = torch.nested.as_nested_tensor([log_probs[i] for i in batch], layout=torch.jagged)
        loss += sft_loss(config=None, model_output={"log_probs": nested}, data=data)[0].item()
    terms = [
        (weight, -log_prob[i - 1].item())
        for row, log_prob, weight in zip(rows, log_probs, weights or [1.0] * 3, strict=True)
        for i in range(len(row["prompt_ids"]), len(log_prob))
    ]
    expected = sum(weight * nll for weight, nll in terms) / sum(weight for weight, _ in terms)
    assert loss == pytest.approx(expected, rel=1e-5)


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


def mean_loss(model: Path, rows: list[dict[str, Any]]) -> float:
    """Weighted mean negative log-likelihood of prefix and intervention, row by row in transformers, without verl."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    losses, weights = 0.0, 0.0
    for row in rows:
        tokens = torch.tensor([*row["prompt_ids"], *row["prefix_ids"], *row["intervention_ids"]])
        with torch.no_grad():
            log_probs = network(tokens[None]).logits[0].log_softmax(-1)
        for i in range(len(row["prompt_ids"]), len(tokens)):
            losses -= row.get("weight", 1.0) * log_probs[i - 1, tokens[i]].item()
            weights += row.get("weight", 1.0)
    return losses / weights


def test_the_stock_trainer(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    """One run: its first loss is the one computed by hand, on the validation file that of weighted rows; resumed at an
    epoch's end it trains every epoch."""
    model, rows = make_model(True), rows_of_a_model(8)
    file, validation = tmp_path / "train.parquet", tmp_path / "validation.parquet"
    write(file, rows)
    weighted = [{**row, "weight": 0.25 + index} for index, row in enumerate(rows)]
    write(validation, weighted)
    out = tmp_path / "out"

    def train_epochs(epochs: int) -> Path:
        launch = sft_launch(model, file, out, val_file=validation, epochs=epochs, batch_size=8, learning_rate=1e-2,
                            max_length=64, warmup_ratio=0.0, stall_minutes=5)  # fmt: skip
        command = launch.command(launch.training_rows())
        assert command.expected_step == epochs
        return train(command)

    finished = train_epochs(1)
    metrics = read_metrics(out)
    assert metrics[0]["train/loss"] == pytest.approx(mean_loss(model, rows), rel=1e-5)
    assert metrics[0]["val/loss"] == pytest.approx(mean_loss(finished, weighted), rel=1e-4)
    assert mean_loss(finished, rows) < metrics[0]["train/loss"]
    assert mean_loss(finished, weighted) != pytest.approx(mean_loss(finished, rows), rel=1e-3)

    # Two epochs more, from a checkpoint that lies at an epoch's end: verl alone would skip the next one.
    assert train_epochs(3).parent.name == "global_step_3"
    assert checkpointed_step(out) == 3
    assert [row["step"] for row in read_metrics(out)] == [1, 2, 3]


def test_bad_rows_are_found_before_the_trainer_starts(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    file = tmp_path / "train.parquet"
    write(file, [*[ROW] * 8, {**ROW, "prefix_ids": [5_000]}])
    launch = sft_launch(make_model(True), file, tmp_path / "out", epochs=1, batch_size=8)
    with pytest.raises(UserError, match=r"train\.parquet row 8: a token id"):
        launch.training_rows()
    assert not (tmp_path / "out").exists()


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
