"""Completions that are given as text, in the tokens of real tokenizer families."""

from __future__ import annotations

import pytest

from int_verl.generate.engines.base import Completion
from int_verl.generate.engines.scripted import ScriptedEngine
from int_verl.generate.sampler import Sampler
from tests.generate.models import tiny_model
from tests.generate.test_text_tokens import codec
from tests.generate.tokenizer_families import EXACT


def taking(name: str) -> Sampler:
    engine = ScriptedEngine(lambda _: Completion((), "stop"))
    return Sampler(engine, tiny_model(codec(name), 1_000))


@pytest.mark.parametrize("name", EXACT)
def test_a_given_text_is_taken_as_it_stands(name: str) -> None:
    sampler = taking(name)
    text = "We add 3.\n\nThen 4."
    draw = sampler.take(text, (1, 2))
    assert (draw.text, draw.lost, draw.cut_off) == (text, False, False)
    assert sampler.codec.decode(draw.token_ids) == text
    assert (draw.provenance["model"], draw.provenance["finish_reason"]) == ("given", "given")


def test_a_given_text_that_has_no_tokens_is_lost_and_says_why() -> None:
    draw = taking("unigram always").take("a ☃", (1,))
    assert draw.lost
    assert (draw.text, draw.no_answer) == (None, "lost")
    assert "no token for '☃'" in draw.provenance["fault"]
