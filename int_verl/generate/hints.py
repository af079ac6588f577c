"""The beginning of a reference solution, as help with its problem."""

from __future__ import annotations

import math

from int_verl.generate.filters import leaks_answer
from int_verl.steps import cut_steps


def hint(reference_solution: str, answer: str, fraction: float) -> str:
    """The first steps of a reference solution: that share of them, never all, and nothing that gives the answer away.

    Steps are separated by blank lines; a reference of one paragraph is cut into sentences. Empty where there is no such
    beginning.

    >>> hint("First a. Then b. Hence 7.", "7", 0.5)
    'First a. Then b.'
    """
    steps = cut_steps(reference_solution.strip(), "blank_line")
    if len(steps) == 1:
        steps = cut_steps(reference_solution.strip(), "sentences")
    for count in range(min(math.ceil(fraction * len(steps)), len(steps) - 1), 0, -1):
        beginning = steps.text[: steps.start(count + 1)].rstrip()
        if not leaks_answer(beginning, answer):
            return beginning
    return ""
