"""The sizes beyond which an answer is not worth computing with.

Every limit is checked before the work it bounds. An answer beyond one of them gets the verdict ``too_large``
(unless it is the gold answer letter by letter, which is correct at any size).
"""

MAX_ANSWER_CHARS = 4_000
"""Longest answer that is compared by anything but equality of strings."""

MAX_BOX_CHARS = 200_000
"""A box whose closing brace is not found within this many characters is read as never closed."""

MAX_BOXES = 64
"""Longest run of adjacent boxes, and deepest nesting of boxes, that is followed."""

MAX_NESTING = 60
"""Deepest nesting of braces, brackets and parentheses in an answer that is parsed."""

MAX_DIGITS = 4_000
"""Longest run of digits that is turned into an integer by anything symbolic."""

MAX_EXACT_BITS = 16_384
"""Largest integer (in bits) that is computed exactly; larger powers are compared by modular residues."""

MAX_PRECISION_BITS = 40_000
"""Largest working precision of a numeric comparison."""

MAX_ITEMS = 256
"""Longest list, set or tuple whose items are matched one by one."""

MAX_TERMS = 2_000
"""Most terms of a finite sum or product that are added up."""


class TooLarge(Exception):
    """An answer needs more digits, nesting or terms than the limits allow."""


def nesting(text: str) -> int:
    """Depth of the deepest group in ``text``; one linear pass over its bracket characters."""
    depth = deepest = 0
    for character in text:
        if character in "({[":
            depth += 1
            if depth > deepest:
                deepest = depth
        elif character in ")}]" and depth:
            depth -= 1
    return deepest
