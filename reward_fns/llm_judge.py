"""What a model says that the response is worth: for proofs and free text, which no rule can grade.

    reward.custom_reward_function.path=pkg://int_verl.reward_fns.llm_judge
    +reward.custom_reward_function.reward_kwargs.base_url=http://node1:8000/v1
    +reward.custom_reward_function.reward_kwargs.model=Qwen/Qwen3-32B
    +reward.custom_reward_function.reward_kwargs.cache=/shared/verdicts.sqlite

The settings are those of `int_verl.judging.judge.JudgeSettings`. ``extra_info`` has to hold the ``problem``, and may
hold ``reference_solution`` and ``rubric``. docs/reward-functions.md has a recipe, and what no template can do.
"""

from __future__ import annotations

from typing import Any

from int_verl.errors import UserError
from int_verl.grading import Score
from int_verl.grading.reward_result import SOLVED_FROM
from int_verl.judging.judge import Judgement, shared_judge
from int_verl.judging.question import as_text


async def compute_score(
    data_source: str | None = None,  # noqa: ARG001
    solution_str: str | None = None,
    ground_truth: Any = None,
    extra_info: dict[str, Any] | None = None,
    *,
    reward_router_address: str | None = None,  # noqa: ARG001 - verl's, of its own reward model
    reward_model_tokenizer: Any = None,  # noqa: ARG001
    **settings: Any,
) -> Score:
    """Have one response judged.

    Returns:
        ``score`` (0 to 1), ``acc`` (1.0 from a score of 0.5), ``pred`` (``""``), ``verdict`` (``correct``,
        ``incorrect``, ``no_answer``, ``timeout`` or ``error``) and ``fault``: why there is no verdict, ``""`` if there
        is. It never raises.
    """
    response = solution_str if isinstance(solution_str, str) else ""
    try:
        judge = shared_judge(settings)
        judgement = await judge.judge(response, as_text(ground_truth), extra_info or {})
    except UserError as error:
        judgement = Judgement(0.0, f"settings: {error}")
    if judgement is None:
        verdict, judgement = "no_answer", Judgement(0.0)
    elif judgement.fault:
        verdict = "timeout" if judgement.fault.startswith("timeout") else "error"
    else:
        verdict = "correct" if judgement.score >= SOLVED_FROM else "incorrect"
    acc = float(verdict == "correct")
    return Score({"score": judgement.score, "acc": acc, "pred": "", "verdict": verdict, "fault": judgement.fault})
