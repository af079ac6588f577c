"""RL on two FSDP2 ranks: weights reach all of vLLM's replicas and ranks, all roll out, a checkpoint is gone on from."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from int_verl.errors import UserError
from int_verl.trainers.export import export_model
from int_verl.trainers.launch import train
from int_verl.trainers.rl import RLLaunch
from int_verl.trainers.verl_folder import checkpointed_ranks, read_metrics
from tests.ray_clusters import two_nodes
from tests.trainers.rl_runs import launch

pytestmark = [pytest.mark.verl, pytest.mark.nightly, pytest.mark.timeout(1800)]

VERLS_OWN_MANAGER = "actor_rollout_ref.rollout.agent.agent_loop_manager_class=null"
SERVERS = r"LLMServerManager: (\[.*?\])"
"What verl prints of its servers."


@pytest.fixture
def two_ranks(make_model: Callable[[bool], Path], tmp_path: Path) -> Callable[..., RLLaunch]:
    """``two_ranks(steps, *overrides, **settings)``"""

    def make(steps: int, *overrides: str, **changes: Any) -> RLLaunch:
        always = ("trainer.test_freq=-1", "actor_rollout_ref.rollout.disable_log_stats=false", *overrides)
        chosen: dict[str, Any] = {"gpus_per_node": 2, "prompts_per_step": 8, "mini_batch": 4, "learning_rate": 1e-3}
        chosen |= {"save_freq": 1, "total_steps": steps, "stall_minutes": 10}
        return launch(tmp_path, make_model(True), *always, **chosen | changes)

    return make


def served(log: Path) -> list[float]:
    """Requests that vLLM has finished in each of verl's servers, whose addresses verl prints, by its own metrics."""
    (addresses,) = re.findall(SERVERS, log.read_text())[-1:]
    found = []
    for address in ast.literal_eval(addresses):
        with urlopen(f"http://{address}/metrics", timeout=10) as answer:
            counts = re.findall(r"^vllm:request_success_total\{.*\} (\S+)$", answer.read().decode(), re.MULTILINE)
        found.append(sum(map(float, counts)))
    return found


def assert_rollout_and_actor_agree(out: Path, steps: int) -> None:
    metrics = read_metrics(out)
    assert [row["step"] for row in metrics] == list(range(1, steps + 1))
    for row in metrics:
        assert row["actor/grad_norm"] > 0
        assert row["training/rollout_probs_diff_max"] < 1e-5


def test_three_steps_a_checkpoint_and_two_more(
    two_ranks: Callable[..., RLLaunch],
    make_model: Callable[[bool], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three with verl's own manager of agent loops in a Ray of the run's own; two with ours on two nodes it joins."""
    requests: list[list[float]] = []

    def count(step: int, _: dict[str, Any]) -> None:
        if step in (2, 4):
            requests.append(served(tmp_path / "out" / "trainer.log"))

    monkeypatch.setenv("RAY_ADDRESS", "local")
    train(two_ranks(3, VERLS_OWN_MANAGER).command(), count)
    assert checkpointed_ranks(tmp_path / "out") == 2
    with pytest.raises(UserError, match="written by 2 ranks"):
        train(two_ranks(5, gpus_per_node=1).command())
    with two_nodes() as cluster:
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        trained = train(two_ranks(5, nnodes=2, gpus_per_node=1).command(), count)

    assert_rollout_and_actor_agree(tmp_path / "out", 5)
    assert len(requests) == 2
    for of_start in requests:
        assert len(of_start) == 2
        assert min(of_start) >= 8, "a replica that idles"
    export_model(trained, tmp_path / "model", make_model(True), 5)


def test_two_ranks_of_one_server(
    two_ranks: Callable[..., RLLaunch],
    make_model: Callable[[bool], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "local")
    trained = train(two_ranks(2, tensor_parallel=2).command())
    assert_rollout_and_actor_agree(tmp_path / "out", 2)
    export_model(trained, tmp_path / "model", make_model(True), 2)


def test_lora(
    two_ranks: Callable[..., RLLaunch],
    make_model: Callable[[bool], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """verl sends merged weights in bfloat16 (verl/workers/engine/fsdp/transformer_impl.py:1082), whatever the type.

    So rollout and actor differ by its rounding already before the first update, and by no more after it.
    """
    lora = ("actor_rollout_ref.model.lora_rank=8", "actor_rollout_ref.model.lora.merge=true")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    trained = train(two_ranks(2, *lora, learning_rate=1e-2).command())
    before, after = (row["training/rollout_probs_diff_mean"] for row in read_metrics(tmp_path / "out"))
    assert 1e-5 < before < 1e-3
    assert after < 2 * before
    export_model(trained, tmp_path / "model", make_model(True), 2)
