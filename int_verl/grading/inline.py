"""Small pairs, judged in the caller's own thread: a worker's answer takes longer to travel than they take to judge.

What counts as small is decided on the text, before any work: short, shallow, ordinary arithmetic. The engine's own
limits (`limits`) and a bound on its precision keep such a pair to milliseconds and little memory. Everything else, and
everything as soon as two threads grade at once, is for the worker processes, which neither the interpreter's lock nor a
hang holds up.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from int_verl.maths.brackets import nesting

MAX_CHARS = 200
"""Longest small answer."""

MAX_DEPTH = 8
"""Deepest nesting of a small answer."""

MAX_BITS = 8_192
"""Highest working precision of a small comparison."""

_CROWDED_SECONDS = 1.0

# Letters, digits, operators and the commands of ordinary arithmetic; no sums, products, integrals, matrices, gcd.
_SMALL = re.compile(
    r"(?:\\(?:frac|sqrt|cdot|times|pi|text|mathrm|mathbf|ln|log|sin|cos|tan|le|ge|ne|in|cup|infty|pm|approx|degree|binom|"
    r"lfloor|rfloor|lceil|rceil|ldots|alpha|beta|theta|lambda|max|min)(?![A-Za-z])|\\[{}%$# ()\[\]]|"
    r"[0-9]{1,30}(?![0-9])|[A-Za-z]|[-+*/=<>(){}\[\],.:;?!'^|_ ])*"
)


def is_small(gold: str, answer: str) -> bool:
    """Whether the engine can judge two normalised answers within a few milliseconds."""
    return (
        len(gold) <= MAX_CHARS
        and len(answer) <= MAX_CHARS
        and _SMALL.fullmatch(gold) is not None
        and _SMALL.fullmatch(answer) is not None
        and nesting(gold) <= MAX_DEPTH
        and nesting(answer) <= MAX_DEPTH
    )


class Turnstile:
    """Lets a caller judge for itself while no other thread grades, and for a second after that nobody.

    Example:
        >>> turnstile = Turnstile()
        >>> with turnstile.pass_through() as alone:
        ...     alone
        True
    """

    def __init__(self) -> None:
        self._first = threading.Lock()
        self._crowded_until = 0.0

    @contextmanager
    def pass_through(self) -> Iterator[bool]:
        """Whether the caller may judge for itself while it is in here; never waits."""
        now = time.monotonic()
        is_first = self._first.acquire(blocking=False)
        if not is_first:
            self._crowded_until = now + _CROWDED_SECONDS
        try:
            yield is_first and now >= self._crowded_until
        finally:
            if is_first:
                self._first.release()


_judging = threading.Lock()


def warm_up() -> None:
    """Import and exercise the engine now rather than at the first small pair."""
    from int_verl.maths import thorough_comparison as judge

    with _judging:
        judge.warm_up_engine()


def judge_small(gold: str, answer: str) -> tuple[str, str] | None:
    """Verdict and means; None where a worker is needed after all, or another thread is here."""
    from int_verl.maths import thorough_comparison as judge
    from int_verl.maths.size_limits import Costly, cheaply

    if not _judging.acquire(blocking=False):
        return None
    try:
        with cheaply(MAX_BITS):
            return judge.judge_by_engine(gold, answer)
    except Costly:
        return None
    finally:
        _judging.release()
