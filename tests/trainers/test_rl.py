"""Stock GRPO on the CPU: exact weights in the rollout engine, a model that can be used, and resuming."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from int_verl.errors import UserError
from int_verl.trainers.composed import composed
from int_verl.trainers.launch import train
from int_verl.trainers.verl_folder import read_metrics
from tests.trainers.rl_runs import launch

pytestmark = pytest.mark.verl


@pytest.mark.timeout(900)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_rollout_and_actor_agree_after_a_weight_update(
    tmp_path: Path, make_model: Callable[[bool], Path], tied: bool
) -> None:
    """Step 1 samples from the first weights that were sent, step 2 from weights that two optimizer steps changed."""
    untied = ("trainer.test_freq=-1", "actor_rollout_ref.actor.use_kl_loss=true")
    cfg = launch(tmp_path, make_model(tied), *(() if tied else untied))
    finished = train(cfg.command())
    assert list(finished.glob("*.safetensors"))
    metrics = read_metrics(cfg.output_dir)
    assert [row["step"] for row in metrics] == [1, 2]
    assert metrics[0]["actor/grad_norm"] > 0
    for row in metrics:
        assert row["training/rollout_probs_diff_mean"] < 1e-6
        assert row["training/rollout_probs_diff_max"] < 1e-4
        assert row["training/rollout_actor_probs_pearson_corr"] > 0.9999
    if not tied:
        assert metrics[1]["actor/kl_loss"] > 0, "the reference policy is the model before the step"
        return
    assert (tmp_path / "validation" / "2.jsonl").read_text().count("\n") == 8 * 2
    # The same stage with one step more goes on from the checkpoint.
    longer = launch(tmp_path, cfg.model_path, "trainer.test_freq=2", total_steps=3, save_freq=1)
    assert train(longer.command()).parents[1].name == "global_step_3"
    assert [row["step"] for row in read_metrics(cfg.output_dir)] == [1, 2, 3]
    assert len(list((cfg.output_dir / "metrics").iterdir())) == 2


def test_a_finished_stage_is_not_run_again(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    cfg = launch(tmp_path, make_model(True))
    finished = cfg.output_dir / "global_step_2" / "actor" / "huggingface"
    shutil.copytree(make_model(True), finished)
    weights = load_file(finished / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in weights.items()}, finished / "model.safetensors")
    (cfg.output_dir / "latest_checkpointed_iteration.txt").write_text("2")
    assert train(cfg.command()) == finished
    assert not (cfg.output_dir / "trainer.log").exists()
    assert cfg.command().expected_step == 2


def test_on_a_cpu_adapters_have_to_be_merged(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    """`CPUWorkerExtension` takes whole weights, and verl would wait for ever for an adapter to arrive."""
    lora, merge = "actor_rollout_ref.model.lora_rank=8", "actor_rollout_ref.model.lora.merge"
    for overrides in ((lora,), (lora, f"{merge}=false")):
        with pytest.raises(UserError, match=rf"lora_rank=8 in rl.overrides: on a CPU .*; add {merge}=true"):
            launch(tmp_path, make_model(True), *overrides).check_settings()
    launch(tmp_path, make_model(True), lora, f"{merge}=True").check_settings()
    launch(tmp_path, make_model(True), "actor_rollout_ref.model.lora_rank=0").check_settings()
    launch(tmp_path, make_model(True), lora, platform="gpu").check_settings()


@pytest.mark.parametrize(("ranks", "executor"), [(1, "vllm.v1.executor.uniproc_executor.UniProcExecutor"), (2, "mp")])
def test_a_server_of_several_ranks_has_several_processes(
    ranks: int, executor: str, tmp_path: Path, make_model: Callable[[bool], Path]
) -> None:
    chosen = launch(tmp_path, make_model(True), gpus_per_node=2, tensor_parallel=ranks)
    config = composed(chosen.primary, chosen.config_arguments(), "rl.overrides")
    assert config is not None
    assert config.actor_rollout_ref.rollout.engine_kwargs.vllm.distributed_executor_backend == executor
