"""The math grader that the generator, RL and evaluation share.

    from int_verl.grading import Grader

    with Grader(workers=4, timeout=2.0) as grader:
        grader.grade("0.5", "\\\\frac12").correct                    # True
        grader.grade_response("... \\\\boxed{x = 5}", "5").verdict    # 'correct'

Importing it imports neither math-verify nor sympy; answers that need them are compared in worker processes.
"""

from int_verl.grading.base_grader import VERDICTS, BaseGrader, Grade
from int_verl.grading.grader import Grader, as_text, holds_several, shared_grader
from int_verl.grading.reward_result import Score
from int_verl.maths.boxes import extract_answer
from int_verl.maths.decimals import Decimals

__all__ = [
    "VERDICTS",
    "BaseGrader",
    "Decimals",
    "Grade",
    "Grader",
    "Score",
    "as_text",
    "extract_answer",
    "holds_several",
    "shared_grader",
]
