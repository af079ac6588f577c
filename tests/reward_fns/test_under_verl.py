"""The reward function under stock verl: its reward managers in the real Ray reward loop, and ``main_eval``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.reward_fns.verl_reward_loop import compose, reward_batch

pytestmark = [pytest.mark.verl, pytest.mark.timeout(600)]

pytest.importorskip("verl")

REWARD_FILE = Path(__file__).parents[2] / "reward_fns" / "math_answer.py"

# (gold, response, score, verdict)
ROWS: list[tuple[str, str, float, str]] = [
    ("42", r"so \boxed{42}", 1.0, "correct"),
    ("42", r"so \boxed{43}", 0.0, "incorrect"),
    (r"2\sqrt2", r"so \boxed{\sqrt{8}}", 1.0, "correct"),
    (r"2\sqrt2", r"so \boxed{\sqrt{9}}", 0.0, "incorrect"),
    ("5", "nothing", 0.0, "no_answer"),
    ("5", r"\boxed{9^{9^{9^9}}}", 0.0, "too_large"),
    # A minute and more of work: no result however late the deadline is looked at.
    ("5", r"\boxed{\sum_{k=1}^{\infty} \frac{\sin(k^2)}{k^{1.1}}}", 0.0, "timeout"),
    (r"\frac{n(n+1)}{2}", r"\boxed{\sum_{k=1}^n k}", 1.0, "correct"),
]


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of 256 bytes, as a folder that `AutoTokenizer` reads."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = {character: k for k, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    alphabet["<|end|>"] = len(alphabet)
    tokenizer = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    folder = tmp_path_factory.mktemp("tokenizer")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>").save_pretrained(
        folder
    )
    return folder


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    import ray

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray.init(num_cpus=8, include_dashboard=False, configure_logging=False, log_to_driver=False)
    yield
    ray.shutdown()


def compose_with(tokenizer_folder: Path, manager: str, path: str) -> Any:
    return compose(
        tokenizer_folder,
        f"reward.custom_reward_function.path={path}",
        "+reward.custom_reward_function.reward_kwargs.timeout=0.5",
        "+reward.custom_reward_function.reward_kwargs.workers=1",
        f"reward.reward_manager.name={manager}",
    )


@pytest.mark.parametrize(
    ("manager", "path"),
    [
        ("naive", str(REWARD_FILE)),
        ("dapo", "pkg://int_verl.reward_fns.math_answer"),
        ("remote", str(REWARD_FILE)),
    ],
)
def test_reward_loop(ray_cluster: None, tokenizer_folder: Path, manager: str, path: str) -> None:
    """verl's reward loop: Ray actors, a thread pool in each, and the reward managers."""
    import ray
    from verl.experimental.reward_loop import RewardLoopManager

    del ray_cluster
    loop = RewardLoopManager(compose_with(tokenizer_folder, manager, path))
    try:
        golds, responses = ([row[k] for row in ROWS] for k in (0, 1))
        data = reward_batch(tokenizer_folder, responses, golds)
        # Twice: the first round starts the worker processes, the second must not be disturbed by the timeout.
        for _ in range(2):
            result = loop.compute_rm_score(data)
            scores = result.batch["rm_scores"].sum(dim=-1).tolist()
            verdicts = list(result.non_tensor_batch["verdict"])
            assert scores == [score for *_, score, _ in ROWS]
            assert verdicts == [verdict for *_, verdict in ROWS]
        assert set(result.meta_info["reward_extra_keys"]) >= {"score", "acc", "pred", "verdict"}
        assert [str(answer) for answer in result.non_tensor_batch["pred"]][:2] == ["42", "43"]
    finally:
        for worker in loop.reward_loop_workers:
            ray.kill(worker)


def test_main_eval(tmp_path: Path) -> None:
    """verl's offline evaluation, which calls positionally and averages whatever comes back."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    rows = [
        {"data_source": "ours", "reward_model": {"ground_truth": gold}, "responses": [response, r"\boxed{-7}"]}
        for gold, response, _, _ in ROWS
    ]
    file = tmp_path / "responses.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), file)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "verl.trainer.main_eval",
            f"data.path={file}",
            f"+reward.custom_reward_function.path={REWARD_FILE}",
            "+reward.custom_reward_function.name=compute_score",
            "+reward.custom_reward_function.reward_kwargs.timeout=0.5",
            "ray_kwargs.ray_init.num_cpus=2",
            "+ray_kwargs.ray_init.include_dashboard=False",
            f"hydra.run.dir={tmp_path}",
        ],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    expected = sum(score for *_, score, _ in ROWS) / (2 * len(ROWS))
    assert f"test_score/ours': {expected}" in done.stdout.replace("np.float64(", "").replace(")", "")
