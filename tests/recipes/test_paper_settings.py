"""The recipe for Qwen3-4B asks stock verl for the paper's settings, whichever verl 0.9 is installed.

The numbers are those of arXiv 2601.14209; they are asserted where verl reads them, on the configuration that its own
Hydra composes from the command that the recipe's script would run, after verl's own checks for 8 GPUs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from tests.quickstart_files import ROOT
from tests.recipes.composition import Commands
from tests.recipes.conftest import VARIANTS, VERSIONS

RECIPES = ROOT / "recipes"

SFT = {
    "optim.lr": 1e-6,
    "optim.lr_scheduler_type": "cosine",
    "optim.min_lr_ratio": 0.1,
    "optim.lr_warmup_steps_ratio": 0.1,
    "trainer.total_epochs": 4,
    "data.train_batch_size": 64,
    "data.max_length": 16_384,
    "optim.weight_decay": 0.01,
    "data.custom_cls.name": "InterventionSFTDataset",
    "data.intervention.loss_on": "prefix_and_intervention",
    "data.intervention.suffix": False,
    "model.lora_rank": 0,
    "engine.strategy": "fsdp2",
    "trainer.n_gpus_per_node": 8,
    "trainer.nnodes": 1,
}

RL = {
    "algorithm.adv_estimator": "grpo",
    "algorithm.norm_adv_by_std_in_grpo": False,
    "algorithm.use_kl_in_reward": False,
    "actor_rollout_ref.actor.loss_agg_mode": "token-sum",
    "actor_rollout_ref.actor.use_kl_loss": False,
    "actor_rollout_ref.actor.entropy_coeff": 0,
    "actor_rollout_ref.actor.ppo_mini_batch_size": 16,
    "actor_rollout_ref.actor.ppo_epochs": 1,
    "actor_rollout_ref.actor.policy_loss.loss_mode": "vanilla",
    "actor_rollout_ref.actor.clip_ratio_low": 0.2,
    "actor_rollout_ref.actor.clip_ratio_high": 0.2,
    "algorithm.rollout_correction.bypass_mode": False,
    "actor_rollout_ref.actor.optim.clip_grad": 1.0,
    "actor_rollout_ref.actor.optim.weight_decay": 0.01,
    "actor_rollout_ref.actor.optim.lr": 1e-6,
    "actor_rollout_ref.actor.optim.lr_scheduler_type": "constant",
    "actor_rollout_ref.actor.strategy": "fsdp2",
    "actor_rollout_ref.model.lora_rank": 0,
    "actor_rollout_ref.rollout.name": "vllm",
    "actor_rollout_ref.rollout.n": 8,
    "actor_rollout_ref.rollout.temperature": 1.0,
    "actor_rollout_ref.rollout.top_p": 1.0,
    "actor_rollout_ref.rollout.top_k": -1,
    # Not the paper's: RL watches itself with few samples, and `eval` draws the 128 through the journal.
    "actor_rollout_ref.rollout.val_kwargs.n": 4,
    "data.val_batch_size": 1024,
    "trainer.val_before_train": True,
    "actor_rollout_ref.rollout.val_kwargs.do_sample": True,
    "actor_rollout_ref.rollout.val_kwargs.temperature": 0.7,
    "actor_rollout_ref.rollout.val_kwargs.top_p": 0.8,
    "actor_rollout_ref.rollout.val_kwargs.top_k": 20,
    "data.train_batch_size": 32,
    "data.max_response_length": 16_384,
    "reward.custom_reward_function.path": "pkg://int_verl.reward_fns.math_answer",
    "trainer.total_training_steps": 400,
    "trainer.n_gpus_per_node": 8,
    "trainer.nnodes": 1,
}

SAMPLING = {"max_tokens": 16_384, "temperature": 0.7, "top_p": 0.8, "top_k": 20}
GENERATOR = {
    "model.path": "Qwen/Qwen3-4B-Instruct-2507",
    "prompts.solve": "math/bare",
    "engine.context_length": 49_152,
    "engine.gpus_per_node": 8,
    "sample.attempts": 4,
    "propose.proposals": 4,
    "propose.two_turns": True,
    "guide.rollouts": 32,
    "select.need_success": True,
    "rl.problems": "with_intervention",
    "eval.samples": 128,
    **{f"{stage}.sampling.{key}": value for stage in ("sample", "propose", "guide") for key, value in SAMPLING.items()},
    **{f"eval.{key}": value for key, value in SAMPLING.items() if key != "max_tokens"},
}

CHANGED: dict[str, dict[str, dict[str, Any]]] = {
    "base": {"sft": {}, "rl": {}, "rl_baseline": {}},
    "released": {
        "sft": {"optim.weight_decay": 0.0},
        "rl": {
            "actor_rollout_ref.actor.policy_loss.loss_mode": "cispo",
            "actor_rollout_ref.actor.clip_ratio_low": 1.0,
            "actor_rollout_ref.actor.clip_ratio_high": 4.0,
            "algorithm.rollout_correction.bypass_mode": True,
            "actor_rollout_ref.actor.optim.clip_grad": 0.3,
            "actor_rollout_ref.actor.entropy_coeff": 1e-4,
            "actor_rollout_ref.rollout.temperature": 0.8,
        },
    },
    "multinode": {"sft": {}, "rl": {"trainer.nnodes": 4}},
    "online": {
        "sft": {},
        "rl": {
            "actor_rollout_ref.rollout.max_model_len": 49_152,
            "actor_rollout_ref.rollout.agent.default_agent_loop": "single_turn_agent",
            "trainer.v1.sampler.custom_sampler.name": "MeasuredReplayBuffer",
        },
    },
    "lora": {
        "sft": {"model.lora_rank": 32, "model.lora_alpha": 64, "optim.lr": 1e-5},
        "rl": {
            "actor_rollout_ref.model.lora_rank": 32,
            "actor_rollout_ref.model.lora_alpha": 64,
            "actor_rollout_ref.model.lora.merge": True,
            "actor_rollout_ref.actor.optim.lr": 1e-5,
        },
    },
}
"Variant -> stage -> what differs from the paper's settings."


@pytest.mark.verl
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_verl_reads_the_papers_settings(composed: dict[str, dict[str, Any]], version: str, variant: str) -> None:
    if version not in composed:
        pytest.skip(f"pip cannot get verl {version} here")
    stages = {name.split()[1]: config for name, config in composed[version].items() if name.split()[0] == variant}
    assert stages.keys() == CHANGED[variant].keys()
    for stage, config in stages.items():
        wanted = (SFT if stage == "sft" else RL) | CHANGED[variant][stage]
        found = {key: reduce(lambda part, name: part[name], key.split("."), config) for key in wanted}
        assert found == wanted, f"{variant}, {stage}"


def test_the_generator_has_the_papers_settings() -> None:
    from int_verl.settings.compose import compose

    config = compose(RECIPES / "int_qwen3_4b" / "int_qwen3_4b.yaml", [])
    assert {key: OmegaConf.select(config, key) for key in GENERATOR} == GENERATOR


def test_another_proposer(asked: Callable[..., list[list[str]]], model_folder: Path) -> None:
    from rich.console import Console

    from int_verl.run.run import Run
    from int_verl.settings.compose import compose

    variables = {"PROPOSER_PATH": str(model_folder), "PROPOSER_URLS": "http://a:8000/v1,http://b:8000/v1"}
    (call,) = asked("int_qwen3_4b/run_qwen3_4b_vllm_30b_proposer.sh", **variables)
    run = Run(compose(Path(call[call.index("--config") + 1]), call[call.index("--config") + 2 :]), Console())
    assert run.proposer is not None
    assert run.proposer.model.folder == model_folder
    theirs, ours = run.proposer.settings, run.settings.engine
    assert (theirs.name, theirs.base_urls) == ("openai", ("http://a:8000/v1", "http://b:8000/v1"))
    assert (ours.name, ours.gpus_per_node, run.settings.sft.gpus_per_node) == ("verl", 4, 8)


@pytest.mark.verl
def test_every_recipe_composes(composed: dict[str, dict[str, Any]], cpu_recipes: dict[str, Commands]) -> None:
    """And is accepted by verl's own checks: `composed` fails otherwise."""
    for configs in composed.values():
        for recipe, stages in cpu_recipes.items():
            for stage in stages:
                assert configs[f"{recipe} {stage}"]["trainer"]["device"] == "cpu"


def test_what_ci_runs_goes_through_the_same_primaries(
    variants: dict[str, Commands], cpu_recipes: dict[str, Commands]
) -> None:
    """The same trainers and primaries, and one fragment more."""
    quickstart = cpu_recipes["quickstart"]
    assert quickstart.keys() == variants["base"].keys() == {"sft", "rl", "rl_baseline"}
    for stage, command in variants["base"].items():
        at, its = command.index("--config-name"), quickstart[stage].index("--config-name")
        assert quickstart[stage][its - 1 : its + 2] == command[at - 1 : at + 2]  # trainer, --config-name, primary
        added = [part for part in quickstart[stage] if part.startswith("+")]
        assert added == ["+int=cpu_sft" if stage == "sft" else "+int=cpu_grpo"]
