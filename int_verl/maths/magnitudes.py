"""Words after a number that multiply it: million, dozen."""

from __future__ import annotations

import re

_FACTORS = {
    "hundred": r"\times 10^{2}", "thousand": r"\times 10^{3}", "million": r"\times 10^{6}", "billion": r"\times 10^{9}",
    "trillion": r"\times 10^{12}", "lakh": r"\times 10^{5}", "crore": r"\times 10^{7}", "dozen": r"\times 12",
}  # fmt: skip
_MAGNITUDE = re.compile(
    r"(?<=[0-9.}])\s*(\\(?:text|textbf|textrm|mathrm|mbox)\s*\{)?\s*(" + "|".join(_FACTORS) + r")s?(?![A-Za-z])"
)
_NOTHING_LEFT = re.compile(r"\\(?:text|textbf|textrm|mathrm|mbox)\s*\{\s*\}")


def multiplied(text: str) -> str:
    """``5 \\text{ million}`` as ``5 \\times 10^{6}``."""
    if (
        "illion" not in text
        and "usand" not in text
        and "undred" not in text
        and "dozen" not in text
        and "lakh" not in text
        and "crore" not in text
    ):
        return text
    return _NOTHING_LEFT.sub("", _MAGNITUDE.sub(lambda found: f" {_FACTORS[found[2]]} {found[1] or ''}", text)).strip()
