"""A reward function to copy: 1 if the last line of the response is the gold answer, else 0.

Copy this file anywhere, change `grade`, and point verl at it:

    reward.custom_reward_function.path=/path/to/my_reward.py
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.ignore_case=true

Then `int-verl reward check --fn /path/to/my_reward.py:compute_score --file train.parquet` tells whether verl can use
it. What verl expects, and does not check:

- It is called with keywords during training and with three positional arguments by ``main_eval``.
- It runs in several threads at once, so no ``signal.alarm`` and no unguarded global state.
- It never raises: an exception fails the whole group of responses without a word.
- It returns the same keys every time and no None. ``score`` is the reward, ``acc`` is what validation averages,
  ``pred`` (a string) is what majority voting counts. `Score` is a dict that ``main_eval`` can average too.
"""

from __future__ import annotations

from typing import Any

from int_verl.grading import Score


def grade(response: str, gold: str, *, ignore_case: bool) -> bool:
    """Whether ``response`` is right. This is the part to change."""
    lines = response.strip().splitlines()
    said, wanted = (lines[-1].strip() if lines else ""), gold.strip()
    return said.casefold() == wanted.casefold() if ignore_case else said == wanted


def compute_score(
    data_source: str | None = None,  # noqa: ARG001
    solution_str: str | None = None,
    ground_truth: Any = None,
    extra_info: dict[str, Any] | None = None,  # noqa: ARG001
    *,
    ignore_case: bool = False,
    **_: Any,
) -> Score:
    """Grade one response.

    Returns:
        ``score``, ``acc``, ``pred`` and ``verdict``.
    """
    response = solution_str if isinstance(solution_str, str) else ""
    lines = response.strip().splitlines()
    said = lines[-1].strip() if lines else ""
    if ground_truth is None:
        return Score(score=0.0, acc=0.0, pred=said, verdict="gold_unparsable")
    right = grade(response, str(ground_truth), ignore_case=ignore_case)
    score = 1.0 if right else 0.0
    return Score(score=score, acc=score, pred=said, verdict="correct" if right else "incorrect")
