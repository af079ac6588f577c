"""What a model thinks of given tokens: negative log-likelihood, entropy and what comes next, with transformers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from int_verl.evaluate.estimates import Floats

_PIECE = 1_024
"Tokens that go through the model at once: the distributions over 150,000 tokens at these places take 0.6 GB."


@dataclass(frozen=True, slots=True)
class TokenScores:
    """Of the counted tokens of a sequence, arrays of shape (tokens,), in nats."""

    log_probs_T: Floats
    "Log-likelihood of each token."
    entropies_T: Floats
    "Entropy of the model's distribution over the token at its place."


def score_tokens(
    model_path: Path, sequences: Iterable[tuple[Sequence[int], Sequence[int]]], device: str = "cpu"
) -> Iterator[TokenScores]:
    """Of each sequence what the model thinks of the tokens that follow their context, at temperature 1.

    A long sequence goes through the model in pieces, so that the distributions of few tokens are in memory at once.

    Example: of ``[([1, 2], [3, 4])]`` the tokens 3, given 1 2, and 4, given 1 2 3, are counted.

    Raises:
        ValueError: an empty context.
    """
    import torch

    model = _load(model_path, device)
    for context, counted in sequences:
        if not len(context):
            raise ValueError("a context must hold a token at least")
        ids_T = torch.tensor([*context, *counted], device=device)
        cache, found = None, []
        with torch.inference_mode():
            for start in range(0, len(ids_T) - 1, _PIECE):
                end = min(start + _PIECE, len(ids_T) - 1)
                output = model(ids_T[None, start:end], past_key_values=cache, use_cache=True)
                cache = output.past_key_values
                first = max(start, len(context) - 1)
                if first < end:
                    log_probs_TV = output.logits[0, first - start :].float().log_softmax(-1)
                    picked_T = log_probs_TV.gather(1, ids_T[first + 1 : end + 1, None])[:, 0]
                    found.append(torch.stack([picked_T, -(log_probs_TV.exp() * log_probs_TV).sum(-1)]))
        joined = torch.cat(found, dim=1).double().cpu().numpy() if found else np.empty((2, 0))
        yield TokenScores(*joined)


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
