"""One line more or other in a set-up that has verl already: each diff applies, and does that one thing and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from int_verl.settings.compose import flatten
from tests.recipes.conftest import DIFFS, EXTEND, VERSIONS

pytestmark = pytest.mark.verl

RUN = "runs/int_qwen3_4b/guide"
CHANGES: dict[str, dict[str, Any]] = {
    "reward": {"reward.custom_reward_function.path": "pkg://int_verl.reward_fns.math_answer"},
    "rl_data": {"data.train_files": f"{RUN}/rl.parquet"},
    "sft_dataset": {
        "data.custom_cls.path": "pkg://int_verl.sft.dataset",
        "data.custom_cls.name": "InterventionSFTDataset",
    },
    "sft_data": {"data.train_files": f"{RUN}/sft.parquet"},
}


@pytest.mark.parametrize("name", DIFFS)
def test_a_diff_is_one_line(name: str) -> None:
    lines = (EXTEND / f"{name}.diff").read_text().splitlines()[2:]
    assert sum(line.startswith("+") for line in lines) == 1
    assert sum(line.startswith("-") for line in lines) <= 1


@pytest.mark.parametrize("name", DIFFS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_diff_changes_one_thing(composed: dict[str, dict[str, Any]], version: str, name: str) -> None:
    if version not in composed:
        pytest.skip(f"pip cannot get verl {version} here")
    before, after = (flatten(composed[version][f"{name} {when}"]) for when in ("before", "after"))
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    ours = {key for key in changed if key.startswith("data.intervention.")}  # settings of the data set, unknown to verl
    assert {key: changed[key] for key in changed.keys() - ours} == CHANGES[name]
    assert bool(ours) == (name == "sft_dataset")


def test_verl_loads_the_reward(composed: dict[str, dict[str, Any]], verl_versions: dict[str, Path | None]) -> None:
    from omegaconf import OmegaConf
    from verl.trainer.ppo.reward import get_custom_reward_fn

    config = composed[_installed(verl_versions)]["reward after"]
    score = get_custom_reward_fn(OmegaConf.create(config))
    assert score is not None
    call = {"data_source": "openai/gsm8k", "ground_truth": "18", "extra_info": {"index": 0}}
    assert score(solution_str="So she makes \\boxed{18} dollars.", **call)["score"] == 1.0
    assert score(solution_str="So she makes \\boxed{17} dollars.", **call)["score"] == 0.0


def test_verl_makes_the_data_set(
    composed: dict[str, dict[str, Any]], verl_versions: dict[str, Path | None], generated: Path, codec: Any
) -> None:
    """`sft_dataset`: the very tokens, trained from the attempt's first to the intervention's last, and no end token."""
    from omegaconf import OmegaConf
    from verl.trainer.sft_trainer import create_sft_dataset

    data = OmegaConf.create(composed[_installed(verl_versions)]["sft_dataset after"]["data"])
    rows = pq.read_table(generated / "guide/sft.parquet").to_pylist()
    assert rows
    dataset = create_sft_dataset(str(generated / "guide/sft.parquet"), data, codec.tokenizer, None)
    assert len(dataset) == len(rows)
    for row, sample in zip(rows, (dataset[index] for index in range(len(rows))), strict=True):
        trained = sample["input_ids"][sample["loss_mask"] == 1].tolist()
        assert trained == row["prefix_ids"] + row["intervention_ids"]
        assert sample["input_ids"].tolist() == row["prompt_ids"] + trained


def test_verls_own_data_sets_read_the_generated_files(
    composed: dict[str, dict[str, Any]], verl_versions: dict[str, Path | None], generated: Path, codec: Any
) -> None:
    """`rl_data`, `sft_data`: verl's RLHFDataset and MultiTurnSFTDataset; the latter trains the end token as well."""
    from omegaconf import OmegaConf
    from verl.trainer.sft_trainer import create_sft_dataset
    from verl.utils.dataset.rl_dataset import RLHFDataset
    from verl.utils.reward_score import default_compute_score

    configs = composed[_installed(verl_versions)]
    prompts = RLHFDataset(
        data_files=str(generated / "guide/rl.parquet"),
        tokenizer=codec.tokenizer,
        config=OmegaConf.create(configs["rl_data after"]["data"]),
    )
    rows = pq.read_table(generated / "guide/rl.parquet").to_pylist()
    assert [sample["raw_prompt"] for sample in prompts] == [row["prompt"] for row in rows]
    with pytest.raises(NotImplementedError):  # which is why the README asks for the reward beside the data
        default_compute_score(rows[0]["data_source"], "\\boxed{1}", rows[0]["reward_model"]["ground_truth"])

    data = OmegaConf.create(configs["sft_data after"]["data"])
    chats = create_sft_dataset(str(generated / "guide/sft.parquet"), data, codec.tokenizer, None)
    first = pq.read_table(generated / "guide/sft.parquet").to_pylist()[0]
    trained = chats[0]["input_ids"][chats[0]["loss_mask"] == 1].tolist()
    assert codec.decode(codec.without_end(trained)).strip().startswith(first["messages"][1]["content"])
    assert codec.tokenizer.eos_token_id in trained


def _installed(versions: dict[str, Path | None]) -> str:
    return next(version for version, folder in versions.items() if folder is None)
