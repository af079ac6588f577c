"""How large a model is, by its config.json and the headers of its weights: nothing is loaded, and no torch.

The arithmetic is that of the decoders that transformers has in one common shape: grouped keys and values (or DeepSeek's
compressed ones), in every layer a gated network or experts, a head that may be tied to the embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from int_verl.files import read_json
from int_verl.generate.tensors import tensors_of

_HEAD = "lm_head.weight"


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What memory, disk and time depend on.

    Example: Qwen3-4B has 4,022,468,096 parameters and 147,456 bytes of cache a token.
    """

    parameters: int
    active: int
    "Parameters that a token goes through: fewer where there are experts."
    is_counted: bool
    "Whether the weights' headers were counted; else the parameters are the configuration's arithmetic."
    layers: int
    width: int
    "Of the hidden state."
    between: int
    "Of the network in a layer, or of the experts that a token goes through."
    vocabulary: int
    is_tied: bool
    cache_bytes: int
    "Keys and values of a token in bfloat16."
    linear: int
    "Inputs plus outputs of a layer's linear maps, without experts: LoRA has its rank times so many parameters a layer."

    @classmethod
    def of(cls, folder: Path) -> ModelSize | None:
        """Of a model's folder; None where its configuration is not of this shape.

        Raises:
            UserError: a file of weights cannot be read.
        """
        config = read_json(folder / "config.json")
        config = config.get("text_config") or config  # of a model that also sees
        try:
            shape = _Shape.of(config)
        except (KeyError, TypeError):
            return None
        tied = bool(config.get("tie_word_embeddings", True))
        tensors = tensors_of(folder)
        counted = sum(tensor.numbers for name, tensor in tensors.items() if not (tied and name == _HEAD))
        parameters = counted or shape.parameters(tied)
        return cls(
            parameters=parameters,
            active=parameters - shape.idle,
            is_counted=counted > 0,
            layers=shape.layers,
            width=shape.width,
            between=shape.between,
            vocabulary=shape.vocabulary,
            is_tied=tied,
            cache_bytes=shape.cache_bytes,
            linear=shape.attention + 3 * (shape.width + shape.dense),
        )

    @property
    def outside(self) -> int:
        """Parameters of embeddings and head, which FSDP gathers as one."""
        return self.vocabulary * self.width * (1 if self.is_tied else 2)

    def adapters(self, rank: int) -> int:
        """Parameters of LoRA on every linear map but the experts'."""
        return rank * self.linear * self.layers


@dataclass(frozen=True, slots=True)
class _Shape:
    """A configuration's numbers, whatever names its family has for them."""

    layers: int
    width: int
    vocabulary: int
    dense: int
    "Width of the network of a layer without experts."
    experts: int
    chosen: int
    expert: int
    "Width of one."
    expert_layers: int
    attention: int
    "Inputs plus outputs of the four maps of attention."
    attention_parameters: int
    cache_bytes: int

    @classmethod
    def of(cls, config: dict[str, Any]) -> _Shape:
        layers, width, heads = (config[key] for key in ("num_hidden_layers", "hidden_size", "num_attention_heads"))
        head = config.get("head_dim") or width // heads
        pairs = config.get("num_key_value_heads") or heads
        dense = config["intermediate_size"]
        names = ("num_experts", "num_local_experts", "n_routed_experts")
        experts = next((config[name] for name in names if config.get(name)), 0)
        # Of linear attention the state does not grow with the tokens.
        kinds = config.get("layer_types") or ["full_attention"] * layers
        cached = sum(kind != "linear_attention" for kind in kinds)
        latent = config.get("kv_lora_rank")
        one = latent + config["qk_rope_head_dim"] if latent else 2 * pairs * head
        sides = (heads * head, pairs * head, pairs * head, heads * head)
        return cls(
            layers=layers,
            width=width,
            vocabulary=config["vocab_size"],
            dense=dense,
            experts=experts,
            chosen=config.get("num_experts_per_tok") or 0,
            expert=config.get("moe_intermediate_size") or dense,
            expert_layers=layers - (config.get("first_k_dense_replace") or 0) if experts else 0,
            attention=sum(width + side for side in sides),
            attention_parameters=sum(width * side for side in sides),
            cache_bytes=2 * cached * one,
        )

    @property
    def between(self) -> int:
        return self.chosen * self.expert if self.experts else self.dense

    @property
    def idle(self) -> int:
        """Parameters of the experts that a token does not go through."""
        return self.expert_layers * (self.experts - self.chosen) * 3 * self.width * self.expert

    def parameters(self, tied: bool) -> int:
        """All of them but norms and biases, which are few."""
        of_experts = self.expert_layers * self.experts * (3 * self.expert + 1) * self.width
        of_dense = (self.layers - self.expert_layers) * 3 * self.width * self.dense
        embeddings = self.vocabulary * self.width * (1 if tied else 2)
        return self.layers * self.attention_parameters + of_experts + of_dense + embeddings
