"""1 if the response picks the gold option of a multiple choice, else 0.

    reward.custom_reward_function.path=pkg://int_verl.reward_fns.multiple_choice

``ground_truth`` is a letter, as ``C`` or ``(C)``, or the text of the option if ``extra_info["choices"]`` lists them in
order. The pick is read from the last box; without a box, from a closing "the answer is (C)" (``unboxed=false`` forbids
that). Naming two options picks none.
"""

from __future__ import annotations

import re
import string
from typing import Any

from int_verl.grading import Score, as_text, extract_answer

_MARKUP = re.compile(r"\\(?:text|textbf|mathrm|mathbf|boldsymbol)\s*(?=\{)|[{}$*]")
_PICK = re.compile(r"\(?\s*([A-Za-z])\s*(?:\)|[.:](?=\s|$)|$)")


def letter(answer: str, choices: list[str] | None = None) -> str | None:
    """The option that ``answer`` names, as a capital letter; None if it names none, or several."""
    plain = _MARKUP.sub("", answer).strip()
    if choices:
        wanted = " ".join(plain.split()).casefold()
        for name, choice in zip(string.ascii_uppercase, choices, strict=False):
            if " ".join(str(choice).split()).casefold() == wanted:
                return name
    match = _PICK.match(plain)
    if match is None:
        return None
    others = set(re.findall(r"\(([A-Z])\)|\b([B-HJ-Z])\b", plain[match.end() :]))
    if any(name for pair in others for name in pair if name):
        return None
    return match[1].upper()


def compute_score(
    data_source: str | None = None,  # noqa: ARG001
    solution_str: str | None = None,
    ground_truth: Any = None,
    extra_info: dict[str, Any] | None = None,
    *,
    unboxed: bool = True,
    **_: Any,
) -> Score:
    """Compare the option that a response picks with the gold.

    Returns:
        ``score``, ``acc``, ``pred`` (the letter) and ``verdict`` (``correct``, ``incorrect``, ``no_answer`` or
        ``gold_unparsable``).
    """
    choices = (extra_info or {}).get("choices")
    choices = [str(choice) for choice in choices] if choices is not None else None
    answer = extract_answer(solution_str, unboxed=unboxed) if isinstance(solution_str, str) else None
    picked = letter(answer, choices) if answer is not None else None
    wanted = letter(as_text(ground_truth) or "", choices)
    if wanted is None:
        verdict = "gold_unparsable"
    elif picked is None:
        verdict = "no_answer"
    else:
        verdict = "correct" if picked == wanted else "incorrect"
    score = 1.0 if verdict == "correct" else 0.0
    return Score({"score": score, "acc": score, "pred": picked or "", "verdict": verdict})
