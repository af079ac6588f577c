"""The thorough comparison, run inside a worker process."""

from __future__ import annotations

from int_verl.grading import symbolic


def warm_up() -> None:
    """Import and exercise what a comparison needs, before any worker is forked."""
    symbolic.warm_up()
    judge("\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}")


def judge(gold: str, answer: str) -> tuple[str, str]:
    """Verdict on two normalised answers, and by which means it was reached."""
    same = symbolic.same(gold, answer)
    if same is None:
        return "gold_unparsable", "math-verify"
    return ("correct" if same else "incorrect"), "math-verify"
