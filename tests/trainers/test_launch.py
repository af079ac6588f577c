"""The commands of the two training stages, and what is refused before a trainer starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from int_verl.errors import UserError
from int_verl.ray_cluster import LOOPBACK
from int_verl.trainers.process import TrainerCommand
from int_verl.trainers.rl import RLLaunch
from tests.trainers.launches import rl_launch, sft_launch

pytestmark = pytest.mark.verl


@pytest.fixture
def model(tmp_path: Path, make_model: Callable[[bool], Path]) -> Path:
    return Path(copytree(make_model(True), tmp_path / "model"))


def sft(model: Path, rows: int = 100, length: int = 5, **changes: Any) -> TrainerCommand:
    file = model.parent / "sft.parquet"
    parts = {"prompt_ids": [1], "prefix_ids": [2] * (length - 2), "intervention_ids": [3]}
    pq.write_table(pa.Table.from_pylist([parts] * rows), file)
    launch = sft_launch(model, file, model.parent / "out", **{"batch_size": 32, "max_length": 64, **changes})
    return launch.command(launch.training_rows())


def rl(model: Path, rows: int = 64, **changes: Any) -> RLLaunch:
    file = model.parent / "rl.parquet"
    row = {
        "data_source": "x",
        "prompt": [{"role": "user", "content": "y"}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": "1"},
        "extra_info": {"index": 0},
    }
    pq.write_table(pa.Table.from_pylist([row] * rows), file)
    return rl_launch(model, file, model.parent / "out", **changes)


def test_sft_command(model: Path) -> None:
    command = sft(model)
    assert command.expected_step == 100 // 32 * 4
    assert "verl.trainer.sft_trainer" in command.argv
    assert "+int=cpu_sft" in command.argv
    assert "optim.lr=1e-06" in command.argv
    assert command.env["VERL_PLATFORM"] == "cpu"
    assert "+int=cpu_sft" not in sft(model, platform="gpu").argv
    assert sft(model, gpus_per_node=2).expected_step == 50 // 16 * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": 31}, "31 rows are fewer than one batch of 32"),
        ({"length": 65}, "row 0: 65 tokens are more than max_length=64"),
        ({"length": 65, "overlong": "drop"}, "0 rows are fewer"),
        ({"suffix": True}, "column suffix_ids is missing"),
        ({"train_file": Path("/no/such")}, "no such file"),
        ({"val_file": Path("/no/such")}, "no such file"),
        ({"model_path": Path("/no/such")}, "no config.json"),
        ({"gpus_per_node": 3}, "no multiple of the 3 GPUs"),
        ({"nnodes": 2}, "sft.nnodes=2: .* set sft.nnodes=1"),
        ({"overrides": ("data.pad_mode=right",)}, "pad_mode=no_padding"),
        ({"overrides": ("trainer.test_freq=5",)}, "needs a validation file"),
        ({"overrides": ("trainer.total_epochs=9",)}, "set sft.epochs instead"),
        ({"overrides": ("data.intervention.suffix=true",)}, "set sft.suffix instead"),
        ({"overrides": ("custom_reward_function.path=a.py",)}, r"use reward.custom_reward_function.path$"),
    ],
)
def test_sft_refusals(model: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        sft(model, **changes)
    assert "\n" not in str(caught.value)


def test_rl_command(model: Path) -> None:
    launch = rl(model, total_steps=7)
    command = launch.command()
    assert command.expected_step == 7
    assert "verl.trainer.main_ppo" in command.argv
    assert "actor_rollout_ref.rollout.n=8" in command.argv
    assert "actor_rollout_ref.rollout.max_model_len=18432" in command.argv
    batched = "actor_rollout_ref.rollout.max_num_batched_tokens"
    assert f"{batched}=18432" in command.argv, "a CPU takes a prompt whole"
    assert f"{batched}=8192" in rl(model, total_steps=7, platform="gpu").command().argv
    assert f"{batched}=8192" in rl(model, total_steps=7, max_response_length=10).command().argv
    assert launch.shell().startswith("RAY_USAGE_STATS_ENABLED=0 VERL_PLATFORM=cpu")


def test_a_cpu_has_one_thread_a_process_unless_the_environment_says_more(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_workers = "ray_kwargs.ray_init.runtime_env.env_vars.OMP_NUM_THREADS"

    def threads(**changes: Any) -> tuple[str | None, str | None, list[str]]:
        trainer, launch = sft(model, **changes), rl(model, total_steps=7, **changes)
        workers = [argument for argument in launch.arguments() if argument.startswith(of_workers)]
        return trainer.env.get("OMP_NUM_THREADS"), launch.environment().get("OMP_NUM_THREADS"), workers

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads() == ("1", "1", [f"{of_workers}='1'"])
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert threads() == ("2", "2", [f"{of_workers}='2'"])
    assert threads(platform="gpu") == (None, None, [])


def test_a_weight_has_to_fit_into_what_carries_it_to_a_cpu_s_rollout_server(model: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    name = "actor_rollout_ref.rollout.checkpoint_engine.update_weights_bucket_megabytes"
    assert f"{name}=16" in rl(model).arguments()
    weights = load_file(model / "model.safetensors")
    weights["model.embed_tokens.weight"] = torch.zeros(49_152, 576, dtype=torch.bfloat16)
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    assert f"{name}=108" in rl(model).arguments(), "49,152 x 576 numbers of 4 bytes"
    assert name not in " ".join(rl(model, platform="gpu").arguments())


def test_ray_stays_on_loopback_unless_the_user_says_otherwise(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    for name in ("RAY_ADDRESS", LOOPBACK):
        monkeypatch.delenv(name, raising=False)

    def on_loopback(**changes: Any) -> bool:
        return rl(model, **changes).environment().get(LOOPBACK) == "0"

    assert on_loopback()
    assert on_loopback(overrides=("++ray_kwargs.ray_init.num_cpus=4",))
    assert not on_loopback(nnodes=2)
    assert not on_loopback(overrides=("+ray_kwargs.ray_init.address=10.0.0.1:6379",))
    assert not on_loopback(overrides=("+ray_kwargs.ray_init._node_ip_address=10.0.0.1",))
    for name, value in ((LOOPBACK, "1"), ("RAY_ADDRESS", "10.0.0.1:6379"), ("RAY_ADDRESS", "auto")):
        with monkeypatch.context() as said:
            said.setenv(name, value)
            assert not on_loopback()
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert on_loopback()
    monkeypatch.delenv("RAY_ADDRESS")
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray/ray_current_cluster").write_text("10.0.0.1:6379")
    assert not on_loopback(), "`ray start` was called on this host"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": 31}, "31 rows are fewer than one batch of 32"),
        ({"prompts_per_step": 24}, "no multiple of rl.mini_batch=16"),
        ({"save_freq": -1}, "rl.save_freq=-1"),
        ({"val_files": ()}, "problems.heldout"),
        ({"reward_path": "no/such.py"}, "no/such.py: no such file"),
        ({"overrides": ("custom_reward_function.path=a.py",)}, r"use reward.custom_reward_function.path$"),
        ({"overrides": ("+custom_reward_function.name=f",)}, r"use reward.custom_reward_function.name$"),
        ({"overrides": ("reward_model.reward_manager=dapo",)}, r"use reward.reward_manager.name$"),
        ({"overrides": ("reward_model.enable=true",)}, r"use reward.reward_model.enable$"),
        ({"overrides": ("trainer.total_training_steps=3",)}, "set rl.total_steps instead"),
        ({"overrides": ("actor_rollout_ref.model.path=x",)}, "set model.path instead"),
        ({"overrides": ("actor_rollout_ref.rollout.tensor_model_parallel_size=2",)}, "set rl.tensor_parallel instead"),
    ],
)
def test_rl_refusals(model: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        rl(model, **changes).command()
    assert "\n" not in str(caught.value)


def test_servers_of_their_own_never_sample_from_random_weights() -> None:
    """In RL the trainer sends its weights; the generator's servers have only what they load."""
    from int_verl.generate.engines.verl import VerlEngine
    from int_verl.settings.engine import EngineSettings

    settings = EngineSettings(overrides=("actor_rollout_ref.rollout.load_format=dummy",))
    with pytest.raises(UserError, match="random weights"):
        VerlEngine("m", settings, 8, 8, platform="gpu")


def test_ranks_of_a_server_are_a_setting() -> None:
    """On a CPU they need an executor of their own, without which the engine waits for ever for its second rank."""
    from int_verl.generate.engines.verl import VerlEngine
    from int_verl.settings.engine import EngineSettings

    settings = EngineSettings(overrides=("actor_rollout_ref.rollout.tensor_model_parallel_size=2",))
    with pytest.raises(UserError, match=r"set engine.tensor_parallel instead"):
        VerlEngine("m", settings, 8, 8, platform="cpu")


def test_rl_starts_only_from_a_model_that_was_trained(model: Path) -> None:
    """Here it is still the base; test_checkpoint.py has the other ways to be unfit."""
    base = Path(copytree(model, model.parent / "base"))
    with pytest.raises(UserError, match="weights are those of"):
        rl(model, base_model=base).command()
    assert rl(model).command().expected_step == 400


def test_rl_files_must_have_equal_columns(model: Path) -> None:
    launch = rl(model)
    other = model.parent / "other.parquet"
    table = pq.read_table(launch.train_files[0])
    pq.write_table(table.append_column("more", pa.array([1] * len(table))), other)
    with pytest.raises(UserError, match="columns differ"):
        replace(launch, val_files=(other,)).command()
    pq.write_table(table.drop_columns(["reward_model"]), other)
    with pytest.raises(UserError, match="column reward_model is missing"):
        replace(launch, val_files=(other,)).command()


def given(command: TrainerCommand, key: str) -> str:
    return next(argument.partition("=")[2] for argument in command.argv if argument.startswith(f"{key}="))


def test_rl_validates_little_and_in_batches(model: Path) -> None:
    command = rl(model).command()
    assert given(command, "actor_rollout_ref.rollout.val_kwargs.n") == "4"
    assert given(command, "data.val_batch_size") == "1024"
    assert given(rl(model, val_samples=128).command(), "data.val_batch_size") == "32"
    with pytest.raises(UserError, match=r"val_kwargs.n=8: set rl.val_samples instead"):
        rl(model, overrides=("actor_rollout_ref.rollout.val_kwargs.n=8",)).command()


def test_a_validation_before_training_is_made_once(model: Path) -> None:
    launch = rl(model, rows=64, val_samples=2)
    assert given(launch.command(), "trainer.val_before_train") == "true"
    assert given(rl(model, val_before_train=False).command(), "trainer.val_before_train") == "false"
    launch.validation_dir.mkdir()
    dump = launch.validation_dir / "0.jsonl"
    for lines, validates in ((100, "true"), (128, "false")):  # cut off, whole
        dump.write_text("{}\n" * lines)
        assert given(launch.command(), "trainer.val_before_train") == validates
    dump.unlink()
    (launch.output_dir / "global_step_5").mkdir(parents=True)
    (launch.output_dir / "latest_checkpointed_iteration.txt").write_text("5")
    assert given(launch.command(), "trainer.val_before_train") == "false"


def test_rl_has_less_patience_while_it_is_set_up(model: Path) -> None:
    setting_up = rl(model, start_minutes=5, gpus_per_node=2).command().patience.setting_up
    assert setting_up is not None
    assert setting_up.seconds == 300
    assert setting_up.cause.startswith(
        "verl's RL holds 8 of Ray's processors (3 for each of 2 GPUs, 2 for TransferQueue)"
    )
    assert sft(model).patience.setting_up is None


def test_on_a_gpu_the_storage_units_are_said(model: Path) -> None:
    key = "transfer_queue.backend.SimpleStorage.num_data_storage_units"
    assert given(rl(model, platform="gpu").command(), key) == "2"
    assert not any(argument.startswith(key) for argument in rl(model).command().argv)
