"""What a reward function returns."""

from __future__ import annotations

from typing import Any

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
