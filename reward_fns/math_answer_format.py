"""1 for a right boxed answer, plus a bonus for the asked format whether or not the answer is right.

    reward.custom_reward_function.path=pkg://int_verl.reward_fns.math_answer_format
    +reward.custom_reward_function.reward_kwargs.format_bonus=0.1
    +reward.custom_reward_function.reward_kwargs.think=true

The format is kept if the response has exactly one answer to extract, in a box that is not empty, and, with ``think``, a
single thought that ends in ``</think>`` before the box. Keep the bonus small: it is paid for wrong answers too.
"""

from __future__ import annotations

from typing import Any

from int_verl.grading import Decimals, Score, extract_answer, shared_grader


def keeps_format(response: str, *, think: bool) -> bool:
    """Whether ``response`` has the asked form."""
    if extract_answer(response) is None:
        return False
    if not think:
        return True
    return response.count("</think>") == 1 and response.count("<think>") <= 1 and response.find("<think>") <= 0


def compute_score(
    data_source: str | None = None,  # noqa: ARG001
    solution_str: str | None = None,
    ground_truth: Any = None,
    extra_info: dict[str, Any] | None = None,  # noqa: ARG001
    *,
    format_bonus: float = 0.1,
    think: bool = False,
    timeout: float = 2.0,
    workers: int | None = None,
    decimals: Decimals = "gold",
    **_: Any,
) -> Score:
    """Grade one response and its format.

    Returns:
        ``score`` (``acc`` plus ``format_bonus`` where the format is kept), ``acc``, ``pred``, ``verdict`` and
        ``format`` (1.0 or 0.0).
    """
    grader = shared_grader(timeout=timeout, workers=workers, decimals=decimals)
    grade = grader.grade_response(solution_str, ground_truth)
    acc = float(grade.correct)
    kept = 1.0 if isinstance(solution_str, str) and keeps_format(solution_str, think=think) else 0.0
    return Score(
        {
            "score": acc + format_bonus * kept,
            "acc": acc,
            "pred": grade.answer or "",
            "verdict": grade.verdict,
            "format": kept,
        }
    )
