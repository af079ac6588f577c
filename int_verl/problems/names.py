r"""A problem's text without the names of its variables and points, so that a renamed problem reads the same.

Names are the single letters and Greek letters of formulas, and in the prose between them single letters and points
written together (``ABC``). Names of people and of functions with a name of their own (``\sin``) stay.
"""

from __future__ import annotations

import re
from typing import Literal

_FORMULA = re.compile(r"(\$\$.+?\$\$|\$[^$]+\$|\\\(.+?\\\)|\\\[.+?\\\])", re.DOTALL)
_IN_FORMULA = re.compile(r"\\([A-Za-z]+)|[A-Za-z]")
_IN_PROSE = re.compile(r"(?<![\w\\])(?:[A-Za-z]|[A-Z]{2,5})(?![A-Za-z0-9])")
_GREEK = re.compile(
    "(?:var)?(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi"
    "|chi|psi|omega)|ell",
    re.IGNORECASE,
)


Names = Literal["numbered", "alike", "left_out"]
"""What stands for a name: its number by the order of first appearance, so that ``x+y`` and ``x+x`` differ; one
placeholder for all; nothing, so that only words and numbers are left."""


def without_names(text: str, names: Names = "alike") -> str:
    """The text with something else for every name.

    >>> without_names("Find $x+y$.", "numbered")
    'Find $ v1 + v2 $.'
    """
    known: dict[str, int] = {}

    def placeholder(found: re.Match[str]) -> str:
        if found.re is _IN_FORMULA and found[1] is not None and not _GREEK.fullmatch(found[1]):
            return found[0]
        number = known.setdefault(found[0], len(known) + 1) if names == "numbered" else ""
        return " " if names == "left_out" else f" v{number} "

    pieces = _FORMULA.split(text)  # prose and formulas in turn
    return "".join((_IN_FORMULA if k % 2 else _IN_PROSE).sub(placeholder, piece) for k, piece in enumerate(pieces))
