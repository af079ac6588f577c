"""Small mathematical expressions read from tokens and compared by value, without a computer algebra system.

Rational constants are exact; everything else is compared at two points whose coordinates come from the variables'
names, so that ``n(n+1)/2`` and ``\\frac{n^2+n}{2}`` are one.
"""

from __future__ import annotations

import cmath
import math
import random
from fractions import Fraction
from functools import lru_cache
from typing import Any

from int_verl.generate.mathtext import FUNCTIONS, Token

Node = tuple[Any, ...]


_RANGES = ((1.1, 2.9), (3.0, 5.0), (7.0, 40.0))
_CLOSING = (r"\rfloor", r"\rceil")


class NoExpression(Exception):
    pass


class _Parser:
    """Recursive descent over one side's tokens; nodes are tuples headed by their kind."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.i, self.depth = tokens, 0, 0

    def parse(self) -> Node:
        node = self.sum()
        if self.i < len(self.tokens):
            raise NoExpression
        return node

    def peek(self) -> Token | None:
        return self.tokens[self.i] if self.i < len(self.tokens) else None

    def take(self, kind: str, *texts: str) -> Token | None:
        token = self.peek()
        if token is not None and token.kind == kind and (not texts or token.text in texts):
            self.i += 1
            return token
        return None

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > 40:
            raise NoExpression
        sign = self.take("op", "+", "-")
        node = self.product()
        if sign is not None and sign.text == "-":
            node = ("neg", node)
        while (token := self.take("op", "+", "-")) is not None:
            node = (token.text, node, self.product())
        self.depth -= 1
        return node

    def product(self) -> Node:
        node = self.power()
        while True:
            token = self.take("op", "*", "/")
            if token is not None:
                negative = self.take("op", "-")
                right = self.power()
                node = (token.text, node, ("neg", right) if negative else right)
                continue
            token = self.peek()
            if token is None or token.kind not in ("num", "var", "cmd", "open") or token.text in _CLOSING:
                return node
            if token.kind == "open" and token.text == r"\{":
                return node
            right = self.power()
            mixed = node[0] == "num" and right[0] == "/" and right[1][0] == "num" and token.text == r"\frac"
            node = ("+" if mixed else "*", node, right)

    def power(self) -> Node:
        node = self.postfix()
        if self.take("op", "^"):
            if self.take("cmd", r"\circ") is not None:
                return ("deg", node)
            if self.take("open", "{"):
                if self.take("cmd", r"\circ") is not None and self.take("close", "}"):
                    return ("deg", node)
                exponent = self.sum()
                if not self.take("close", "}"):
                    raise NoExpression
            else:
                negative = self.take("op", "-")
                exponent = self.atom()
                exponent = ("neg", exponent) if negative else exponent
            node = ("^", node, exponent)
            while self.take("op", "!"):
                node = ("!", node)
        return node

    def postfix(self) -> Node:
        node = self.atom()
        while True:
            if self.take("op", "!"):
                node = ("!", node)
            elif self.take("op", "%"):
                node = ("pct", node)
            else:
                return node

    def group(self) -> Node:
        """The argument of a command: a braced group or one token."""
        if self.take("open", "{"):
            node = self.sum()
            if not self.take("close", "}"):
                raise NoExpression
            return node
        return self.atom()

    def atom(self) -> Node:
        token = self.peek()
        if token is None:
            raise NoExpression
        self.i += 1
        if token.kind == "num" and token.value is not None:
            return ("num", token.value)
        if token.kind == "var":
            return ("var", token.text)
        if token.kind == "open" and token.text in "([{":
            node = self.sum()
            if not self.take("close", {"(": ")", "[": "]", "{": "}"}[token.text]):
                raise NoExpression
            return node
        if token.kind == "op" and token.text == "|":
            node = self.sum()
            if not self.take("op", "|"):
                raise NoExpression
            return ("abs", node)
        if token.kind == "cmd":
            return self.command(token.text)
        raise NoExpression

    def command(self, name: str) -> Node:
        if name == r"\frac":
            top = self.group()
            return ("/", top, self.group())
        if name == r"\binom":
            if self.take("open", "("):
                raise NoExpression
            top = self.group()
            return ("binom", top, self.group())
        if name == r"\sqrt":
            root: Node = ("num", Fraction(2))
            if self.take("open", "["):
                root = self.sum()
                if not self.take("close", "]"):
                    raise NoExpression
            return ("root", self.group(), root)
        if name == r"\pi":
            return ("const", math.pi)
        if name in (r"\lfloor", r"\lceil"):
            node = self.sum()
            if not self.take("cmd", name.replace("l", "r", 1)):
                raise NoExpression
            return (name[2:], node)
        if name[1:].split("_")[0] in FUNCTIONS:
            exponent = None
            if self.take("op", "^"):
                exponent = self.group()
            node = ("fn", name[1:], self.power())
            return node if exponent is None else ("^", node, exponent)
        raise NoExpression


def parse_expression(tokens: list[Token]) -> Node | None:
    if not tokens or len(tokens) > 400:
        return None
    try:
        return _Parser(tokens).parse()
    except (NoExpression, RecursionError):
        return None


def _evaluate(node: Node, point: int) -> Fraction | complex:
    """The value of an expression, exact where it is rational; a variable's value comes from its name."""
    kind = node[0]
    if kind == "num":
        return node[1]
    if kind == "const":
        return complex(node[1])
    if kind == "var":
        return _variable(node[1], point)
    if kind == "fn":
        return _function(node[1], complex(_evaluate(node[2], point)))
    values = [_evaluate(child, point) for child in node[1:]]
    a = values[0]
    if kind == "neg":
        return -a
    if kind == "pct":
        return a / 100
    if kind == "deg":
        return a
    if kind == "abs":
        return abs(a) if isinstance(a, Fraction) else complex(abs(a))
    if kind == "!":
        if isinstance(a, Fraction):
            if a.denominator == 1 and 0 <= a <= 400:
                return Fraction(math.factorial(int(a)))
            raise NoExpression
        return _gamma(a + 1)
    if kind in ("floor", "ceil"):
        if isinstance(a, Fraction):
            return Fraction(math.floor(a) if kind == "floor" else math.ceil(a))
        return complex(math.floor(a.real) if kind == "floor" else math.ceil(a.real))
    b = values[1]
    if kind == "root":
        kind, b = "^", 1 / b
    if kind == "^":
        return _power(a, b)
    if kind == "binom":
        if (
            isinstance(a, Fraction)
            and isinstance(b, Fraction)
            and a.denominator == b.denominator == 1
            and 0 <= b <= a < 3000
        ):
            return Fraction(math.comb(int(a), int(b)))
        return _gamma(complex(a) + 1) / (_gamma(complex(b) + 1) * _gamma(complex(a) - complex(b) + 1))
    if not (isinstance(a, Fraction) and isinstance(b, Fraction)):
        a, b = complex(a), complex(b)
    if kind == "+":
        return a + b
    if kind == "-":
        return a - b
    if kind == "*":
        return a * b
    return a / b


@lru_cache(maxsize=4096)
def _variable(name: str, point: int) -> complex:
    low, high = _RANGES[point]
    return complex(random.Random(f"{name}/{point}").uniform(low, high))


def _gamma(z: complex) -> complex:
    return complex(math.gamma(z.real))


def _power(a: Fraction | complex, b: Fraction | complex) -> Fraction | complex:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        if b.denominator == 1:
            bits = max(a.numerator.bit_length(), a.denominator.bit_length())
            if bits * abs(b) < 40_000:
                return a ** int(b)
            raise NoExpression
        if a >= 0 and b == Fraction(1, 2):
            top, bottom = math.isqrt(a.numerator), math.isqrt(a.denominator)
            if top * top == a.numerator and bottom * bottom == a.denominator:
                return Fraction(top, bottom)
        if a < 0 and b.denominator % 2 == 1:  # the real odd root
            return complex(-(float(-a) ** float(b)))
    return complex(a) ** complex(b)


def _function(name: str, x: complex) -> complex:
    base, _, subscript = name.partition("_")
    if base in ("log", "lg", "ln"):
        value = cmath.log(x)
        if subscript.isdigit() and int(subscript) > 1:
            return value / math.log(int(subscript))
        return value / math.log(10) if base == "lg" else value
    if base in ("cot", "sec", "csc"):
        return 1 / {"cot": cmath.tan, "sec": cmath.cos, "csc": cmath.sin}[base](x)
    name = {"arcsin": "asin", "arccos": "acos", "arctan": "atan"}.get(base, base)
    return complex(getattr(cmath, name)(x))


def sample_values(node: Node) -> list[Fraction | complex] | None:
    """Values at three points: near 1, at middling and at larger coordinates; NaN where the last one overflows.

    None for what has no value near 1, is too large to compute, or cannot be computed.
    """
    values: list[Fraction | complex] = []
    for point in range(len(_RANGES)):
        try:
            values.append(_evaluate(node, point))
        except (NoExpression, ArithmeticError, ValueError, RecursionError):
            if point < len(_RANGES) - 1:
                return None
            values.append(complex("nan"))
    return values


def same_value(a: Fraction | complex, b: Fraction | complex) -> bool:
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a == b
    try:
        x, y = complex(a), complex(b)
    except OverflowError:
        return False
    if cmath.isnan(x) and cmath.isnan(y):
        return True
    return abs(x - y) <= 1e-9 * max(abs(x), abs(y), 1e-12)


def is_literal(node: Node) -> bool:
    """Whether a node is a number as one writes it: 12, -3, 1/2, 1 1/2, 50 %, 30 degrees."""
    kind = node[0]
    if kind == "num":
        return True
    if kind in ("neg", "pct", "deg"):
        return is_literal(node[1])
    if kind == "/":
        return is_literal(node[1]) and is_literal(node[2])
    if kind == "*":  # 3 * 10^8
        power = node[2]
        return node[1][0] == "num" and power[0] == "^" and power[1] == ("num", Fraction(10)) and is_literal(power[2])
    if kind == "+":  # a mixed number; 1 + 1/2 parses alike and reads alike
        return node[1][0] == "num" and node[2][0] == "/" and is_literal(node[2]) and 0 < _ratio(node[2]) < 1
    return False


def _ratio(node: Node) -> Fraction:
    value = sample_values(node)
    return value[0] if value and isinstance(value[0], Fraction) else Fraction(0)
