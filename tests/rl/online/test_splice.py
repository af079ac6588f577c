"""A guided response: the tokens of attempt, intervention and continuation, each with what is its own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.generate.candidates import Attempt, Candidate
from int_verl.interventions import Intervention, guided_prefix
from int_verl.rl.online.splice import Part, splice
from int_verl.steps import cut_steps, prefix_tokens

TOKENS = st.lists(st.integers(0, 500), max_size=12)


def part(token_ids: list[int]) -> Part:
    return Part(token_ids, [-float(token) - 1 for token in token_ids])


@given(TOKENS, TOKENS, TOKENS, st.booleans(), st.booleans())
def test_every_token_keeps_its_log_probability(
    prefix: list[int], added: list[int], rest: list[int], trained: bool, known: bool
) -> None:
    intervention = part(added) if known or trained else Part(added, None)
    response = splice(part(prefix), intervention, part(rest), trained)
    assert response.token_ids == prefix + added + rest
    assert len(response.mask) == len(response.token_ids) == len(response.log_probs or [])
    start, end = len(prefix), len(prefix) + len(added)
    for place, (token, mask, log_prob) in enumerate(
        zip(response.token_ids, response.mask, response.log_probs or [], strict=True)
    ):
        within = start <= place < end
        assert mask == int(trained or not within)
        assert log_prob == (0.0 if within and intervention.log_probs is None else -token - 1)


def test_what_is_trained_on_has_to_be_known() -> None:
    with pytest.raises(ValueError, match="needs its log-probabilities"):
        splice(part([1]), Part([2], None), part([3]), train_intervention=True)
    with pytest.raises(ValueError, match="2 log-probabilities for 3 tokens"):
        splice(Part([1], []), part([2]), part([3]), train_intervention=True)
    assert splice(Part([1], None), Part([2], None), Part([3], None), train_intervention=True).log_probs is None


STEP = st.text(st.sampled_from("ab 1+=é\\{}"), min_size=1, max_size=20).filter(str.strip)


@given(st.lists(STEP, min_size=1, max_size=5), STEP, st.data())
def test_the_attempts_own_tokens_stay(codec: Any, steps: list[str], content: str, data: st.DataObject) -> None:
    """However a tokenizer puts the pieces of a text together, what stays of the attempt are tokens that it drew."""
    text = "\n\n".join(steps)
    token_ids = tuple(codec.encode(text))
    location = data.draw(st.integers(1, len(cut_steps(text))))
    attempt = Attempt(0, token_ids, cut_steps(text))
    prefix = prefix_tokens(codec, token_ids, attempt.steps.start(location))
    candidate = Candidate(attempt, 0, Intervention(content, location), prefix)
    begun_ids, _ = candidate.beginning("intervention", codec, "blank_line", None)
    kept = len(prefix.token_ids)
    assert begun_ids[:kept] == token_ids[:kept]
    response = splice(part(list(token_ids[:kept])), Part(begun_ids[kept:], None), part([]), False)
    assert codec.decode(response.token_ids) == guided_prefix(text, Intervention(content, location)) + "\n\n"
    assert response.mask == [1] * kept + [0] * (len(begun_ids) - kept)
