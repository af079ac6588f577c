"""Numerals in a base: ``314_5``, ``314_{\\text{five}}``, ``314 (base 5)``, ``314 in base five``."""

from __future__ import annotations

import re

_BASES = {
    "two": 2, "binary": 2, "three": 3, "ternary": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "octal": 8,
    "nine": 9, "ten": 10, "decimal": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "hexadecimal": 16, "twenty": 20,
}  # fmt: skip
_DIGITS = r"(?P<digits>[0-9][0-9A-Za-z]*|[A-Z][0-9A-Z]+)"
_MARKUP = r"\\(?:text|textbf|textrm|mathrm|mathbf|mbox|operatorname)(?=\s*\{)"
_OPENING = rf"(?:[\s({{$]|{_MARKUP})*"
_GAP = rf"(?:[\s(){{}}$]|{_MARKUP})*"
_SAID = re.compile(
    rf"(?<![0-9A-Za-z.\\_^])(?P<enclosed>(?:{_MARKUP})?\s*[({{]\s*)?{_DIGITS}(?(enclosed)\s*[)}}])(?P<said>{_OPENING}"
    rf"(?:_{_OPENING}(?:base{_GAP}-?{_GAP})?|,?{_OPENING}(?:in{_GAP})?base{_GAP}-?{_GAP}|(?:in\s+|\(|{_MARKUP}[\s({{]*)(?=[a-z]+(?:ary|al)))"
    rf"(?P<base>[0-9]{{1,2}}|{'|'.join(_BASES)})(?![0-9A-Za-z])[\s)}}]*)"
)


_HINT = re.compile(r"_|base|\bin\b|(?:ary|al)\b")


def with_subscripts(text: str) -> str:
    """``text`` with ``314_{5}`` for each numeral whose base is said in another way.

    >>> with_subscripts("(314 in base five, 2)")
    '(314_{5}, 2)'
    """
    return _SAID.sub(_with_subscript, text) if _HINT.search(text) else text


def _with_subscript(match: re.Match[str]) -> str:
    said = match["said"]
    found = f"{match['digits']}_{{{_BASES.get(match['base'], match['base'])}}}"
    depth = sum((c in "({") - (c in ")}") for c in said)
    # Brackets that were closed too often belong to what is around.
    around = said[len(said.rstrip(" )}")) :].replace(" ", "")[depth:] if depth < 0 else ""
    return found + around if numeral(found) else match[0]


_NUMERAL = re.compile(rf"{_DIGITS}\s*_\s*\{{?\s*(?P<base>[0-9]{{1,2}}|[a-z])\s*\}}?")
_ONLY_DIGITS = re.compile(rf"(?:{_MARKUP}|[{{(\s])*{_DIGITS}[)}}\s]*")


def numeral(text: str) -> tuple[str, str] | None:
    """(digits in capitals, base) of an item that is a numeral with its base as a subscript; None for anything else."""
    match = _NUMERAL.fullmatch(text) if "_" in text else None
    if match is None:
        return None
    written, base = match["digits"], match["base"]
    letters = [digit for digit in written if digit.isalpha()]
    if base in ("0", "1") or (letters and (base.isalpha() or any(int(one, 36) >= int(base) for one in letters))):
        return None
    return written.upper(), base


def digits(text: str) -> str:
    """The digits of an item that is nothing else, in capitals; empty for anything else."""
    match = _ONLY_DIGITS.fullmatch(text)
    return match["digits"].upper() if match else ""
