"""The letters of a multiple choice: ``\\text{(B)}``, ``B. 12``, ``ACD``."""

from __future__ import annotations

import re

from int_verl.maths import answer_items as items
from int_verl.maths.answer_items import Item

_OPTION = re.compile(
    r"(?:option|choice)?\s*(?:\(\s*([A-Ja-j])\s*\)\s*[^()+*/^=-]*|([A-Ja-j])\s*[).:](?!\s*[0-9]+\s*$).*|([A-Ja-j]))",
    re.DOTALL | re.I,
)
_CHOICE = re.compile(r"(?:\\(?:text|textbf|mathrm|mathbf)|[{\s])*\(?[{\s]*([A-J])[}\s]*\)?[}\s]*")
_LETTERS = frozenset("ABCDEFGH")
_TEXT_MARKS = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*(?=\{)|[{}$]")


def chosen_option(gold: Item, answer: Item) -> bool | None:
    """For a gold that is one letter of a multiple choice: whether the answer picks it. None: no choice."""
    wanted, said = _CHOICE.fullmatch(gold.text), option(answer.text)
    return None if wanted is None or said is None else said == wanted[1]


def option(text: str) -> str | None:
    """The letter of a multiple choice that a text picks."""
    said = _OPTION.fullmatch(_TEXT_MARKS.sub("", text).strip())
    return None if said is None else (said[1] or said[2] or said[3]).upper()


def options(side: tuple[Item, ...]) -> set[str] | None:
    """The letters of an answer like ``ACD``, each once and in their order; None for any other."""
    if len(side) > 1 or not isinstance(side[0], (items.Value, items.Text)):
        return None
    text = _TEXT_MARKS.sub("", side[0].text).strip()
    is_list = 2 <= len(text) <= 6 and set(text) <= _LETTERS and sorted(set(text)) == list(text)
    return set(text) if is_list else None


def is_letter(text: str) -> bool:
    """Whether a text is one letter of a multiple choice and nothing else."""
    return _CHOICE.fullmatch(text) is not None
