"""13-grams: what counts as alike, and that the index finds exactly what comparing all pairs finds."""

from __future__ import annotations

import random
import re

from hypothesis import given
from hypothesis import strategies as st

from int_verl.problems.near_duplicates import WORDS, Grams, Pair

LONG = "Find the number of ordered triples of positive integers whose product is at most one hundred and sum is even"


def grams_of(*texts: str) -> Grams:
    grams = Grams()
    for text in texts:
        grams.add(text)
    return grams


def test_wording_counts_and_spelling_does_not() -> None:
    (pair,) = grams_of(LONG, LONG.upper().replace(" ", ", \n") + "?").pairs()
    assert pair == Pair(1, 0, shared=len(LONG.split()) - WORDS + 1, share=1.0)


def test_twelve_words_in_a_row_are_not_enough() -> None:
    words = LONG.split()
    twelve, thirteen = (" ".join([*words[:n], *"abcdefghijklmn"]) for n in (12, 13))
    assert grams_of(LONG, twelve).pairs() == []
    (pair,) = grams_of(LONG, thirteen).pairs()
    assert pair.shared == 1


def test_short_problems_are_alike_only_as_a_whole_with_their_signs() -> None:
    assert grams_of("What is 2 + 3?", "What is 2 - 3?", "What is 2 + 3? Explain.").pairs() == []
    assert grams_of("What is 2 + 3?", "what is 2+3?").pairs() == [Pair(1, 0, 1, 1.0)]


def test_a_share_is_of_the_shorter_problem() -> None:
    longer = LONG + " while no two of them are equal and the largest of them is a prime"
    (pair,) = grams_of(longer).pairs(grams_of("x", LONG))
    assert (pair.first, pair.second, pair.share) == (0, 1, 1.0)


def test_a_large_cluster_is_found_as_a_whole() -> None:
    pairs = grams_of(*(f"{LONG} {i}" for i in range(200))).pairs()
    assert {pair.first for pair in pairs} | {pair.second for pair in pairs} == set(range(200))
    assert len(pairs) < 200 * 12  # not all 19,900


@given(st.integers(0, 10_000))
def test_the_index_agrees_with_comparing_all_pairs(seed: int) -> None:
    rng = random.Random(seed)
    texts = [" ".join(rng.choice("abc") for _ in range(rng.randrange(1, 40))) for _ in range(8)]
    texts += [text[: rng.randrange(1, len(text) + 1)] for text in texts[:1]]

    def grams(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text)
        if len(words) < WORDS:
            return {(text.replace(" ", ""),)}
        return {tuple(words[i : i + WORDS]) for i in range(len(words) - WORDS + 1)}

    sets = [grams(text) for text in texts]
    expected = {
        (i, j): (len(sets[i] & sets[j]), len(sets[i] & sets[j]) / min(len(sets[i]), len(sets[j])))
        for i in range(len(texts))
        for j in range(i)
        if sets[i] & sets[j]
    }
    assert {(p.first, p.second): (p.shared, p.share) for p in grams_of(*texts).pairs()} == expected


def test_nothing_is_like_nothing() -> None:
    assert Grams().pairs() == []
    assert grams_of(LONG).pairs(Grams()) == []
