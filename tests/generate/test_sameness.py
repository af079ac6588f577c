"""An engine that does not heed seeds is named; one that repeats itself now and then is not."""

from __future__ import annotations

import random

from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.sameness import Sameness
from int_verl.settings.sampling import Sampling


def said(texts: list[list[tuple[int, ...]]], temperature: float = 1.0) -> list[str]:
    """What is said of prompts with these completions, drawn in turns."""
    heard: list[str] = []
    sameness = Sameness(heard.append)
    for index in range(max(map(len, texts))):
        for prompt, completions in enumerate(texts):
            if index < len(completions):
                request = Request((prompt,), Sampling(max_tokens=64, temperature=temperature), seed=index)
                sameness.see(request, Completion(completions[index], "stop"))
    return heard


ONE_TEXT = [[tuple(range(prompt, prompt + 20))] * 18 for prompt in range(5)]


def test_one_text_for_all_seeds_is_said_once() -> None:
    (sentence,) = said(ONE_TEXT)
    assert "same tokens for different seeds" in sentence


def test_greedy_draws_are_meant_to_be_the_same() -> None:
    assert not said(ONE_TEXT, temperature=0)


def test_short_answers_and_single_repetitions_are_not_named() -> None:
    rng = random.Random(0)
    assert not said([[(7, 2)] * 18 for _ in range(20)])
    assert not said([[tuple(rng.choices(range(50), k=20)) for _ in range(18)] for _ in range(20)])
    sure_of_two = [ONE_TEXT[0], ONE_TEXT[1], [tuple(rng.choices(range(50), k=20)) for _ in range(18)]] * 5
    assert not said(sure_of_two)


def test_the_same_request_again_is_no_other_seed() -> None:
    heard: list[str] = []
    sameness = Sameness(heard.append)
    for prompt in range(5):
        for _ in range(20):
            sameness.see(Request((prompt,), Sampling(max_tokens=64), seed=1), Completion(tuple(range(20)), "stop"))
    assert not heard
