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

from int_verl.maths.decimals import answers_may_be_rounded, may_round
from int_verl.maths.quantities import quantity


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


_DECIMAL = re.compile(r"(?<![0-9.,])([0-9]*)\.([0-9]+)(?![0-9.])")
_DIGITS = 40
"So many digits must agree where sympy compares by value."


def exact(latex: str) -> str:
    """``latex`` with a fraction for each decimal: math-verify calls decimals equal that agree to six places.

    >>> exact("x = 0.25")
    'x = \\\\frac{025}{100}'
    """
    return _DECIMAL.sub(lambda match: f"\\frac{{{match[1]}{match[2]}}}{{1{'0' * len(match[2])}}}", latex)


def verdict(gold: str, answer: str) -> bool | None:
    """math-verify's verdict; None if it cannot read the gold. Decimals may be roundings as `decimals` says."""
    exact_gold, exact_answer = exact(gold), exact(answer)
    if not _parsed(exact_gold):
        return None
    if _agree(exact_gold, exact_answer, _DIGITS):
        return True
    for text, pair in ((gold, (gold, exact_answer)), (answer, (exact_gold, answer))):
        number = quantity(text) if text is gold or answers_may_be_rounded() else None
        if number is not None and not number.mark and may_round(number.value, number.decimals):
            return _agree(*pair, number.decimals or 0)
    return False


def _agree(gold: str, answer: str, decimals: int) -> bool:
    from math_verify import verify

    return bool(
        verify(
            list(_parsed(gold)),
            list(_parsed(answer)),
            strict=True,
            timeout_seconds=None,
            float_rounding=decimals,
            numeric_precision=_DIGITS,
        )
    )
