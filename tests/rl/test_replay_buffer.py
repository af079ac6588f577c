"""What the replay buffer with our metrics refuses; that it measures rightly is in test_agent_loop.py."""

from __future__ import annotations

from typing import Any

import pytest

from int_verl.errors import UserError
from tests.config.test_configs import compose

pytestmark = pytest.mark.verl


def build(*overrides: str) -> Any:
    """As verl builds it (verl/trainer/ppo/v1/trainer_base.py, _build_replay_buffer)."""
    from verl.utils.import_utils import load_extern_type

    config = compose("int_grpo", "actor_rollout_ref.model.path=model", *overrides)
    sampler, mode = config.trainer.v1.sampler, config.trainer.v1.trainer_mode
    buffer_class = load_extern_type(sampler.custom_sampler.path, sampler.custom_sampler.name)
    return buffer_class(
        trainer_mode=mode,
        trainer_config=config.trainer.v1.get(mode, {}),
        max_off_policy_threshold=sampler.max_off_policy_threshold,
        max_off_policy_strategy=sampler.max_off_policy_strategy,
        sampler_kwargs=sampler.sampler_kwargs,
        refill_fn=None,
    )


def test_intervals() -> None:
    assert build().poll_interval == 2.0, "verl's"
    assert build("+int=cpu_grpo").poll_interval == 0.1


@pytest.mark.parametrize(
    "override", ["trainer.v1.trainer_mode=colocate_async", "++algorithm.filter_groups.enable=true"]
)
def test_what_verl_keeps_for_its_own_samplers(override: str) -> None:
    with pytest.raises(UserError, match=r"custom_sampler=null"):
        build(override)
    assert compose("int_grpo", override, "trainer.v1.sampler.custom_sampler=null").trainer.v1.sampler is not None
