"""What a reward function returns, and which grade that is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from int_verl.grading.base_grader import VERDICTS, Grade

SOLVED_FROM = 0.5
"A score, or an `acc`, of at least so much means a right answer; partial credit and bonuses stay below."


class Score(dict[str, Any]):
    """A reward function's dict that also counts as its ``score``.

    verl's reward managers want a dict; its ``main_eval`` takes the mean of whatever comes back.

    >>> import numpy as np
    >>> float(np.mean([Score(score=1.0, acc=1.0), Score(score=0.0, acc=0.0)]))
    0.5
    """

    def __float__(self) -> float:
        return float(self["score"])

    def __add__(self, other: Any) -> float:
        return float(self) + float(other)

    __radd__ = __add__

    def __truediv__(self, other: Any) -> float:
        return float(self) / float(other)


def read_result(result: Any) -> Grade | str:
    """What a reward function returned as a grade, or why it is none.

    >>> read_result({"score": 1.0, "pred": "4"}).verdict, read_result(0.2).verdict, read_result({"acc": 1})
    ('correct', 'incorrect', "it returned a dict without score: {'acc': 1}")
    """
    values = result if isinstance(result, Mapping) else {"score": result}
    if values.get("fault"):
        return str(values["fault"])
    if "score" not in values:
        return f"it returned a dict without score: {str(result)[:100]}"
    for key in ("score", "acc"):
        value = values.get(key, 0.0)
        if not isinstance(value, int | float) or not math.isfinite(value):
            return f"it returned {key}={str(value)[:100]}, which is no number"
    correct = values["acc" if "acc" in values else "score"] >= SOLVED_FROM
    verdict = values.get("verdict")
    if correct or verdict not in VERDICTS or verdict == "correct":
        verdict = "correct" if correct else "incorrect"
    pred = values.get("pred")
    return Grade(str(verdict), None if pred in (None, "") else str(pred), "reward function")
