"""math-verify as the last resort: sets, integrals, limits, relations and whatever else our own reading cannot decide.

The whole answer is parsed as LaTeX and nothing else. math-verify's other extractor hands strings to sympy's
``parse_expr``, which evaluates them as Python; it is not used, and the one ``eval`` behind it is replaced by a function
that reads numerals and refuses everything else.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import Any


class ForbiddenEval(Exception):
    """Something asked sympy to evaluate a string as Python."""


_NUMERAL = re.compile(r"(Integer) \(([0-9]+) \)|(Float) \('([0-9.]+(?:[eE][+-]?[0-9]+)?)' \)")


def _read_numeral(code: str, *_args: Any) -> Any:
    """In place of sympy's ``eval_expr``: numerals, which ``sympy.Number("12")`` sends there; nothing else."""
    import sympy

    match = _NUMERAL.fullmatch(code.strip())
    if match is None:
        raise ForbiddenEval("an answer is never evaluated as Python")
    return sympy.Integer(int(match[2])) if match[1] else sympy.Float(match[4])


def warm_up() -> None:
    """Import math-verify, close its way to ``eval`` and run each code path once."""
    import sympy.parsing.sympy_parser as sympy_parser
    import sympy.physics.units  # noqa: F401  # simplify() imports it when first called, which needs eval

    sympy_parser.eval_expr = _read_numeral
    logging.disable(logging.CRITICAL)
    _parsed("\\frac{1}{2}")
    verdict("\\{1,2\\}", "\\{2,1\\}")
    verdict("[0,\\infty)", "x \\ge 0")
    verdict("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}1\\\\2\\end{pmatrix}")
    verdict("\\int_0^1 x dx", "\\sum_{k=1}^{2} k")
    verdict("\\sin x + \\log 2", "e^{i\\pi}")


@lru_cache(maxsize=2048)
def _parsed(latex: str) -> tuple[Any, ...]:
    """math-verify's reading of a LaTeX answer; empty if it has none."""
    from math_verify import LatexExtractionConfig, parse

    found = parse(
        "$" + latex + "$",
        extraction_config=[LatexExtractionConfig(boxed_match_priority=-1)],
        fallback_mode="no_fallback",
        extraction_mode="first_match",
        parsing_timeout=None,
    )
    return tuple(found)


def expressions(latex: str) -> tuple[Any, ...]:
    """The sympy expressions as which math-verify reads a LaTeX answer; empty if it cannot."""
    return tuple(part for part in _parsed(latex) if not isinstance(part, str))


def verdict(gold: str, answer: str) -> bool | None:
    """math-verify's verdict; None if it cannot read the gold."""
    from math_verify import verify

    wanted = _parsed(gold)
    if not wanted:
        return None
    given = _parsed(answer)
    if not given:
        return False
    return bool(verify(list(wanted), list(given), strict=True, timeout_seconds=None))
