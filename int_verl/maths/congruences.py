"""From the spellings of congruences to items.

A list of classes is their union, be they joined by commas, "and" or "or": ``n \\equiv 1, 4 \\pmod 5``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from int_verl.maths import nodes
from int_verl.maths.answer_items import Congruence, Contradiction, Item, Text
from int_verl.maths.brackets import cut
from int_verl.maths.definitions import is_constant
from int_verl.maths.nodes import features, same_tree, variables, with_sign
from int_verl.maths.parse_expression import parse
from int_verl.maths.same_congruence import same_congruence
from int_verl.maths.undecided import Unsupported

_TEXT = r"\\(?:text|textrm|textbf|mathrm|mbox|operatorname)\s*"
_WORD = r"mod(?:ulo|\.)?"
_SPELLINGS = [
    (re.compile(rf"{_TEXT}\{{\s*(?:is\s+)?congruent\s+to\s*\}}|(?:\bis\s+)?\bcongruent\s+to\b"), r"\\equiv "),
    (re.compile(r"\\not\s*\\equiv(?![A-Za-z])"), r"\\nequiv "),
    (re.compile(rf"{_TEXT}\{{\s*(\(?)\s*{_WORD}\s*\}}"), r"\1\\mod "),
    (re.compile(rf"{_TEXT}\{{\s*(\(?)\s*{_WORD}\s+([0-9]+|[a-z])\s*(\)?)\s*\}}"), r"\1\\mod \2\3"),
    (re.compile(rf"\\b?mod(?![A-Za-z])|(?<![\\A-Za-z]){_WORD}(?![A-Za-z])"), r"\\mod "),
    (re.compile(r"\(\s*\\mod\s*([^()]*(?:\([^()]*\)[^()]*)*?)\s*\)"), r"\\pmod{\1}"),
    (re.compile(r"\\pmod\s*([0-9]+|\\?[A-Za-z])"), r"\\pmod{\1}"),
    (re.compile(r"\\pmod\{\s*\{([^{}]*)\}\s*\}"), r"\\pmod{\1}"),
]
_OF_A_RELATION = [
    (re.compile(r"\\mod\s*(?:\{([^{}]*)\}|([^\s,;=(){}\\]+))"), r"\\pmod{\1\2}"),
    (re.compile(r"(?<=[0-9A-Za-z}])\s*(?:\[\s*([0-9]+|[a-z])\s*\]|\(\s*([0-9]+)\s*\))$"), r"\\pmod{\1\2}"),
]
_REMAINDER = re.compile(r"\s*(\{[^{}]*\}|[0-9A-Za-z]+)\s*=([^=]*)")


_DIVIDES = re.compile(
    r"(?P<modulus>[0-9]+)\s*(?P<divides>\||\\nmid|\\not\s*\|)\s*(?P<left>[^|,;<>={}\\]*[a-z][^|,;<>={}\\]*)"
)


def with_moduli(text: str) -> str:
    """``text`` with ``\\pmod{5}`` for each spelling of a modulus that belongs to a relation or stands in parentheses.

    >>> with_moduli("n \\\\equiv 2 (mod 5)")
    'n \\\\equiv 2 \\\\pmod{5}'
    """
    divides = _DIVIDES.fullmatch(text)
    if divides:
        relation = "\\equiv" if divides["divides"] == "|" else "\\nequiv"
        return rf"{divides['left']} {relation} 0 \pmod{{{divides['modulus']}}}"
    if "mod" not in text and "equiv" not in text and "congruent" not in text:
        return text
    for pattern, spelling in _SPELLINGS:
        text = pattern.sub(spelling, text)
    left, _, right = text.partition("\\mod ")
    remainder = _REMAINDER.fullmatch(right)
    if remainder and "=" not in left and not is_constant(left):
        return rf"{left} \equiv {remainder[2]} \pmod{{{remainder[1].strip('{}')}}}"
    if "equiv" in text:
        moduli, in_brackets = _OF_A_RELATION
        text = moduli[0].sub(moduli[1], text)
        if "\\pmod" not in text:
            text = in_brackets[0].sub(in_brackets[1], text)
    return text


_RELATIONS = frozenset(["\\equiv", "\\nequiv", "=", "\\ne"])
_MODULUS = re.compile(r"(?P<rest>.*?)\s*\\pmod\{(?P<modulus>.*)\}", re.DOTALL)
_RESIDUE = re.compile(r"(?:[-+0-9\s]|\\pm(?![A-Za-z]))+")
_LAST_RESIDUE = re.compile(rf"(?P<rest>{_RESIDUE.pattern})\\mod\s*(?P<modulus>[0-9]+)")


def each_with_modulus(pieces: Sequence[str]) -> list[str]:
    """Pieces between commas, where ``n \\equiv 1`` and ``4 \\pmod{5}`` have become a whole congruence each."""
    if not any("mod" in piece for piece in pieces):
        return list(pieces)
    whole: list[str] = []
    run: list[str] = []
    for piece in pieces:
        if "\\pmod" not in piece and (_RESIDUE.fullmatch(piece) or "equiv" in piece):
            run.append(piece)
            continue
        match = _MODULUS.fullmatch(piece) or (_LAST_RESIDUE.fullmatch(piece) if run else None)
        named = [member for member in run if "equiv" in member]
        if match and run and (_RESIDUE.fullmatch(match["rest"]) or named):
            left = cut(run[0], _RELATIONS)
            name = "".join((left[0][1], left[1][0], " ")) if len(left) > 1 else ""
            members = [*run, match["rest"]]
            whole += [rf"{'' if 'equiv' in member else name}{member} \pmod{{{match['modulus']}}}" for member in members]
        else:
            whole += [*run, piece]
        run = []
    return whole + run


def congruence(text: str) -> Congruence | Contradiction | Text | None:
    """A piece with a modulus; None where there is none, text where it is not understood."""
    match = _MODULUS.fullmatch(text) if "\\pmod" in text else None
    if match is None:
        return None
    sides = cut(match["rest"], _RELATIONS)
    try:
        trees = [parse(side) for _, side in sides]
        modulus = parse(match["modulus"])
    except Unsupported:
        return Text(text)
    (*lefts, last), holds = trees, sides[-1][0] not in ("\\nequiv", "\\ne")
    signs = (1, -1) if nodes.PlusMinus in features(last) else (1,)
    found = Congruence(text, None, tuple(with_sign(last, sign) for sign in signs), modulus, holds)
    constants = [left for left in lefts if not variables(left)]
    if not all(same_congruence(replace(found, residues=(left,)), found) for left in constants):
        return Contradiction(text)
    if len(lefts) - len(constants) > 1:
        return Text(text)
    return replace(found, left=next((left for left in lefts if variables(left)), None))


def united(found: Sequence[Item]) -> list[Item]:
    """Items, where the classes of one name and modulus are one item."""
    result: list[Item] = []
    for item in found:
        before = result[-1] if result else None
        if (
            isinstance(item, Congruence)
            and isinstance(before, Congruence)
            and before.holds == item.holds
            and same_tree(before.modulus, item.modulus)
            and (item.left is None or (before.left is not None and same_tree(before.left, item.left)))
        ):
            text = f"{before.text}, {item.text}"
            result[-1] = replace(before, text=text, residues=before.residues + item.residues)
        else:
            result.append(item)
    return result
