"""1 for a right boxed answer, else 0.

    reward.custom_reward_function.path=pkg://int_verl.reward_fns.math_answer
    reward.custom_reward_function.name=compute_score

Settings, each as ``+reward.custom_reward_function.reward_kwargs.<name>=<value>``:

- ``timeout`` (2.0): wall-clock seconds for one comparison.
- ``workers`` (number of cores, at most 4): worker processes of each reward process.
- ``unboxed`` (false): also read an answer stated in words where there is no box.
- ``decimals`` (gold): whose decimals may be roundings, ``gold``, ``exact`` (nobody's) or ``both``.
"""

from __future__ import annotations

from typing import Any

from int_verl.grading import Decimals, Score, shared_grader


def compute_score(
    data_source: str | None = None,  # noqa: ARG001
    solution_str: str | None = None,
    ground_truth: Any = None,
    extra_info: dict[str, Any] | None = None,  # noqa: ARG001
    *,
    timeout: float = 2.0,
    workers: int | None = None,
    unboxed: bool = False,
    decimals: Decimals = "gold",
    **_: Any,
) -> Score:
    """Grade one response.

    Args:
        data_source: ignored; every source is graded the same way.
        solution_str: the response.
        ground_truth: the gold answer, boxed or bare.
        extra_info: ignored.

    Returns:
        ``score`` (1.0 or 0.0), ``acc`` (the same), ``pred`` (the extracted answer, ``""`` if there is none) and
        ``verdict`` (see `int_verl.grading.VERDICTS`). It never raises.
    """
    grader = shared_grader(timeout=timeout, workers=workers, unboxed=unboxed, decimals=decimals)
    grade = grader.grade_response(solution_str, ground_truth)
    score = float(grade.correct)
    return Score({"score": score, "acc": score, "pred": grade.answer or "", "verdict": grade.verdict})
