"""Confidence intervals over problems: the bootstrap's and Wilson's."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
RESAMPLES = 10_000

Estimate = dict[str, float]  # {"value": 0.41, "low": 0.36, "high": 0.46}
Floats = NDArray[np.float64]


def bootstrap(
    numerator_P: ArrayLike,
    denominator_P: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    signed: bool = False,
) -> Estimate:
    """A mean over problems, or a ratio of two sums over problems, with its percentile bootstrap interval.

    Problems are drawn with replacement, because samples of one problem are not independent. Where every problem is
    at 0 or every problem is at 1 the bootstrap would give an interval of no width; there the bound is Wilson's for
    the share of problems off that end (on both sides of 0 if `signed`).

    Args:
        numerator_P: a value a problem, for example its pass@1 or its number of right rollouts.
        denominator_P: for example its number of rollouts; without it the mean of `numerator_P`.
        signed: values lie in -1..1, not in 0..1, as paired differences do.

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
    if (rates == 0).all() or (rates == 1).all():
        width = wilson(0, len(rates))["high"]
        low, high = max(value - width, -1.0 if signed else 0.0), min(value + width, 1.0)
    else:
        ratios_B = _resampled_ratios(numerators, denominators, resamples, seed)
        low, high = map(float, np.quantile(ratios_B, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
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
