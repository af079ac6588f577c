"""The thorough comparison, run inside a worker process: our own reading first, math-verify where that gives up."""

from __future__ import annotations

from int_verl.grading import structure, symbolic
from int_verl.grading.limits import TooLarge
from int_verl.grading.syntax import Unsupported


class Cold(Exception):
    """math-verify is needed, and this process was forked before it was imported."""


_warm = False


def warm_up() -> None:
    """Import and exercise all that a comparison needs, before workers are forked."""
    global _warm
    symbolic.warm_up()
    _warm = True


def warm_up_engine() -> None:
    """Exercise what does without math-verify."""
    judge("\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}")
    judge("\\sin^2 x + \\cos^2 x", "1")
    judge("(0,1) \\cup [2, \\infty)", "x > 0")


def judge(gold: str, answer: str) -> tuple[str, str]:
    """Verdict on two normalised answers, and by which means it was reached."""
    try:
        same = structure.same(structure.read(gold), structure.read(answer))
        if not same and (structure.ambiguous(gold) or structure.ambiguous(answer)):
            same = structure.same(structure.read(gold, False), structure.read(answer, False))
        return ("correct" if same else "incorrect"), "engine"
    except TooLarge as problem:
        return "too_large", str(problem)
    except (structure.Undecided, Unsupported, KeyError, ArithmeticError, ValueError):
        pass
    if not _warm:
        raise Cold
    verdict = symbolic.same(gold, answer)
    if verdict is None:
        return "gold_unparsable", "math-verify"
    return ("correct" if verdict else "incorrect"), "math-verify"
