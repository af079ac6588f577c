"""What a model thinks of given tokens: negative log-likelihood, entropy and what comes next, with transformers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TokenStatistics:
    """Means over all counted tokens of all sequences, in nats."""

    nll: float
    "Negative log-likelihood of the tokens."
    entropy: float
    "Entropy of the model's distribution over the token at their place."
    tokens: int


def token_statistics(
    model_path: Path, sequences: Iterable[tuple[Sequence[int], Sequence[int]]], device: str = "cpu"
) -> TokenStatistics:
    """Statistics of the tokens that follow their context, at temperature 1.

    Example: of ``[([1, 2], [3, 4])]`` the tokens 3, given 1 2, and 4, given 1 2 3, are counted.

    Raises:
        ValueError: no tokens to count, or an empty context.
    """
    import torch

    model = _load(model_path, device)
    nll = entropy = 0.0
    tokens = 0
    with torch.inference_mode():
        for context, counted in sequences:
            if not len(context):
                raise ValueError("a context must hold a token at least")
            input_ids = torch.tensor([[*context, *counted]], device=device)
            logits_TV = model(input_ids).logits[0, len(context) - 1 : -1].float()
            log_probs_TV = logits_TV.log_softmax(-1)
            nll -= float(log_probs_TV.gather(1, input_ids[0, len(context) :, None]).sum())
            entropy -= float((log_probs_TV.exp() * log_probs_TV).sum())
            tokens += len(counted)
    if not tokens:
        raise ValueError("there are no tokens to count")
    return TokenStatistics(nll / tokens, entropy / tokens, tokens)


def next_token_probabilities(
    model_path: Path, contexts: Iterable[Sequence[int]], token_ids: Collection[int], device: str = "cpu"
) -> list[float]:
    """Of each context: the probability, at temperature 1, that one of `token_ids` comes next.

    Raises:
        ValueError: an empty context.
    """
    import torch

    model, wanted = _load(model_path, device), sorted(token_ids)
    found = []
    with torch.inference_mode():
        for context in contexts:
            if not len(context):
                raise ValueError("a context must hold a token at least")
            logits_V = model(torch.tensor([[*context]], device=device), logits_to_keep=1).logits[0, -1].float()
            found.append(float(logits_V.softmax(-1)[wanted].sum()))
    return found


def _load(model_path: Path, device: str) -> Any:
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    speaks: Any = logging
    speaks.disable_progress_bar()
    model: Any = AutoModelForCausalLM.from_pretrained(model_path)
    return model.to(device).eval()
