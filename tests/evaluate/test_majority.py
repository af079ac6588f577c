"""maj@k against a count over all subsets."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from int_verl.evaluate.majority import majority_at_k, wrong_votes


@st.composite
def samples(draw):
    n = draw(st.integers(1, 9))
    right = draw(st.integers(0, n))
    wrong, rest = [], n - right
    while rest and draw(st.booleans()):
        wrong.append(draw(st.integers(1, rest)))
        rest -= wrong[-1]
    return n, right, wrong


def by_counting(n, right, wrong, k):
    votes = ["right"] * right + [f"wrong {i}" for i, of_one in enumerate(wrong) for _ in range(of_one)]
    votes += [None] * (n - len(votes))
    chances = []
    for drawn in combinations(votes, k):
        counts = Counter(vote for vote in drawn if vote)
        first = [vote for vote in counts if counts[vote] == max(counts.values())]
        chances.append(("right" in first) / len(first) if first else 0)
    return sum(chances) / len(chances)


@given(samples())
@settings(deadline=None, max_examples=60)
def test_it_is_the_mean_over_all_subsets(drawn):
    n, right, wrong = drawn
    for k in range(1, n + 1):
        assert majority_at_k(n, right, wrong, k) == pytest.approx(by_counting(n, right, wrong, k), abs=1e-11)


def test_of_one_sample_it_is_the_share_that_is_right_and_of_all_samples_a_plain_vote():
    assert majority_at_k(700, 100, [300, 200], 1) == pytest.approx(100 / 700)
    assert majority_at_k(700, 301, [300], 700) == 1
    assert majority_at_k(700, 300, [301], 700) == 0
    assert majority_at_k(700, 300, [300], 700) == pytest.approx(0.5)


def test_answers_that_are_one_number_or_one_text_vote_together():
    assert wrong_votes(["1/2", "0.5", "50\\%", "x+1", " $x + 1$.", "y", "4"]) == [3, 2, 1, 1]
    assert wrong_votes([]) == []


@pytest.mark.parametrize(
    ("n", "right", "wrong", "k"),
    [(4, 3, [2], 2), (4, -1, [], 2), (4, 1, [], 0), (4, 1, [], 5), (4, 1, [0], 2), (4.0, 1, [], 1)],
)
def test_what_cannot_be_is_refused(n, right, wrong, k):
    with pytest.raises(ValueError, match=r"cannot be|needs between|whole numbers"):
        majority_at_k(n, right, wrong, k)
