"""An attempt, an intervention and its continuation as one response, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """Tokens of a response with their log-probabilities under the policy at this place.

    Example: ``Part([7, 8], [-0.1, -2.0])``
    """

    token_ids: Sequence[int]
    log_probs: Sequence[float] | None
    "In nats, one a token; None: not known."


@dataclass(frozen=True, slots=True)
class Response:
    """What verl is given of a rollout. All lists have one entry a token."""

    token_ids: list[int]
    mask: list[int]
    "1: this token is trained on."
    log_probs: list[float] | None
    "0.0 where a token is not trained on and its log-probability is not known."


def splice(prefix: Part, intervention: Part, continuation: Part, train_intervention: bool) -> Response:
    """The response in which an attempt's beginning is followed by an intervention and what the policy made of it.

    Args:
        prefix: the attempt's own tokens before the intervention's place.
        intervention: its tokens, with the piece of a token that the cut left over and what separates it.
        train_intervention: whether its tokens are trained on; then its log-probabilities have to be known.

    Example: ``splice(Part([7], [-1.0]), Part([8], None), Part([9], [-2.0]), False)`` is
    ``Response([7, 8, 9], [1, 0, 1], [-1.0, 0.0, -2.0])``.
    """
    parts = (prefix, intervention, continuation)
    token_ids = [token for part in parts for token in part.token_ids]
    mask = [1] * len(prefix.token_ids) + [int(train_intervention)] * len(intervention.token_ids)
    mask += [1] * len(continuation.token_ids)
    if prefix.log_probs is None or continuation.log_probs is None:
        return Response(token_ids, mask, None)
    between = intervention.log_probs
    if between is None:
        if train_intervention:
            raise ValueError("an intervention that is trained on needs its log-probabilities")
        between = [0.0] * len(intervention.token_ids)
    log_probs = [*prefix.log_probs, *between, *continuation.log_probs]
    if len(log_probs) != len(token_ids):
        raise ValueError(f"{len(log_probs)} log-probabilities for {len(token_ids)} tokens")
    return Response(token_ids, mask, log_probs)
