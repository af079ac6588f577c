"""verl's reward loop as its trainer sets it up: its own PPO configuration, and a batch of responses to score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def compose(model: Path, *overrides: str) -> Any:
    """verl's own PPO configuration with one reward worker."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_module
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_module("verl.trainer.config", version_base=None):
        return hydra_compose(
            "ppo_trainer",
            overrides=[
                f"actor_rollout_ref.model.path={model}",
                "reward.custom_reward_function.name=compute_score",
                "reward.num_workers=1",
                *overrides,
            ],
        )


def reward_batch(
    model: Path, responses: Sequence[str], golds: Sequence[str], extra_infos: Sequence[dict[str, Any]] | None = None
) -> Any:
    """Responses as the trainer hands them to the reward loop."""
    import numpy as np
    import torch
    from transformers import AutoTokenizer
    from verl import DataProto

    tokenizer = AutoTokenizer.from_pretrained(model)
    encoded = [tokenizer(response).input_ids for response in responses]
    width = max(map(len, encoded))
    ids = torch.full((len(responses), width), tokenizer.pad_token_id)
    mask = torch.zeros((len(responses), width + 1), dtype=torch.long)
    mask[:, 0] = 1
    for row, tokens in enumerate(encoded):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, 1 : len(tokens) + 1] = 1
    infos = extra_infos or [{"index": k} for k in range(len(responses))]
    return DataProto.from_dict(
        tensors={
            "prompts": torch.zeros((len(responses), 1), dtype=torch.long),
            "responses": ids,
            "attention_mask": mask,
        },
        non_tensors={
            "data_source": np.array(["math"] * len(responses), dtype=object),
            "reward_model": np.array([{"style": "rule", "ground_truth": gold} for gold in golds], dtype=object),
            "extra_info": np.array(infos, dtype=object),
        },
    )
