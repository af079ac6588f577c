"""Angles and times in sixtieths: ``63\\degree 45' 30''`` as one number of degrees, ``8:30 a.m.`` in one spelling."""

from __future__ import annotations

import re
from fractions import Fraction

_PRIMES = r"(?:\^\s*\{{\s*(?:\\prime\s*){{{n}}}\}}|\^\s*\\prime|'{{{n}}}|{other})"
_MINUTE = _PRIMES.format(n=1, other="′")
_SECOND = _PRIMES.format(n=2, other='″|"')
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_ANGLE = re.compile(
    rf"(?P<degrees>[0-9]+)\s*\\degree\s*(?P<minutes>{_NUMBER})\s*{_MINUTE}(?:\s*(?P<seconds>{_NUMBER})\s*{_SECOND})?"
)
_TIME = re.compile(
    r"(?P<hour>[0-9]{1,2})\s*(?:\{\s*)?:(?:\s*\})?\s*(?P<minute>[0-9]{2})\s*"
    r"(?:\\(?:text|textrm|mathrm|mbox)\s*\{)?[\s~]*(?P<half>[AaPp])\.?\s?[Mm]\b\.?\s*\}?"
)


def with_degrees(text: str) -> str:
    """``text`` with each angle of degrees and minutes as degrees, and each time of day in one spelling.

    >>> with_degrees("63\\\\degree 45'")
    '\\\\frac{255}{4}\\\\degree '
    """
    if "\\degree" in text:
        text = _ANGLE.sub(_angle, text)
    return _TIME.sub(lambda time: f"\\text{{{int(time['hour'])}:{time['minute']} {time['half'].lower()}m}}", text)


def _angle(angle: re.Match[str]) -> str:
    minutes, seconds = Fraction(angle["minutes"]), Fraction(angle["seconds"] or 0)
    if minutes >= 60 or seconds >= 60:
        return angle[0]
    value = int(angle["degrees"]) + minutes / 60 + seconds / 3600
    return f"\\frac{{{value.numerator}}}{{{value.denominator}}}\\degree "
