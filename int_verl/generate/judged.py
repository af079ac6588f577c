"""What became of a response: the grader's verdict on it, or why there is nothing to grade."""

from __future__ import annotations

from int_verl.generate.sampler import Draw
from int_verl.grading import BaseGrader
from int_verl.problems.sets import Problem


async def judged(draw: Draw, problem: Problem, grader: BaseGrader, start: str = "") -> tuple[str, str | None]:
    """The outcome of a response that begins with `start`, and its answer.

    The outcome is the grader's verdict; `truncated` for a response that is not correct and that the length limit
    cut off; `unclosed_thinking` for one that ended in its thinking; `prompt_too_long` or `lost` if there is none.
    """
    if draw.answer(start) is None:
        return draw.no_answer, None
    response = start + (draw.text or "")
    grade = await grader.agrade_response(response, problem.answer, problem.source, problem.reward_info)
    return "truncated" if draw.cut_off and not grade.correct else grade.verdict, grade.answer
