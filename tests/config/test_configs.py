"""The primaries and fragments compose with verl's own, and verl accepts the result."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.verl


def compose(name: str, *overrides: str) -> Any:
    import verl  # noqa: F401 - loads the plugin
    from hydra import compose, initialize_config_module

    with initialize_config_module(version_base=None, config_module="verl.trainer.config"):
        return compose(name, overrides=list(overrides))


def validate(config: Any) -> None:
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    validate_config(config=config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))


@pytest.fixture(scope="module")
def model(make_model: Any) -> str:
    return f"actor_rollout_ref.model.path={make_model(True)}"


@pytest.mark.parametrize("fragments", [(), ("+int=cpu_grpo",)])
def test_grpo(model: str, fragments: tuple[str, ...]) -> None:
    config = compose("int_grpo", model, "trainer.n_gpus_per_node=1", *fragments)
    validate(config)
    assert config.algorithm.adv_estimator == "grpo"
    assert config.algorithm.norm_adv_by_std_in_grpo is False
    assert config.actor_rollout_ref.actor.loss_agg_mode == "token-sum"
    assert config.actor_rollout_ref.actor.use_kl_loss is False
    assert (config.data.train_batch_size, config.actor_rollout_ref.rollout.n) == (32, 8)
    assert config.actor_rollout_ref.actor.ppo_mini_batch_size == 16
    assert config.actor_rollout_ref.actor.optim.lr == 1e-6
    assert config.reward.custom_reward_function.path == "pkg://int_verl.reward_fns.math_answer"
    assert config.trainer.device == ("cpu" if fragments else "cuda")


@pytest.mark.parametrize("fragments", [(), ("+int=cpu_sft",)])
def test_sft(model: str, fragments: tuple[str, ...]) -> None:
    from verl.utils.config import omega_conf_to_dataclass

    config = compose("int_sft", model.removeprefix("actor_rollout_ref."), *fragments)
    for part in ("model", "engine", "optim", "checkpoint"):
        omega_conf_to_dataclass(config[part])
    assert config.data.custom_cls.name == "InterventionSFTDataset"
    assert config.data.pad_mode == "no_padding"
    assert (config.optim.lr, config.optim.lr_scheduler_type, config.optim.min_lr_ratio) == (1e-6, "cosine", 0.1)
    assert config.trainer.device == ("cpu" if fragments else "cuda")


def test_fragments_fit_verls_own_primaries(model: str) -> None:
    validate(compose("ppo_trainer", model, "+int=[math_reward]", "actor_rollout_ref.rollout.name=vllm",
                     "actor_rollout_ref.actor.use_dynamic_bsz=true", "algorithm.adv_estimator=grpo",
                     "trainer.n_gpus_per_node=1"))  # fmt: skip
    assert compose("sft_trainer_engine", "+int=[sft_data]").data.custom_cls.name == "InterventionSFTDataset"
