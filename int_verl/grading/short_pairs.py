"""Short pairs, judged in the caller's own thread: a worker's answer takes longer to travel than they take to judge.

Everything else, and everything as soon as two threads grade at once, is for the worker processes, which neither the
interpreter's lock nor a hang holds up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from int_verl.maths import short_arithmetic

_CROWDED_SECONDS = 1.0


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


def warm_up() -> None:
    """Import and exercise the engine now rather than at the first short pair."""
    from int_verl.maths import thorough_comparison

    with short_arithmetic.IN_TURN:
        thorough_comparison.warm_up_engine()


def judge_short(gold: str, answer: str) -> tuple[str, str] | None:
    """Verdict and means; None where a worker is needed, because the pair is not short or another thread is here."""
    if not short_arithmetic.is_short(gold, answer) or not short_arithmetic.IN_TURN.acquire(blocking=False):
        return None
    try:
        return short_arithmetic.compare(gold, answer)
    finally:
        short_arithmetic.IN_TURN.release()
