"""Pairs of answers that take a few milliseconds to compare, told by their text, before any work: short, shallow,
ordinary arithmetic. The engine's own limits (`size_limits`) and a bound on its precision keep them to little memory.
"""

from __future__ import annotations

import re
import threading

from int_verl.maths.brackets import nesting
from int_verl.maths.size_limits import Costly, cheaply

MAX_CHARS = 200  # longest short answer
MAX_DEPTH = 8  # deepest nesting of a short answer
MAX_BITS = 8_192  # highest working precision of their comparison

IN_TURN = threading.Lock()
"""Held by the thread that computes: the precision is one for all threads of a process."""

# Letters, digits, operators and the commands of ordinary arithmetic; no sums, products, integrals, matrices, gcd.
_ORDINARY = re.compile(
    r"(?:\\(?:frac|sqrt|cdot|times|pi|text|mathrm|mathbf|ln|log|sin|cos|tan|le|ge|ne|in|cup|infty|pm|approx|degree|binom|"
    r"lfloor|rfloor|lceil|rceil|ldots|alpha|beta|theta|lambda|max|min)(?![A-Za-z])|\\[{}%$# ()\[\]]|"
    r"[0-9]{1,30}(?![0-9])|[A-Za-z]|[-+*/=<>(){}\[\],.:;?!'^|_ ])*"
)


def is_short(gold: str, answer: str) -> bool:
    """Whether two normalised answers are of this kind."""
    return all(
        len(text) <= MAX_CHARS and _ORDINARY.fullmatch(text) is not None and nesting(text) <= MAX_DEPTH
        for text in (gold, answer)
    )


def compare(gold: str, answer: str) -> tuple[str, str] | None:
    """Verdict and means for a pair that `is_short`; None where it needs more precision or another reader.

    The caller holds `IN_TURN`.
    """
    from int_verl.maths.thorough_comparison import judge_by_engine

    try:
        with cheaply(MAX_BITS):
            return judge_by_engine(gold, answer)
    except (Costly, RecursionError):  # the stack of a caller may be nearly full, a worker's never is
        return None
