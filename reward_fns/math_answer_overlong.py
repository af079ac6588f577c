"""1 for a right boxed answer, else 0, with DAPO's soft penalty for responses that come close to the length limit.

    reward.custom_reward_function.path=pkg://int_verl.reward_fns.math_answer_overlong
    +reward.custom_reward_function.reward_kwargs.max_response_length=8192
    +reward.custom_reward_function.reward_kwargs.overlong_buffer_len=1024
    +reward.custom_reward_function.reward_kwargs.tokenizer=Qwen/Qwen3-4B

The penalty is 0 up to ``max_response_length - overlong_buffer_len``, then falls linearly to
``-overlong_penalty_factor`` at ``max_response_length`` and stays there (DAPO, equation 13). With verl's ``dapo``
reward manager, which has a penalty of its own, use `math_answer`.

Lengths are tokens if ``extra_info["response_length"]`` has them or ``tokenizer`` (a path or name) counts them,
otherwise characters: set the two limits accordingly.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from int_verl.grading import Decimals, Score, shared_grader


@lru_cache(maxsize=4)
def _load_tokenizer(name: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(name)


def soft_overlong_penalty(length: int, max_length: int, buffer: int, factor: float) -> float:
    """DAPO's penalty, between ``-factor`` and 0; without a buffer all of it beyond ``max_length``.

    >>> soft_overlong_penalty(7680, 8192, 1024, 1.0)
    -0.5
    """
    if buffer <= 0:
        return -factor if length > max_length else 0.0
    excess = length - (max_length - buffer)
    return -min(max(excess / buffer, 0.0), 1.0) * factor


def compute_score(
    data_source: str | None = None,  # noqa: ARG001
    solution_str: str | None = None,
    ground_truth: Any = None,
    extra_info: dict[str, Any] | None = None,
    *,
    max_response_length: int = 8192,
    overlong_buffer_len: int = 1024,
    overlong_penalty_factor: float = 1.0,
    tokenizer: str | None = None,
    timeout: float = 2.0,
    workers: int | None = None,
    decimals: Decimals = "gold",
    **_: Any,
) -> Score:
    """Grade one response and subtract what its length costs.

    Returns:
        ``score`` (``acc`` plus ``overlong_penalty``), ``acc``, ``pred``, ``verdict`` and ``overlong_penalty``.
    """
    grader = shared_grader(timeout=timeout, workers=workers, decimals=decimals)
    grade = grader.grade_response(solution_str, ground_truth)
    text = solution_str if isinstance(solution_str, str) else ""
    length = (extra_info or {}).get("response_length")
    if length is None:
        length = len(_load_tokenizer(tokenizer)(text).input_ids) if tokenizer else len(text)
    penalty = soft_overlong_penalty(int(length), max_response_length, overlong_buffer_len, overlong_penalty_factor)
    acc = float(grade.correct)
    return Score(
        {
            "score": acc + penalty,
            "acc": acc,
            "pred": grade.answer or "",
            "verdict": grade.verdict,
            "overlong_penalty": penalty,
        }
    )
