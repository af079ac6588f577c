"""What `n` samples of a problem, `c` of them right, say about draws of `k`: pass@k and the zero-advantage ratio."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


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

    >>> zero_advantage_at(4, 1, 2)
    0.5

    Raises:
        ValueError: as in `pass_at_k`.
    """
    n, c, group = _checked(n=n, c=c, group=group)
    return (math.comb(n - c, group) + math.comb(c, group)) / math.comb(n, group)


def zero_advantage_ratio(rewards_P_G: Iterable[ArrayLike]) -> float:
    """Share of groups in which all rewards are equal, so that no rollout has an advantage.

    Args:
        rewards_P_G: one row a group; rows may differ in length.

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


def whole_numbers(**values: Any) -> tuple[int, ...]:
    """The values as whole numbers.

    Raises:
        ValueError: with names and values, if one is not whole by its type.
    """
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
