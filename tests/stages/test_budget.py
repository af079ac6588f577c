"""What a run takes in all: hours, money and the table that a dry run shows, at the paper's scale."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from int_verl.console import SafeConsole
from int_verl.run.run import Run
from int_verl.settings.compose import compose
from int_verl.stages.budget import Budget, budget_of
from int_verl.stages.budget_table import budget_table, show_budget
from int_verl.stages.footprint import GIB
from tests.generate.test_model_size import QWEN3
from tests.quickstart_files import QUICKSTART, ROOT, write_problem_sets

NAMES = ("sample", "propose", "guide", "sft", "ending", "rl", "eval")
RECIPE = ROOT / "recipes/int_qwen3_4b/int_qwen3_4b.yaml"


@pytest.fixture
def overrides(tmp_path: Path) -> list[str]:
    """The recipe for 4B parameters, of which config.json and a tokenizer are there, with a few problems."""
    write_problem_sets(tmp_path, train=20, heldout=10)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps(QWEN3 | {"max_position_embeddings": 262_144, "dtype": "bfloat16"}))
    (model / "tokenizer.json").symlink_to(QUICKSTART / "model/tokenizer.json")
    return [
        *(f"model.path={model}", f"run.dir={tmp_path / 'run'}", "platform=gpu", "estimate.gpu_memory_gib=80"),
        *(f"problems.train={tmp_path / 'train.jsonl'}", f"problems.heldout={tmp_path / 'heldout.jsonl'}"),
    ]


def budget(*overrides: str) -> Budget:
    return budget_of(Run(compose(RECIPE, overrides), SafeConsole()), NAMES)


def hours(found: Budget, *overrides: str) -> dict[str, float | None]:
    settings = Run(compose(RECIPE, overrides), SafeConsole()).settings.estimate
    return {stage.name: stage.gpu_hours(settings) for stage in found.stages}


def test_hours_are_tokens_by_what_a_gpu_does(overrides: list[str]) -> None:
    found = budget(*overrides)
    of = hours(found, *overrides)
    assert of["sample"] == pytest.approx(20 * 4 * 7_000 / 3_000 / 3600)
    rollouts = 400 * 32 * 8 * 7_000
    validated = 2 * (10 + 20) * 4 * 7_000
    assert of["rl"] == pytest.approx(((2 * rollouts + validated) / 3_000 + 1.25 * rollouts / 10_000) / 3600)
    assert of["eval"] == pytest.approx(3 * (10 + 20) * 128 * 7_000 / 3_000 / 3600)
    assert of["ending"] == pytest.approx(2 * 10 * 4 * 7_000 / 3_000 / 3600)
    assert {stage.gpus for stage in found.stages} == {8}
    known = budget(*overrides, "rl.val_samples=128")
    assert hours(known, *overrides)["eval"] == pytest.approx((10 + 20) * 128 * 7_000 / 3_000 / 3600)


def test_what_is_not_said_is_not_guessed(overrides: list[str]) -> None:
    said = [*overrides, "estimate.trained_tokens_per_second=null"]
    of = hours(budget(*said), *said)
    assert (of["sft"], of["rl"]) == (None, None)
    assert of["eval"]


def test_disk_is_what_is_there_at_once(overrides: list[str]) -> None:
    found = budget(*overrides)
    assert found.size is not None
    assert found.disk == pytest.approx(66 * found.size.parameters, rel=0.01)
    without = budget(*overrides, "sft.keep_optimizer=false")
    assert found.disk - without.disk == pytest.approx(16 * found.size.parameters)
    only_sft = budget_of(Run(compose(RECIPE, [*overrides, "sft.keep_optimizer=false"]), SafeConsole()), ["sft"])
    assert only_sft.disk == 32 * found.size.parameters


def test_rows_that_sft_has_are_counted(overrides: list[str], tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def trained(found: Budget) -> float:
        return next(stage.trained for stage in found.stages if stage.name == "sft")

    assert trained(budget(*overrides)) == pytest.approx(20 * 4 * 0.9536 * 4 * 0.9121 * 0.14987 * 4 * 4_000, rel=1e-3)
    (tmp_path / "run/guide").mkdir(parents=True)
    pq.write_table(pa.table({"problem_id": ["a"] * 64}), tmp_path / "run/guide/sft.parquet")
    assert trained(budget(*overrides)) == 64 * 4 * (7_000 / 2 + 500)


def test_the_table_has_a_line_a_stage_and_its_price(overrides: list[str]) -> None:
    run = Run(compose(RECIPE, [*overrides, "estimate.price_per_gpu_hour=2.5"]), SafeConsole())
    table = budget_table(budget_of(run, NAMES), run.settings.estimate)
    headers = [str(column.header) for column in table.columns]
    assert headers == ["", "GPUs", "GPU hours", "hours", "cost", "GPU GiB", "host GiB", "disk GB"]
    assert list(table.columns[0].cells) == [*NAMES, "all"]
    spent = [float(str(cell).replace(",", "")) for cell in table.columns[4].cells]
    assert spent[-1] == pytest.approx(sum(spent[:-1]), abs=3)
    assert "2 checkpoints 128.7" in str(list(table.columns[7].cells)[3])
    console = SafeConsole(record=True, width=160)
    show_budget(console, run, NAMES)
    printed = console.export_text()
    assert "estimated, not measured" in printed
    assert "4.02 billion parameters (by its config.json); GPUs of 80 GiB." in printed
    assert "3,000 tokens/s generated and 10,000 trained on" in printed


def test_a_model_that_is_not_here_has_hours_alone(overrides: list[str]) -> None:
    said = [*overrides, "model.path=nobody/no-such-model-4B"]
    found = budget(*said)
    assert found.size is None
    assert hours(found, *said)["guide"]
    console = SafeConsole(record=True, width=160)
    show_budget(console, Run(compose(RECIPE, said), SafeConsole()), NAMES)
    assert "nobody/no-such-model-4B is not on this machine" in console.export_text()
    assert found.gpu_memory == 80 * GIB


def test_interventions_while_rl_samples_are_counted(overrides: list[str]) -> None:
    def extra(*online: str) -> float:
        """Tokens beyond those of plain RL."""
        runs = ([*overrides, *said] for said in ((), ("rl.online.enabled=true", *online)))
        without, found = (next(stage.generated for stage in budget(*run).stages if stage.name == "rl") for run in runs)
        return (found - without) / 2  # a step waits for its longest: twice the tokens' time

    problems, wrong, proposed = 400 * 32, 0.95358, 0.91204
    each = 7_000 * (1 + proposed / 2)  # a verification, and half an attempt after it
    one_turn = extra("propose.two_turns=false")
    assert one_turn == pytest.approx(problems * 8 * wrong * each, rel=1e-3)
    assert extra("propose.two_turns=true") == pytest.approx(one_turn + problems * wrong * 7_000, rel=1e-3)
    assert extra("propose.two_turns=false", "rl.online.group_share=0.3") == pytest.approx(one_turn * 3 / 8)
    assert extra("propose.two_turns=false", "rl.online.row_share=0.25") == pytest.approx(one_turn / 4)
    assert extra("propose.two_turns=false", "rl.online.from_step=201") == pytest.approx(one_turn / 2)
    success = proposed * 20_170 / 472_320
    waves = extra("propose.two_turns=false", "rl.online.waves=[1,2]")
    assert waves == pytest.approx(one_turn * (1 + 2 * (1 - success)), rel=1e-3)
    assert extra("rl.online.tokens_per_step=1000") == pytest.approx(400 * 1000)
