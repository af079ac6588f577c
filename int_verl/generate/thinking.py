"""Outputs of models that think first: `<think>...</think>` and then the solution.

A chat template may open the thinking in the prompt (Qwen3-Thinking, DeepSeek-R1): the output then begins inside it and
holds only `</think>`. What is opened there is put in front before an output is read, never into its tokens.
"""

from __future__ import annotations

import re

from int_verl.maths.boxes import after_thinking
from int_verl.settings.generation import ThinkingRule

OPEN, CLOSE = "<think>", "</think>"
_OPENING_TAG = re.compile(r"\s*<think>\s*")


def opened_in(prompt: str) -> str:
    """`<think>` if a prompt ends in an open one, else nothing.

    >>> opened_in("<|im_start|>assistant\\n<think>\\n"), opened_in("<think>\\n\\n</think>\\n\\n")
    ('<think>', '')
    """
    return OPEN if prompt.rstrip().endswith(OPEN) else ""


def answer_in(output: str, opened: str) -> str | None:
    """What follows the last `</think>`; the whole output if there is no thinking, None if it is never closed."""
    return after_thinking(opened + output)


def steps_begin(output: str, opened: str, rule: ThinkingRule) -> int:
    """Offset in an output at which its steps begin.

    ``all``: the thinking has steps, too; only an opening tag stands before them. ``solution``: the part after the last
    `</think>` and the white space there; the end of an output whose thinking is never closed.
    """
    if rule == "all":
        tag = _OPENING_TAG.match(output)
        return tag.end() if tag else 0
    answer = answer_in(output, opened)
    if answer is None:
        return len(output)
    return len(output) - len(answer.lstrip()) if CLOSE in output else 0
