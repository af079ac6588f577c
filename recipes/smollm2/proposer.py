"""A program that proposes: it reads the reference solution and finds the first wrong line of the attempt by arithmetic.

It stands in the place of a model that could check its own attempts; one of 135 million parameters cannot. All it sees
is what such a model would see, the verification prompt as text, and it answers as that prompt asks: a verdict a
substep, the first critical error, the block with the intervention. Calculations are those of one line,
`a + b = c` with any number of operands, units between them, or GSM8K's `<<a+b=c>>`.

A calculation of the attempt is wrong if its two sides differ, or if the reference never gets its value. Where none is,
the answer itself is. The intervention is the first line of the reference whose value the attempt has not had before
that place; of the last line, which has the answer, only what is to be calculated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from int_verl.generate.engines.base import Request

_NUMBER = r"\$?\d+(?:,\d{3})*(?:\.\d+)?%?"
_UNIT = r"\s*(?:[a-z]+\b\s*){0,3}?"
_SIGN = r"[-+*/×·÷−]|(?<![a-z])x(?![a-z])|\\times|\\cdot|\\div"
_SIGNS = {"x": "*", "×": "*", "·": "*", r"\times": "*", r"\cdot": "*", "÷": "/", r"\div": "/", "−": "-"}
_CALCULATION = re.compile(
    rf"(?<![\w.])(?P<left>{_NUMBER}{_UNIT}(?:(?:{_SIGN}){_UNIT}{_NUMBER}{_UNIT})+)=\s*(?P<right>{_NUMBER})",
    re.IGNORECASE,
)
_CALCULATOR = re.compile(r"<<[^>]*>>")
_SUBSTEP = re.compile(r"^\*\*Substep \d+:\*\* ", re.MULTILINE)
_ANSWER = re.compile(r"\\boxed|^####|\banswer\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Calculation:
    """`left = right` as a text has it."""

    left: str
    right: Fraction


def propose(request: Request) -> str:
    """A verification of the attempt in the request's prompt."""
    reference, steps = _parts(request.turns[-1])
    worked = [(line.strip(), found) for line in reference.splitlines() for found in calculations(line)]
    wrong, why = first_wrong(steps, {found.right for _, found in worked})
    had = {found.right for step in steps[: wrong - 1] for found in calculations(step)}
    missing = [number for number, (_, found) in enumerate(worked) if found.right not in had]
    content = ""
    if missing:
        line, calculation = worked[missing[0]]
        content = f"Now we have to calculate {calculation.left}." if missing[0] == len(worked) - 1 else line
    return "\n".join(
        [
            *(f"Substep {number} verdict: CORRECT" for number in range(1, wrong)),
            f"Substep {wrong} verdict: WRONG: {why}",
            f"First critical error: Substep {wrong}",
            "<intervention>",
            json.dumps({"content": content, "location": wrong}) if content else "",
            "</intervention>",
        ]
    )


def first_wrong(steps: Sequence[str], on_the_way: Collection[Fraction]) -> tuple[int, str]:
    """The number of the first wrong step, from 1, and why it is.

    Args:
        on_the_way: the values that the reference gets.
    """
    for number, step in enumerate(steps, 1):
        for found in calculations(step):
            if value_of(found.left) != found.right:
                return number, f"{found.left} is not {found.right}"
            if found.right not in on_the_way:
                return number, f"the reference never has {found.right}"
    answers = [number for number, step in enumerate(steps, 1) if _ANSWER.search(step)]
    return (answers[0] if answers else len(steps)), "this is not the answer"


def calculations(text: str) -> Iterator[Calculation]:
    """All calculations that a text has, in their order; a chain `a + b = c = d` counts with its first two."""
    for found in _CALCULATION.finditer(text):
        yield Calculation(" ".join(found["left"].split()), _number(found["right"]))


def value_of(expression: str) -> Fraction | None:
    """Of numbers with signs and words between them, products and quotients first; None: it has none (`3 / 0`)."""
    first, *others = map(_number, re.findall(_NUMBER, expression))
    signs = re.findall(_SIGN, expression, re.IGNORECASE)
    terms = [first]
    for sign, number in zip((_SIGNS.get(sign.lower(), sign) for sign in signs), others, strict=True):
        if sign in "+-":
            terms.append(number if sign == "+" else -number)
        elif sign == "*":
            terms[-1] *= number
        elif number:
            terms[-1] /= number
        else:
            return None
    return sum(terms, Fraction())


def _number(text: str) -> Fraction:
    number = Fraction(text.strip("$%").replace(",", ""))
    return number / 100 if text.endswith("%") else number


def _parts(prompt: str) -> tuple[str, list[str]]:
    """The reference solution and the attempt's steps, as `prompts/verify.jinja` has them."""
    reference, _, attempt = prompt.partition("### Reference solution\n")[2].partition("### Attempt\n")
    steps = _SUBSTEP.split(attempt.rpartition("### Task\n")[0])[1:]
    return _CALCULATOR.sub("", reference), [step.strip() for step in steps]
