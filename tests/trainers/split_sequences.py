"""What one rank of several that share a sequence (Ulysses) computes, in verl's stock FSDP engine.

    torchrun --nproc-per-node=2 split_sequences.py MODEL OUT ATTENTION...

Writes attention -> the log-probability of every next token of a fixed sequence, as rank 0 has them, to OUT as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

TOKENS = [(7 * index) % 97 + 3 for index in range(64)]
"Of any vocabulary of a hundred and more."


def main(model: str, out: Path, attentions: list[str]) -> None:
    import verl  # noqa: F401 - loads the plugins
    from verl.utils.distributed import destroy_global_process_group, initialize_global_process_group

    _, rank, ranks = initialize_global_process_group()
    found = {attention: log_probabilities(model, attention, ranks) for attention in attentions}
    if rank == 0:
        out.write_text(json.dumps(found))
    destroy_global_process_group()


def log_probabilities(model: str, attention: str, ranks: int) -> list[float]:
    from verl.utils import tensordict_utils as tu
    from verl.workers.config import FSDPEngineConfig, HFModelConfig
    from verl.workers.engine import EngineRegistry

    engine = EngineRegistry.new(
        model_type="language_model",
        backend="fsdp2",
        model_config=HFModelConfig(
            path=model, enable_gradient_checkpointing=False, override_config={"attn_implementation": attention}
        ),
        engine_config=FSDPEngineConfig(
            strategy="fsdp2",
            forward_only=True,
            model_dtype="fp32",
            dtype="float32",
            mixed_precision={"param_dtype": "fp32", "reduce_dtype": "fp32", "buffer_dtype": "fp32"},
            use_torch_compile=False,
            ulysses_sequence_parallel_size=ranks,
        ),
        optimizer_config=None,
        checkpoint_config=None,
    )
    engine.initialize()
    rows = {"input_ids": TOKENS, "position_ids": list(range(len(TOKENS))), "loss_mask": [1] * len(TOKENS)}
    data = tu.get_tensordict(
        {name: torch.nested.as_nested_tensor([torch.tensor(row)], layout=torch.jagged) for name, row in rows.items()},
        {"use_dynamic_bsz": True, "max_token_len_per_gpu": len(TOKENS), "temperature": 1.0},
    )
    with engine.eval_mode():
        output = engine.infer_batch(data)
    return output["model_output"]["log_probs"].values().tolist()[:-1]


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
