"""What our own reading says of two answers, without a process and without math-verify."""

from __future__ import annotations

from int_verl.maths.normal_form import normalise
from int_verl.maths.quick_comparison import decide
from int_verl.maths.thorough_comparison import judge_by_engine


def same_by_engine(gold: str, answer: str) -> bool:
    """Whether they are the same; an error where our own reading gives up."""
    wanted, given = normalise(gold), normalise(answer)
    quick = decide(wanted, given)
    if quick is not None:
        return quick
    verdict = judge_by_engine(wanted, given)
    assert verdict is not None, "our own reading gives up"
    return verdict[0] == "correct"
