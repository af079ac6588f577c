"""The sizes beyond which an answer is not worth computing with.

Every limit is checked before the work it bounds. An answer beyond one of them gets the verdict ``too_large``
(unless it is the gold answer letter by letter, which is correct at any size).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

MAX_ANSWER_CHARS = 4_000  # longest answer that is compared by anything but equality of strings
MAX_BOX_CHARS = 200_000  # a box whose closing brace is not found within this many characters is read as never closed
MAX_BOXES = 64  # longest run of adjacent boxes, and deepest nesting of boxes, that is followed
MAX_NESTING = 60  # deepest nesting of braces, brackets and parentheses in an answer that is parsed
MAX_DIGITS = 4_000  # longest run of digits that is turned into an integer by anything symbolic
MAX_EXACT_BITS = 16_384  # Largest integer that is computed exactly; larger powers are compared by modular residues
MAX_PRECISION_BITS = 40_000  # largest working precision of a numeric comparison
MAX_ITEMS = 256  # longest list, set or tuple whose items are matched one by one
MAX_TERMS = 2_000  # most terms of a finite sum or product that are added up


class TooLarge(Exception):
    """An answer needs more digits, nesting or terms than the limits allow."""


class Costly(Exception):
    """The comparison needs more than `cheaply` allows."""


_most_bits: float = math.inf


@contextmanager
def cheaply(bits: int) -> Iterator[None]:
    """Within, a comparison raises `Costly` before it works with more than `bits` or with the gamma function.

    Every other single operation takes less than a millisecond at a few thousand bits.
    """
    global _most_bits
    _most_bits = bits
    try:
        yield
    finally:
        _most_bits = math.inf


def spend(bits: float = math.inf) -> None:
    """Raise `Costly` if what follows, at that precision or in unbounded time, is more than `cheaply` allows."""
    if bits > _most_bits:
        raise Costly
