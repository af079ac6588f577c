"""1 if the boxed answer is the gold answer letter by letter (but for case and spaces), else 0.

    reward.custom_reward_function.path=pkg://int_verl.reward_fns.exact_match

For answers that are not mathematics: names, labels, code words. ``ground_truth`` may be a list: any of it is right.
"""

from __future__ import annotations

from typing import Any

from int_verl.grading import Score, as_text, extract_answer, holds_several


def _plain(text: Any) -> str:
    return " ".join((as_text(text) or "").split()).casefold()


def compute_score(
    data_source: str | None = None,  # noqa: ARG001
    solution_str: str | None = None,
    ground_truth: Any = None,
    extra_info: dict[str, Any] | None = None,  # noqa: ARG001
    *,
    unboxed: bool = False,
    **_: Any,
) -> Score:
    """Compare one response's answer with the gold as strings.

    Args:
        unboxed: also read an answer stated in words where there is no box.

    Returns:
        ``score``, ``acc``, ``pred`` and ``verdict`` (``correct``, ``incorrect``, ``no_answer`` or ``gold_unparsable``).
    """
    answer = extract_answer(solution_str, unboxed=unboxed) if isinstance(solution_str, str) else None
    golds = list(ground_truth) if holds_several(ground_truth) else [ground_truth]
    wanted = set(filter(None, map(_plain, golds)))
    if answer is None:
        verdict = "no_answer"
    elif not wanted:
        verdict = "gold_unparsable"
    else:
        verdict = "correct" if _plain(answer) in wanted else "incorrect"
    score = 1.0 if verdict == "correct" else 0.0
    return Score({"score": score, "acc": score, "pred": answer or "", "verdict": verdict})
