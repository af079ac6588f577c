"""Figures of samples: pass@k and the zero-advantage ratio of a problem, and confidence intervals over problems."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
RESAMPLES = 10_000

Estimate = dict[str, float]  # {"value": 0.41, "low": 0.36, "high": 0.46}
Floats = NDArray[np.float64]


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased estimate of the chance that at least one of `k` samples is right (Chen et al. 2021, arXiv 2107.03374).

    The share of the k-subsets of `n` samples, `c` of them right, that hold a right one: ``1 - C(n-c, k) / C(n, k)``.
    Computed in whole numbers and rounded once, so nothing overflows or cancels.

    >>> pass_at_k(4, 1, 2)
    0.5

    Raises:
        ValueError: not whole numbers with 1 <= k <= n and 0 <= c <= n.
    """
    n, c, k = _checked(n=n, c=c, k=k)
    subsets = math.comb(n, k)
    return (subsets - math.comb(n - c, k)) / subsets


def zero_advantage_at(n: int, c: int, group: int) -> float:
    """Unbiased estimate of the chance that a group of rollouts has equal rewards, from `n` samples with `c` right.

    ``(C(n-c, group) + C(c, group)) / C(n, group)``; with ``group == n`` it is 1 when all samples agree and else 0.
    Raises as `pass_at_k`.

    >>> zero_advantage_at(4, 1, 2)
    0.5
    """
    n, c, group = _checked(n=n, c=c, group=group)
    return (math.comb(n - c, group) + math.comb(c, group)) / math.comb(n, group)


def zero_advantage_ratio(rewards_P_G: Iterable[ArrayLike]) -> float:
    """Share of groups, which may differ in length, with all rewards equal, so that no rollout has an advantage.

    >>> zero_advantage_ratio([[0, 0, 0], [0, 1, 0], [1, 1, 1]])
    0.6666666666666666

    Raises:
        ValueError: no groups, an empty group, or a reward that is not a finite number.
    """
    groups = [np.asarray(group, dtype=np.float64).reshape(-1) for group in rewards_P_G]
    if not groups:
        raise ValueError("zero_advantage_ratio needs at least one group of rewards")
    for i, group in enumerate(groups):
        if not group.size or not np.isfinite(group).all():
            raise ValueError(f"group {i} must hold at least one reward, all of them finite")
    return float(np.mean([group.min() == group.max() for group in groups]))


def bootstrap(
    numerator_P: ArrayLike,
    denominator_P: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    signed: bool = False,
    share: bool = True,
) -> Estimate:
    """A mean over problems, or a ratio of two sums over problems, with its percentile bootstrap interval.

    Problems are drawn with replacement, because samples of one problem are not independent. Where every problem is
    at 0 or every problem is at 1 the bootstrap would give an interval of no width; there the bound is Wilson's for
    the share of problems off that end (on both sides of 0 if `signed`).

    Args:
        numerator_P: a value a problem, for example its pass@1 or its number of right rollouts.
        denominator_P: for example its number of rollouts; without it the mean of `numerator_P`.
        signed: values lie in -1..1, not in 0..1, as paired differences do.
        share: False for values of any size, such as lengths.

    Raises:
        ValueError: no problems, shapes that differ, values that are not finite, or denominators that are not positive.
    """
    numerators = np.asarray(numerator_P, dtype=np.float64)
    denominators = np.ones_like(numerators) if denominator_P is None else np.asarray(denominator_P, dtype=np.float64)
    if numerators.ndim != 1 or not numerators.size or numerators.shape != denominators.shape:
        raise ValueError("one value a problem is needed, at least one problem, and as many denominators as numerators")
    if not np.isfinite(numerators).all() or not np.isfinite(denominators).all() or (denominators <= 0).any():
        raise ValueError("values must be finite and denominators positive")
    value = float(numerators.sum() / denominators.sum())
    rates = numerators / denominators
    if share and _all_at_one_end(rates):
        return _wilson_around(value, len(rates), signed)
    return _percentile_interval(value, _resampled_ratios(numerators, denominators, resamples, seed))


def bootstrap_times(
    ours_P: tuple[ArrayLike, ArrayLike], theirs_P: tuple[ArrayLike, ArrayLike], *, resamples: int = RESAMPLES
) -> dict[str, float | None] | None:
    """How many times as high our rate is as theirs, with its percentile bootstrap interval; None if theirs is 0.

    Problems are drawn with replacement, the same for both. `high` is None where theirs is 0 in too many resamples for a
    bound.

    Args:
        ours_P: successes and trials a problem.
        theirs_P: the same, of the same problems in the same order.
    """
    ours, theirs = (float(np.sum(right_P) / np.sum(drawn_P)) for right_P, drawn_P in (ours_P, theirs_P))
    if not theirs:
        return None
    drawn = [
        _resampled_ratios(np.asarray(right_P, dtype=np.float64), np.asarray(drawn_P, dtype=np.float64), resamples, 0)
        for right_P, drawn_P in (ours_P, theirs_P)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        times_B = np.nan_to_num(drawn[0] / drawn[1], nan=np.inf, posinf=np.inf)
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    low, high = (float(bound) for bound in np.quantile(times_B, tails, method="inverted_cdf"))
    return {"value": ours / theirs, "low": low, "high": high if math.isfinite(high) else None}


def bootstrap_average(
    values_of_sets: Sequence[ArrayLike], *, resamples: int = RESAMPLES, seed: int = 0, signed: bool = False
) -> Estimate:
    """The mean of the means of several problem sets, each of which counts the same whatever its size.

    The problems of every set are resampled among themselves. Intervals at an end, and `signed`, as in `bootstrap`.

    Args:
        values_of_sets: of each set a value a problem, a share.

    Raises:
        ValueError: no sets, a set without problems, or values that are not finite.
    """
    sets = [np.asarray(values, dtype=np.float64) for values in values_of_sets]
    if not sets or any(one.ndim != 1 or not one.size or not np.isfinite(one).all() for one in sets):
        raise ValueError("at least one set is needed, and a finite value for each of its problems")
    value = float(np.mean([one.mean() for one in sets]))
    if _all_at_one_end(together := np.concatenate(sets)):
        return _wilson_around(value, len(together), signed)
    draws_S_B = [_resampled_ratios(one, np.ones_like(one), resamples, seed + i) for i, one in enumerate(sets)]
    return _percentile_interval(value, np.mean(draws_S_B, axis=0))


def _all_at_one_end(shares: Floats) -> bool:
    return bool((shares == 0).all() or (shares == 1).all())


def _wilson_around(value: float, problems: int, signed: bool) -> Estimate:
    width = wilson(0, problems)["high"]
    return {"value": value, "low": max(value - width, -1.0 if signed else 0.0), "high": min(value + width, 1.0)}


def _percentile_interval(value: float, values_B: Floats) -> Estimate:
    low, high = map(float, np.quantile(values_B, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    return {"value": value, "low": low, "high": high}


def wilson(successes: int, trials: int) -> Estimate:
    """A share with Wilson's interval (Wilson 1927), which has a width even where nothing or everything succeeds.

    >>> round(wilson(0, 64)["high"], 3)
    0.057

    Raises:
        ValueError: no trials, or more successes than trials.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} successes in {trials} trials cannot be")
    z2 = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) ** 2
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return {"value": share, "low": max(middle - half, 0.0), "high": min(middle + half, 1.0)}


def _resampled_ratios(numerators: Floats, denominators: Floats, resamples: int, seed: int) -> Floats:
    """Ratio of sums in each of B resamples of the problems; a few million draws at a time."""
    rng = np.random.default_rng(seed)
    size = len(numerators)
    per_chunk = max(1, 2_000_000 // size)
    chunks = []
    for start in range(0, resamples, per_chunk):
        picks_B_P = rng.integers(size, size=(min(per_chunk, resamples - start), size))
        chunks.append(numerators[picks_B_P].sum(axis=1) / denominators[picks_B_P].sum(axis=1))
    return np.concatenate(chunks)


def whole_numbers(**values: Any) -> tuple[int, ...]:
    """The values as whole numbers; a ValueError with names and values, if one is not whole by its type."""
    try:
        return tuple(operator.index(value) for value in values.values())
    except TypeError:
        raise ValueError(
            f"whole numbers are needed, not {', '.join(f'{k}={v!r}' for k, v in values.items())}"
        ) from None


def _checked(**values: Any) -> tuple[int, ...]:
    n, c, k = whole_numbers(**values)
    if not 0 <= c <= n:
        raise ValueError(f"of {n} samples {c} cannot be right")
    if not 1 <= k <= n:
        raise ValueError(f"a draw of {k} needs between 1 and {n} samples; draw more samples or lower k")
    return n, c, k
