"""maj@k: how often the answer that most of k samples give is right."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from int_verl.evaluate.estimates import whole_numbers
from int_verl.maths.normal_form import key, normalise
from int_verl.maths.quantities import quantity

Floats = NDArray[np.float64]


def wrong_votes(answers: Iterable[str]) -> list[int]:
    """How many of these wrong answers agree with each other, most first.

    Two agree that are the same number or, unless one of them is a number, the same text in one spelling. The right ones
    need no such comparison: the grader has told that they are one answer.

    >>> wrong_votes(["0.5", "\\\\frac{1}{2}", "x", "$x$", "x", "7"])
    [3, 2, 1]
    """
    return sorted(Counter(map(_vote, answers)).values(), reverse=True)


def _vote(answer: str) -> str:
    normal = normalise(answer)
    number = quantity(normal)
    return key(normal) if number is None else str(number.value / (100 if number.mark == "%" else 1))


def majority_at_k(n: int, right: int, wrong: Sequence[int], k: int) -> float:
    """The chance that most of `k` samples give the right answer, without bias: over all k-subsets of `n` samples.

    Samples without an answer do not vote; among answers with equally many votes each is as likely to be taken, and
    where nobody votes there is no right answer. A sum over the votes m that the right answer has: the others then have
    m at most, and t of them exactly m, which leaves a chance of ``1 / (t + 1)``. To stay within the range of numbers,
    samples are taken to be drawn independently with chance ``k / n``, given that there are `k`: all subsets of one size
    are equally likely under it.

    Args:
        right: samples with the right answer.
        wrong: samples of each wrong answer; what is missing to `n` gave none.

    >>> majority_at_k(3, 1, [1], 2)  # of {right, wrong, silent} two: a half, one, and nothing
    0.5

    Raises:
        ValueError: not whole numbers with 1 <= k <= n, or more votes than samples.
    """
    n, right, k, *wrong = whole_numbers(
        n=n, right=right, k=k, **{f"wrong[{i}]": votes for i, votes in enumerate(wrong)}
    )
    silent = n - right - sum(wrong)
    if right < 0 or silent < 0 or min(wrong, default=1) < 1:
        raise ValueError(f"{right} right and {sum(wrong)} wrong answers of {n} samples cannot be")
    if not 1 <= k <= n:
        raise ValueError(f"a vote of {k} needs between 1 and {n} samples; draw more samples or lower k")
    chance = k / n
    total = sum(
        _weight(right, votes, chance) * _others(silent, wrong, votes, k - votes, chance)
        for votes in range(1, min(right, k) + 1)
    )
    return min(round(total / _weight(n, k, chance), 12), 1.0)  # what is 0, or 1, is so exactly


def _others(silent: int, wrong: Sequence[int], most: int, size: int, chance: float) -> float:
    """Weight of the draws of `size` samples that are not right, in which no wrong answer has more than `most` votes."""
    small = silent + sum(votes for votes in wrong if votes < most)
    # Axes: how many answers have `most` votes; how many samples are drawn.
    weights = np.zeros((size // most + 1, size + 1))
    weights[0] = _weights(small, size, chance)
    for votes in (votes for votes in wrong if votes >= most):
        fewer, level = _weights(votes, min(most - 1, size), chance), _weight(votes, most, chance)
        added = np.stack([np.convolve(row, fewer)[: size + 1] for row in weights])
        if most <= size:
            added[1:, most:] += level * weights[:-1, : size + 1 - most]
        weights = added
    return float((weights[:, size] / np.arange(1, len(weights) + 1)).sum())


def _weights(n: int, most: int, chance: float) -> Floats:
    """`_weight` of 0 to `most`."""
    return np.array([_weight(n, drawn, chance) for drawn in range(most + 1)])


def _weight(n: int, drawn: int, chance: float) -> float:
    """The chance that so many of `n` are drawn, each with this chance."""
    if drawn > n:
        return 0.0
    if chance == 1:
        return float(drawn == n)
    logarithm = drawn * math.log(chance) + (n - drawn) * math.log1p(-chance)
    return math.exp(math.lgamma(n + 1) - math.lgamma(drawn + 1) - math.lgamma(n - drawn + 1) + logarithm)
