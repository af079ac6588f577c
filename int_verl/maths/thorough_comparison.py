"""The thorough comparison, run inside a worker process: our own reading first, math-verify where that gives up."""

from __future__ import annotations

from int_verl.maths import ask_math_verify, two_readings
from int_verl.maths.answer_items import (
    NO_COMMITMENT,
    Contradiction,
    Item,
    NamedGroup,
    NotUnderstood,
    Open,
    Set,
    Text,
    Tuple,
)
from int_verl.maths.combinations import with_calls
from int_verl.maths.domains import domains_differ, with_names_of
from int_verl.maths.normal_form import spelling
from int_verl.maths.read_answer import ambiguous, read
from int_verl.maths.same_answer import same
from int_verl.maths.size_limits import TooLarge
from int_verl.maths.undecided import GIVES_UP


class Cold(Exception):
    """math-verify is needed, and this process was forked before it was imported."""


_warm = False


def warm_up() -> None:
    """Import and exercise all that a comparison needs, before workers are forked."""
    global _warm
    ask_math_verify.warm_up()
    _warm = True


def warm_up_engine() -> None:
    """Exercise what does without math-verify."""
    judge("\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}")
    judge("\\sin^2 x + \\cos^2 x", "1")
    judge("(0,1) \\cup [2, \\infty)", "x > 0")


def judge_by_engine(gold: str, answer: str) -> tuple[str, str] | None:
    """Verdict on two normalised answers by their text or our own reading of them; None where that gives up."""
    if _letters(gold) == _letters(answer) and spelling(gold) == spelling(answer):
        return "correct", "text"
    gold, answer = with_calls(gold, answer), with_calls(answer, gold)
    answer = with_names_of(gold, answer)
    try:
        wanted = read(gold)
        if any(isinstance(item, NO_COMMITMENT) for item in wanted):
            return "gold_unparsable", "engine"
        agree = same(wanted, read(answer))
        if not agree and (ambiguous(gold) or ambiguous(answer)):
            agree = same(read(gold, False), read(answer, False))
        return ("correct" if agree and not domains_differ(gold, answer) else "incorrect"), "engine"
    except TooLarge as problem:
        return "too_large", str(problem)
    except GIVES_UP:
        return None


def _letters(text: str) -> str:
    """What two texts of one `spelling` have in common, told fast."""
    return text.replace(" ", "").replace("{", "").replace("}", "")


def judge(gold: str, answer: str) -> tuple[str, str]:
    """Verdict on two normalised answers, and by which means it was reached.

    One ``text`` is right whether or not anybody can read it. Then comes our own reading (``engine``), and where that
    cannot read a side or compare the two, ``math-verify``, which has no say anywhere else.
    """
    by_engine = judge_by_engine(gold, answer)
    if by_engine is not None:
        return by_engine
    verdict = _by_math_verify(gold, answer)
    return {None: "gold_unparsable", True: "correct", False: "incorrect"}[verdict], "math-verify"


def _by_math_verify(gold: str, answer: str) -> bool | None:
    if not _warm:
        raise Cold
    return ask_math_verify.verdict(gold, answer)


def compare_readings(gold: str) -> tuple[str, str]:
    """Whether math-verify reads a normalised gold as we do: ``same``, or ``other`` and both readings."""
    if not _warm:
        raise Cold
    difference = two_readings.difference(gold)
    return ("same", "") if difference is None else ("other", difference)


_LONG_TEXT_WORDS = 6


def inspect(gold: str) -> tuple[str, str]:
    """Whether a normalised gold can be graded against: (``usable`` or ``unusable``, reason)."""
    try:
        items = read(gold)
        if any(isinstance(item, Contradiction) for item in items):
            return "unusable", "it contradicts itself"
        if any(isinstance(item, Open) for item in items):
            return "unusable", "it is put in question, or goes on"
        if any(isinstance(item, Text) and len(item.text.split()) > _LONG_TEXT_WORDS for item in items):
            return "unusable", "it is prose: nothing but the same words would be right"
        if not any(map(_holds_unread, items)):
            return ("usable", "engine") if same(items, items) else ("unusable", "it does not equal itself")
    except TooLarge as problem:
        return "unusable", f"too large ({problem})"
    except GIVES_UP:
        pass
    verdict = _by_math_verify(gold, gold)
    if verdict is None:
        return "unusable", "it cannot be parsed"
    return ("usable", "math-verify") if verdict else ("unusable", "it does not equal itself")


def _holds_unread(item: Item) -> bool:
    """Whether a part of an item was not understood: it has the same text as itself, and may equal nothing else."""
    match item:
        case NotUnderstood():
            return True
        case Tuple(entries=parts) | NamedGroup(entries=parts) | Set(members=parts):
            return any(map(_holds_unread, parts))
    return False
