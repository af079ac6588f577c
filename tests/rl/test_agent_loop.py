"""Rollouts that begin with a given prefix, under verl's stock trainer with the real engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from int_verl.errors import UserError
from int_verl.trainers.launch import train
from int_verl.trainers.verl_folder import read_metrics
from tests.trainers.launches import rl_launch

pytestmark = pytest.mark.verl

PREFIXES = ["Step 1: 2 + 2 = 4", "", "I see.\n\nNow ", "x"]
MAX_RESPONSE = 32
# Rewards odd lengths, and writes down what verl asked about.
REWARD = """
import json, os
def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    score = float(len(solution_str) % 2)
    row = {"index": int(extra_info["index"]), "solution": solution_str}
    with open(os.path.join(os.path.dirname(__file__), "rewarded.jsonl"), "a") as file:
        file.write(json.dumps(row) + "\\n")
    return {"score": score, "acc": score, "pred": "", "verdict": "test"}
"""


class ScriptedServer:
    """Stands where verl's client of the rollout servers stands; remembers the request and samples fixed tokens."""

    async def generate(self, *, prompt_ids: list[int], sampling_params: dict[str, Any], **_: Any) -> Any:
        from verl.workers.rollout.replica import TokenOutput

        self.prompt_ids, self.sampling_params = prompt_ids, sampling_params
        return TokenOutput(token_ids=[20, 21, 2], log_probs=[-0.5, -0.25, -0.125])


@pytest.fixture
def roll_out(make_model: Callable[[bool], Path]) -> Callable[[dict[str, Any]], tuple[Any, ScriptedServer]]:
    """`roll_out(extra_info)`: what the registered loop makes of one row."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf
    from transformers import AutoTokenizer
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap
    from verl.utils.dataset.rl_dataset import RLHFDataset

    from tests.config.test_configs import compose

    sizes = ("data.max_prompt_length=64", "data.max_response_length=16")
    config = compose("int_grpo", f"actor_rollout_ref.model.path={make_model(True)}", *sizes)
    registry = OmegaConf.load(config.actor_rollout_ref.rollout.agent.agent_loop_config_path)
    (registered,) = [entry for entry in registry if entry.name == "int_prefix"]

    def roll(extra_info: dict[str, Any]) -> tuple[Any, ScriptedServer]:
        async def one() -> tuple[Any, ScriptedServer]:
            server = ScriptedServer()
            loop = instantiate(
                registered,
                trainer_config=DictConfigWrap(config),
                server_manager=server,
                tokenizer=AutoTokenizer.from_pretrained(make_model(True)),
                processor=None,
                dataset_cls=RLHFDataset,
                data_config=DictConfigWrap(config.data),
            )
            prompt = [{"role": "user", "content": "Say 1."}]
            return await loop.run({"temperature": 1.0}, raw_prompt=prompt, extra_info=extra_info), server

        return asyncio.run(one())

    return roll


def test_exactly_the_sampled_tokens_are_trained(roll_out: Callable[..., tuple[Any, ScriptedServer]]) -> None:
    plain, server = roll_out({"index": 0})
    assert server.prompt_ids == plain.prompt_ids
    assert (plain.response_ids, plain.response_mask) == ([20, 21, 2], [1, 1, 1])
    assert "max_tokens" not in server.sampling_params, "as verl does it"

    begun, server = roll_out({"assistant_prefix_ids": [30, 31], "assistant_prefix": None})
    assert begun.prompt_ids == plain.prompt_ids
    assert server.prompt_ids == [*plain.prompt_ids, 30, 31]
    assert server.sampling_params["max_tokens"] == 16 - 2
    assert begun.response_ids == [30, 31, 20, 21, 2]
    assert begun.response_mask == [0, 0, 1, 1, 1]
    assert begun.response_logprobs == [0.0, 0.0, -0.5, -0.25, -0.125]


def test_a_prefix_may_be_text(roll_out: Callable[..., tuple[Any, ScriptedServer]]) -> None:
    begun, _ = roll_out({"assistant_prefix": "abc"})
    assert begun.response_mask == [0, 0, 0, 1, 1, 1]


def test_a_prefix_that_leaves_no_room(roll_out: Callable[..., tuple[Any, ScriptedServer]]) -> None:
    with pytest.raises(UserError, match="16 tokens leave no room"):
        roll_out({"assistant_prefix_ids": list(range(16))})


@pytest.mark.timeout(600)
def test_prefixes_are_continued_graded_and_not_trained_on(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(make_model(True))
    rows = [
        {
            "data_source": "odd" if index % 2 else "even",
            "prompt": [{"role": "user", "content": f"Say {index}."}],
            "ability": "math",
            "reward_model": {"style": "rule", "ground_truth": str(index)},
            "extra_info": {
                "index": index,
                "assistant_prefix_ids": tokenizer(prefix).input_ids if index != 2 else [],
                "assistant_prefix": prefix if index == 2 else "",
            },
        }
        for index, prefix in enumerate(PREFIXES)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rl.parquet")
    (tmp_path / "reward.py").write_text(REWARD)
    cfg = rl_launch(
        make_model(True),
        tmp_path / "rl.parquet",
        tmp_path / "out",
        reward_path=str(tmp_path / "reward.py"),
        prompts_per_step=4,
        rollouts=4,
        mini_batch=4,
        learning_rate=1e-2,
        total_steps=1,
        max_prompt_length=64,
        max_response_length=MAX_RESPONSE,
        save_freq=1,
        dump_rollouts=True,
        prefix="intervention",
        stall_minutes=5,
        overrides=(
            "trainer.val_before_train=false",
            "trainer.test_freq=-1",
            "algorithm.rollout_correction.bypass_mode=false",
        ),
    )
    train(cfg.command())

    rewarded = [json.loads(line) for line in (tmp_path / "rewarded.jsonl").open()]
    assert len(rewarded) == 16
    for row in rewarded:
        assert row["solution"].startswith(PREFIXES[row["index"]]), "the reward sees the whole response"
    dumped = [json.loads(line) for line in (tmp_path / "rollouts" / "1.jsonl").open()]
    assert sorted(row["output"] for row in dumped) == sorted(row["solution"] for row in rewarded)

    (metrics,) = read_metrics(cfg.output_dir)
    # Rollout and actor agree on what is trained: a prefix token among it would stand there with log-probability 0.
    assert metrics["training/rollout_probs_diff_max"] < 1e-4
    assert metrics["training/rollout_actor_probs_pearson_corr"] > 0.9999
    assert metrics["actor/grad_norm"] > 0
    assert metrics["response_length/max"] <= MAX_RESPONSE

    # What the step's groups say is in verl's own log.
    groups: dict[str, list[float]] = {}
    for row in dumped:
        groups.setdefault(row["input"], []).append(row["score"])
    assert len(groups) == 4
    equal = [min(scores) == max(scores) for scores in groups.values()]
    assert metrics["int/zero_advantage_ratio"] == pytest.approx(sum(equal) / 4)
    solved = [sum(scores) for scores in groups.values()]
    assert metrics["int/never_solved"] == pytest.approx(solved.count(0) / 4)
    even = [row["score"] for row in dumped if "Say 0" in row["input"] or "Say 2" in row["input"]]
    assert metrics["int/reward/even"] == pytest.approx(sum(even) / 8)
