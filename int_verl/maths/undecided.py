"""Why a comparison ends without a yes or no, apart from an answer that is too large (`size_limits`)."""

from __future__ import annotations

from int_verl.maths.size_limits import TooLarge


class Undecided(Exception):
    """Something in the pair is not understood, so that `same` cannot tell."""


class Unsupported(Undecided):
    """An expression uses something that the parser or the evaluator does not know."""


class Undefined(ArithmeticError):
    """Division by zero, a pole or an indeterminate form."""


GIVES_UP = (Undecided, TooLarge, ArithmeticError)
"""What reading and comparing two answers may raise, whatever the texts are."""
NO_VALUE = (Unsupported, TooLarge, ArithmeticError)
"""What the evaluation of a tree may raise."""
