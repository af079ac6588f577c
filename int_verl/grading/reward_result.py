"""What a reward function returns, and which grade that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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


def as_score(result: Any, keys: Sequence[str] = ()) -> Score | str:
    """What a reward function returned with the same keys every time, or why it is no score.

    Args:
        keys: of its dict, beside `score`, `acc`, `pred` and `verdict`, that are kept: numbers, 0 where there is none.

    >>> as_score({"score": 2, "bonus": 1, "odd": None}, ["bonus", "absent"])
    {'score': 2.0, 'acc': 2.0, 'pred': '', 'verdict': 'correct', 'bonus': 1.0, 'absent': 0.0}
    """
    grade = read_result(result)
    if isinstance(grade, str):
        return grade
    values = result if isinstance(result, Mapping) else {"score": result}
    score = float(values["score"])
    numbers = {key: float(values[key]) if _is_number(values.get(key)) else 0.0 for key in keys}
    acc = float(values.get("acc", score))
    return Score({"score": score, "acc": acc, "pred": grade.answer or "", "verdict": grade.verdict, **numbers})


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
        if not _is_number(value):
            return f"it returned {key}={str(value)[:100]}, which is no number"
    correct = values["acc" if "acc" in values else "score"] >= SOLVED_FROM
    verdict = values.get("verdict")
    if correct or verdict not in VERDICTS or verdict == "correct":
        verdict = "correct" if correct else "incorrect"
    pred = values.get("pred")
    return Grade(str(verdict), None if pred in (None, "") else str(pred), "reward function")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
