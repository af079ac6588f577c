"""What verl computes with `rl.loss`."""

from __future__ import annotations

from pathlib import Path

import pytest

from int_verl.trainers.composed import composed
from tests.trainers.launches import rl_launch

pytestmark = pytest.mark.verl


def test_truncated_weighs_log_probabilities_by_the_ratio_up_to_five_and_has_no_gradient_through_it(
    model_folder: Path, tmp_path: Path
) -> None:
    import torch
    from verl.trainer.ppo.core_algos import get_policy_loss_fn
    from verl.utils.config import omega_conf_to_dataclass

    launch = rl_launch(model_folder, tmp_path / "rl.parquet", tmp_path / "out", loss="truncated")
    config = composed(launch.primary, launch.config_arguments(), "rl.overrides")
    assert config is not None
    assert config.algorithm.rollout_correction.bypass_mode, "old log-probabilities are the rollout engine's"
    actor = omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    ratio_T = torch.tensor([0.01, 0.5, 1.0, 4.9, 7.0])
    old_BT = torch.full((2, 5), -2.0)
    new_BT = (old_BT + ratio_T.log()).requires_grad_()
    advantages_BT = torch.tensor([[0.75], [-0.25]]).expand(2, 5)
    loss, _ = get_policy_loss_fn(actor.policy_loss.loss_mode)(
        old_log_prob=old_BT,
        log_prob=new_BT,
        advantages=advantages_BT,
        response_mask=torch.ones(2, 5),
        loss_agg_mode="token-sum",
        config=actor,
    )
    loss.backward()
    weights_T = ratio_T.clamp(max=5.0)
    assert new_BT.grad is not None
    torch.testing.assert_close(new_BT.grad, -weights_T * advantages_BT)
