"""Memory of a GPU and of the host, and disk, that a stage takes: arithmetic on the model's size, measured nowhere.

What verl 0.9 holds is read from its source: float32 weights, gradients and Adam's moments, sharded over the ranks
(workers/engine/fsdp/transformer_impl.py, `_build_module`); of a model with tied embeddings every rank loads the whole
of it on the host first (`use_meta_tensor=not tie_word_embeddings`), of others rank 0 alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from int_verl.generate.model_size import ModelSize
from int_verl.hydra_overrides import last_value
from int_verl.settings.engine import EngineSettings, batched_tokens
from int_verl.settings.training import RLSettings, SFTSettings

Platform = Literal["cpu", "gpu"]
GIB = 2**30
RESERVED = 2 * GIB
"Of a GPU, assumed: CUDA's context, NCCL's buffers, fragmentation."
PROCESS = {"gpu": 3 * GIB, "cpu": GIB}
"Of the host, assumed: a process with torch, and on a GPU with CUDA; a rollout server has two."
RAY = {"gpu": 8 * GIB, "cpu": GIB}
"Of the host, assumed: Ray, the trainer's own process and what carries the rollouts."
CPU_SERVER = GIB
"Of the host: the cache of a rollout server without a GPU (config/int/cpu_grpo.yaml)."
JOURNAL_BYTES = 1.5
"A token in the journal, measured (docs/scale.md); tables and spool take twice as much again."
_ROLLOUT_SHARE = 0.6
"`gpu_memory_utilization` in config/int_grpo.yaml."
_LOGITS = 3
"Of a micro-batch in bfloat16 at once: logits, their log-softmax, its gradient."


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a stage takes at its peak, in bytes.

    Example: ``Footprint(gpu=41e9, host=129e9, disk={"2 checkpoints": 128e9})``
    """

    gpu: float
    "Of one GPU; 0: the stage needs none."
    host: float
    "Of the node of the command."
    disk: Mapping[str, float] = field(default_factory=dict)
    "What stays in the run's folder -> its size."
    passing: float = 0
    "On disk as well until the stage is done."


@dataclass(frozen=True, slots=True)
class _Trainer:
    """What memory depends on of a trainer's settings, with the overrides that change it."""

    size: ModelSize
    ranks: int
    nodes: int
    tokens: int
    "Of a micro-batch."
    rank_of_lora: int
    split: int
    "Ranks that share a sequence."
    on_host: bool
    "FSDP2's own offload: weights, gradients and moments stay on the host."
    checkpointing: bool
    "Activations are computed again."

    @property
    def trained(self) -> int:
        return self.size.adapters(self.rank_of_lora) if self.rank_of_lora else self.size.parameters

    @property
    def state(self) -> int:
        """Weights, gradients and moments over all ranks."""
        return 4 * self.size.parameters + 12 * self.trained

    @property
    def gpu(self) -> float:
        """Of a rank while it trains."""
        size, tokens = self.size, self.tokens / self.split
        layer = 2 * (8 * size.width + 4 * size.between)  # of one layer and token, bfloat16
        kept = size.layers * 2 * size.width + layer if self.checkpointing else size.layers * layer
        # Gathered in bfloat16, and the gradient reduced in float32; of the layers two at a time.
        gathered = 6 * size.outside + 2 * 2 * (size.parameters - size.outside) / size.layers
        logits = _LOGITS * 2 * size.vocabulary * tokens
        held = 0 if self.on_host else self.state / self.ranks
        return held + gathered + kept * tokens + logits + RESERVED

    def host(self, platform: Platform) -> float:
        """Of the first node."""
        here = self.ranks / self.nodes
        processes = here * PROCESS[platform]
        if platform == "cpu":
            return here * (self.gpu - RESERVED) + processes
        loaded = 4 * self.size.parameters * (here if self.size.is_tied else 1)
        return loaded + (self.state / self.nodes if self.on_host else 0) + processes

    @property
    def checkpoint(self) -> float:
        """verl's shards of weights and moments, and the model in Hugging Face format."""
        return 8 * self.size.parameters + 8 * self.trained


def sft_footprint(size: ModelSize, settings: SFTSettings, platform: Platform) -> Footprint:
    value = _Overrides(settings.overrides)
    trainer = _Trainer(
        size=size,
        ranks=settings.gpus_per_node,
        nodes=1,
        tokens=int(value("data.max_token_len_per_gpu", str(settings.max_length))),
        rank_of_lora=int(value("model.lora_rank", "0")),
        split=int(value("engine.ulysses_sequence_parallel_size", "1")),
        on_host=value.is_true("engine.offload_policy"),
        checkpointing=value.is_true("model.enable_gradient_checkpointing", "true"),
    )
    kept = value.kept("trainer.max_ckpt_to_keep", settings.epochs)
    removed = 0 if settings.keep_optimizer else kept * 8 * trainer.trained
    disk = {_checkpoints(kept): kept * trainer.checkpoint - removed}
    return Footprint(trainer.gpu if platform == "gpu" else 0, trainer.host(platform), disk, removed)


def rl_footprint(
    size: ModelSize, settings: RLSettings, platform: Platform, gpu_memory: float, bytes_a_parameter: float
) -> Footprint:
    """Of RL.

    Args:
        gpu_memory: of one GPU; vLLM takes a share of it, which it gives back while the trainer works.
        bytes_a_parameter: of the exported model; 0: it is a link to the checkpoint's.
    """
    value = _Overrides(settings.overrides)
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    longest = settings.max_prompt_length + settings.max_response_length
    ranks = settings.gpus_per_node * settings.nnodes
    trainer = _Trainer(
        size=size,
        ranks=ranks,
        nodes=settings.nnodes,
        tokens=int(value(f"{actor}.ppo_max_token_len_per_gpu", str(longest))),
        rank_of_lora=int(value("actor_rollout_ref.model.lora_rank", "0")),
        split=int(value(f"{actor}.ulysses_sequence_parallel_size", "1")),
        on_host=value.is_true(f"{actor}.fsdp_config.offload_policy"),
        checkpointing=value.is_true("actor_rollout_ref.model.enable_gradient_checkpointing", "true"),
    )
    servers = float(value(f"{rollout}.gpu_memory_utilization", str(_ROLLOUT_SHARE))) * gpu_memory
    away = 0 if not value.is_true(f"{actor}.fsdp_config.param_offload") else 4 * size.parameters
    away += 0 if not value.is_true(f"{actor}.fsdp_config.optimizer_offload") else 8 * trainer.trained
    stays = 0 if trainer.on_host else (4 * size.parameters + 8 * trainer.trained - away) / ranks
    asleep = value.is_true(f"{rollout}.free_cache_engine", "true")
    gpu = max(trainer.gpu, servers + stays + RESERVED) if asleep else trainer.gpu + servers
    here = settings.gpus_per_node
    kept = value.kept("trainer.max_actor_ckpt_to_keep", -(-settings.total_steps // settings.save_freq))
    exported = (2 if settings.export == "best" else 1) * bytes_a_parameter * size.parameters
    disk = {_checkpoints(kept): kept * trainer.checkpoint, "model": exported}
    host = trainer.host(platform) + away / settings.nnodes + _servers_host(size, here, platform)
    return Footprint(gpu if platform == "gpu" else 0, host, disk)


def servers_footprint(
    size: ModelSize, settings: EngineSettings, platform: Platform, gpu_memory: float, tokens: float, tables: bool
) -> Footprint:
    """Of the rollout servers that int-verl starts, and of what they draw.

    Args:
        tables: whether the completions go into tables, too.
    """
    journal = JOURNAL_BYTES * tokens
    disk = {"journal": journal, **({"tables and spool": 2 * journal} if tables else {})}
    if settings.name != "verl":
        return Footprint(0, PROCESS["cpu"], disk)
    gpu = settings.gpu_memory_utilization * gpu_memory + RESERVED / 2
    host = _servers_host(size, settings.gpus_per_node, platform)
    return Footprint(gpu if platform == "gpu" else 0, host, disk)


def _servers_host(size: ModelSize, servers: int, platform: Platform) -> float:
    """Of Ray and the rollout servers of a node."""
    weights = 0 if platform == "gpu" else 4 * size.parameters + CPU_SERVER
    return servers * (2 * PROCESS[platform] + weights) + RAY[platform]


def servers_need(size: ModelSize, context: int, tensor_parallel: int) -> float:
    """What a rollout server has to hold of a GPU to start: its weights in bfloat16, one context, and a step."""
    step = batched_tokens("gpu", context) * 2 * (8 * size.width + 4 * size.between)
    return (2 * size.parameters + size.cache_bytes * context + step) / tensor_parallel + RESERVED / 2


def _checkpoints(number: int) -> str:
    return f"{number} checkpoint{'s' if number > 1 else ''}"


class _Overrides:
    """What overrides say of a key; the last one counts."""

    def __init__(self, overrides: Sequence[str]) -> None:
        self._overrides = overrides

    def __call__(self, key: str, default: str) -> str:
        return last_value(self._overrides, key) or default

    def is_true(self, key: str, default: str = "false") -> bool:
        return self(key, default).lower() == "true"

    def kept(self, key: str, made: int) -> int:
        """Checkpoints at once of so many: the last two, as our configs say, or what an override says.

        With 1, verl removes the one before only after the next is written (checkpoint_manager.py:79).
        """
        said = self(key, "2")
        return min(made, max(2, int(said))) if said.isdigit() and int(said) else made
