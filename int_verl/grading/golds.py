"""Which gold answers can be graded against."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from int_verl.grading.grader import Grader
from int_verl.grading.reward_function import RewardFunction


def gold_fault(grader: Grader | RewardFunction, gold: Any) -> str | None:
    """Why a gold answer cannot be used, or None: the grader must understand it and find it equal to itself."""
    reason = grader.check_gold(gold)
    if reason is None and not grader.grade(gold, gold).correct:
        reason = "it does not grade equal to itself"
    return reason


def gold_faults(grader: Grader | RewardFunction, golds: Iterable[Any]) -> Iterator[str | None]:
    """`gold_fault` of each, in order; as many at a time as there are cores."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        yield from threads.map(lambda gold: gold_fault(grader, gold), golds)
