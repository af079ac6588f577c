"""What `int-verl doctor` finds of a run: its model, its problems, and its plan against this machine."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from int_verl.console import SafeConsole
from int_verl.doctor import Check
from int_verl.run.run import Run
from int_verl.settings.compose import compose
from int_verl.stages import readiness
from int_verl.stages.assemble import stages_of
from int_verl.stages.footprint import GIB
from int_verl.stages.readiness import checks_of
from tests.quickstart_files import QUICKSTART, scripted_run, write_problem_sets

pytestmark = pytest.mark.verl


@pytest.fixture
def overrides(tmp_path: Path) -> list[str]:
    write_problem_sets(tmp_path, train=20, heldout=10)
    return scripted_run(tmp_path)


def checks(*overrides: str) -> dict[str, Check]:
    run = Run(compose(QUICKSTART / "quickstart.yaml", overrides), SafeConsole())
    found = list(checks_of(run, lambda: stages_of(run, None)))
    for check in found:
        assert "\n" not in check.detail + check.remedy
    return {check.name: check for check in found}


def complaints(*overrides: str) -> dict[str, str]:
    return {name: f"{check.detail} -> {check.remedy}" for name, check in checks(*overrides).items() if not check.ok}


def test_the_quickstart_would_work(overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_host_memory", lambda: 6 * GIB)
    found = checks(*overrides)
    assert not [check for check in found.values() if not check.ok]
    assert "Qwen3ForCausalLM" in found["model"].detail
    assert found["problems"].detail.startswith("20 to train on")
    assert "the model allows 1,024" in found["context of RL"].detail


@pytest.mark.parametrize(
    ("change", "name", "said"),
    [
        ("model.path=./no-such-model", "model", "no such folder"),
        ("problems.train=/no/such.jsonl", "problems", "/no/such.jsonl"),
        ("problems.columns={answer: gold}", "problems", "problems.columns.answer=gold: "),
        ("prompts.verify=/no/such.jinja", "settings", "/no/such.jinja"),
        ("proposer.path=./no-such-model", "proposer", "proposer.path=./no-such-model"),
        ("rl.max_response_length=2000", "context of RL", "-> rl.max_response_length=928"),
        ("engine.context_length=96", "context of sample", "or raise engine.context_length"),
        ("sampling.max_tokens=16384", "context of sample", "lower it, for all stages with sampling.max_tokens=256"),
        ("propose.sampling.max_tokens=512", "context of propose", "leaves no token for a prompt"),
        ("rl.prompts_per_step=32", "batch of RL", "20 problems are fewer than one batch of rl.prompts_per_step=32"),
        ("sft.batch_size=256", "batch of sft", "80 rows at most"),
        ("rl.reward_path=/no/such.py", "settings of rl", "/no/such.py"),
        ("sft.nnodes=2", "settings of sft", "set sft.nnodes=1"),
    ],
)
def test_what_would_fail_later_is_said(overrides: list[str], change: str, name: str, said: str) -> None:
    found = complaints(*overrides, change)
    assert next(iter(found)) == name
    assert said in found[name]


def test_disk_and_memory_are_compared_with_the_plan(
    overrides: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(readiness, "_host_memory", lambda: GIB)
    monkeypatch.setattr(readiness.shutil, "disk_usage", lambda _: SimpleNamespace(free=10_000_000))
    found = complaints(*overrides)
    assert list(found) == ["disk for the run", "host memory"]
    assert "sft.keep_optimizer=false" in found["disk for the run"]
    (tmp_path / "run").mkdir()
    (tmp_path / "run/checkpoints").write_bytes(bytes(50_000_000))
    assert list(complaints(*overrides)) == ["host memory"], "what the folder has is not needed again"


def test_gpus_are_compared_with_the_plan(overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def found(memory: float, *more: str) -> dict[str, str]:
        monkeypatch.setattr(readiness, "gpu_memories", lambda: [memory] * 2)
        monkeypatch.setattr("int_verl.stages.budget.gpu_memories", lambda: [memory] * 2)
        monkeypatch.setattr("int_verl.trainers.rl.RLLaunch.check_settings", lambda _: None)
        monkeypatch.setattr("int_verl.trainers.sft.SFTLaunch.check_settings", lambda _: None)
        monkeypatch.setattr(readiness, "_host_memory", lambda: 1_000 * GIB)
        return complaints(*overrides, "platform=gpu", "engine.name=verl", *more)

    assert not found(80 * GIB)
    assert found(80 * GIB, "rl.gpus_per_node=4")["GPUs"].endswith("-> rl.gpus_per_node=2")
    assert list(found(2 * GIB)) == ["GPU memory of sft", "GPU memory of rl"]
    assert "GPU memory of servers" in found(GIB)
    larger: list[Any] = list(found(80 * GIB, "sft.max_length=16777216", "engine.gpu_memory_utilization=0.001"))
    assert larger == ["GPU memory of servers", "GPU memory of sft"]


def test_the_hub_is_asked_for_a_model_that_is_not_here(overrides: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from httpx import ConnectError
    from huggingface_hub import HfApi

    def unreachable(*_: Any, **__: Any) -> Any:
        raise ConnectError("no route")

    monkeypatch.setattr(HfApi, "model_info", unreachable)
    assert "`hf download nobody/none`" in complaints(*overrides, "model.path=nobody/none")["model"]
    files = [SimpleNamespace(size=5_000_000_000), SimpleNamespace(size=None)]
    monkeypatch.setattr(HfApi, "model_info", lambda *_, **__: SimpleNamespace(siblings=files))
    found = checks(*overrides, "model.path=nobody/none")
    assert found["model"].ok
    assert "its 5.0 GB are fetched" in found["model"].detail
    assert "told when its model is here" in found["disk for the run"].detail
