"""From a normalised LaTeX expression to a tree, by recursive descent.

Whatever is not understood completely raises `Unsupported`; nothing is skipped and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from int_verl.maths import nodes
from int_verl.maths.commands import ACCENTS, MATRICES, NAMES, SPELLINGS, STOPS
from int_verl.maths.nodes import Node
from int_verl.maths.size_limits import MAX_NESTING, TooLarge
from int_verl.maths.tokens import FUNCTIONS, FUNCTIONS_OF_MANY, Token, tokenise
from int_verl.maths.undecided import Unsupported

_UNKNOWN_FUNCTIONS = frozenset([*"fghFGH", "\\Gamma", "\\zeta"])
_INDICES = frozenset("nkmij")
_SIGNS: dict[str, Literal[1, -1]] = {"pm": 1, "mp": -1}
_CLOSING = {"(": ")", "[": "]", "{": "}", "\\{": "\\}"}
_END: Token = ("end", "", False)


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of a whole expression.

    Raises:
        Unsupported: any part of it is not understood.
        TooLarge: it is nested too deeply or has too many digits.
    """
    parser = _Parser(tokenise(text))
    node = parser.sum()
    if parser.peek() is not _END:
        raise Unsupported(f"left over: {parser.peek()[1]}")
    return node


def parsed(*texts: str) -> tuple[Node, ...] | None:
    """The trees of some expressions; None if one of them is not understood."""
    try:
        return tuple(map(parse, texts))
    except Unsupported:
        return None


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = [*tokens, _END]
        self.position = 0
        self.bars = 0
        self.depth = 0

    # -- tokens

    def peek(self) -> Token:
        return self.tokens[self.position]

    def next(self) -> Token:
        token = self.tokens[self.position]
        if token is _END:
            raise Unsupported("unexpected end")
        self.position += 1
        return token

    def at(self, *texts: str) -> bool:
        kind, text, _ = self.tokens[self.position]
        return text in texts and kind in ("sym", "cmd")

    def take(self, *texts: str) -> str | None:
        """The next token if it is one of these operators, which is then behind us."""
        kind, text, _ = self.tokens[self.position]
        if text in texts and kind in ("sym", "cmd"):
            self.position += 1
            return text
        return None

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise Unsupported(f"expected {text}, found {self.peek()[1]}")

    def skip_to(self, text: str) -> str:
        """What stands before the next ``text``, which is passed as well."""
        skipped = ""
        while not self.take(text):
            skipped += self.next()[1]
        return skipped

    # -- grammar

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > 4 * MAX_NESTING:
            raise TooLarge("nesting")
        left = self.product()
        while operator := self.take("+", "-", "pm", "mp"):
            right = self.product()
            if operator in _SIGNS:
                right = nodes.PlusMinus(right, _SIGNS[operator])
            left = nodes.Subtract(left, right) if operator == "-" else nodes.Add(left, right)
        self.depth -= 1
        return left

    def product(self) -> Node:
        left = self.signed()
        while True:
            operator = self.take("*", "cdot", "times", "bullet", "ast", "/", "div", "bmod", "mod")
            if operator is None:
                if not self.starts_factor():
                    return left
                mixed = self.mixed_number(left)
                if mixed is None and isinstance(left, nodes.Number) and self.peek()[0] == "num":
                    raise Unsupported("two numbers side by side")
                left = mixed or nodes.Multiply(left, self.power())
            elif operator == "*" and self.take("*"):  # Python's power
                left = nodes.Power(left, self.signed())
            elif operator in ("/", "div"):
                left = nodes.Divide(left, self.signed())
            elif operator in ("bmod", "mod"):
                left = nodes.Call("mod", (left, self.signed()))
            else:
                left = nodes.Multiply(left, self.signed())

    def mixed_number(self, left: Node) -> Node | None:
        """``3\\frac{1}{2}`` and ``3 1/2``: an integer directly before a proper fraction of integers."""
        whole = left.operand if isinstance(left, nodes.Negative) else left
        kind, digits, _ = self.tokens[self.position - 1]
        if not isinstance(whole, nodes.Number) or kind != "num" or not digits.isdigit() or len(digits) > 6:
            return None
        if self.position >= 2 and self.tokens[self.position - 2][1] in ("^", "_", "/"):
            return None
        start, tokens = self.position, self.tokens.copy() if self.at("frac") else self.tokens
        match self.fraction():
            case nodes.Divide(nodes.Number(a), nodes.Number(b)):
                if a.denominator == b.denominator == 1 and 0 < a < b < 10**6:
                    total = nodes.Number(whole.value + a / b)
                    return total if whole is left else nodes.Negative(total)
        self.position, self.tokens = start, tokens
        return None

    def fraction(self) -> Node | None:
        """``\\frac{1}{2}`` or `` 1/2`` after white space."""
        if self.at("frac"):
            return self.power()
        kind, top, space = self.peek()
        if kind == "num" and space:
            self.next()
            if self.take("/"):
                kind, bottom, _ = self.next()
                if kind == "num" and "." not in top + bottom:
                    return nodes.Divide(_number(top), _number(bottom))
        return None

    def starts_factor(self) -> bool:
        kind, text, _ = self.peek()
        if kind == "sym":
            return text in _CLOSING or (text == "|" and not self.bars)
        if kind == "cmd":
            return text not in STOPS
        return kind != "end"

    def signed(self) -> Node:
        operator = self.take("+", "-", "pm", "mp")
        if operator is None:
            return self.power()
        inner = self.signed()
        if operator in _SIGNS:
            return nodes.PlusMinus(inner, _SIGNS[operator])
        return nodes.Negative(inner) if operator == "-" else inner

    def power(self) -> Node:
        return self.raised(self.postfix(self.atom()))

    def raised(self, base: Node) -> Node:
        """``base`` with its exponent, if one follows."""
        if self.take("^"):
            exponent = self.argument(whole_number=True)
            if isinstance(base, nodes.Variable) and self.at("_"):
                base = self.variable(base.name)  # x^2_i
            base = nodes.Power(base, exponent)
        return self.postfix(base)

    def postfix(self, node: Node, operators: Sequence[str] = ("!", "degree", "\\%", "%")) -> Node:
        while operator := self.take(*operators):
            if operator == "!":
                node = nodes.Factorial(node, 2 if self.take("!") else 1)
                if self.at("!"):
                    raise Unsupported("!!!")
            else:
                node = nodes.Degrees(node) if operator == "degree" else nodes.Percent(node)
        return node

    def argument(self, *, whole_number: bool = False) -> Node:
        """A TeX argument: a group, or one token (one digit, unless ``whole_number``)."""
        kind, text, _ = self.peek()
        if kind == "num" and not whole_number and len(text) > 1:
            if not text[1].isdigit():
                raise Unsupported(text)
            self.tokens[self.position] = ("num", text[1:], False)
            return _number(text[0])
        if kind == "sym" and text in ("-", "+"):
            self.next()
            inner = self.argument(whole_number=whole_number)
            return nodes.Negative(inner) if text == "-" else inner
        return self.atom()

    def enclosed(self, right: str) -> Node:
        """What stands before the closing bracket ``right``."""
        bars, self.bars = self.bars, 0
        node = self.sum()
        self.bars = bars
        self.expect(right)
        return node

    def atom(self) -> Node:
        kind, text, _ = self.next()
        if kind == "num":
            return _number(text)
        if kind == "let" or (kind == "text" and not text.startswith("mathbb:")):
            return self.variable(text)
        if kind == "cmd":
            return self.command(text)
        if kind == "sym" and text in _CLOSING:
            return self.enclosed(_CLOSING[text])
        if kind == "sym" and text == "|":
            self.bars += 1
            node = self.sum()
            self.bars -= 1
            self.expect("|")
            return nodes.Call("abs", (node,))
        raise Unsupported(text)

    def variable(self, name: str) -> Node:
        if name in ("e", "i") and not self.at("_", "'"):
            return nodes.Constant("e" if name == "e" else "i")
        while mark := self.take("_", "'"):
            if mark == "'":
                name += "'"
                continue
            index = self.subscript()
            if not isinstance(index, str):
                return nodes.UnknownCall(name + "_", (index,))
            name += "_" + index
        if name.rstrip("'") in _UNKNOWN_FUNCTIONS and self.at("("):
            return nodes.UnknownCall(name, self.parenthesised())
        return nodes.Variable(name)

    def subscript(self) -> str | Node:
        """A subscript: a string where it is a mere label, a tree where it is computed with (``F_{n-1}``)."""
        if not self.at("{"):
            kind, text, _ = self.next()
            if kind == "sym":
                raise Unsupported("subscript")
            return nodes.Variable(text) if kind == "let" and text in _INDICES else text
        end, depth = self.position, 1
        while depth:
            end += 1
            if self.tokens[end] is _END:
                raise Unsupported("unbalanced braces")
            depth += {"{": 1, "}": -1}.get(self.tokens[end][1], 0)
        inner = self.tokens[self.position + 1 : end]
        if any(kind == "sym" and text in "+-" for kind, text, _ in inner) or (
            len(inner) == 1 and inner[0][0] == "let" and inner[0][1] in _INDICES
        ):
            self.expect("{")
            return nodes.of_letters(self.enclosed("}"))
        self.position = end + 1
        return "".join(text for _, text, _ in inner)

    def parenthesised(self, *others: str) -> tuple[Node, ...]:
        """The arguments of a function in parentheses, or in one of the ``others``."""
        opener = self.take(*others) or "("
        if opener == "(":
            self.expect("(")
        bars, self.bars = self.bars, 0
        arguments = [self.sum()]
        while self.take(","):
            arguments.append(self.sum())
        self.bars = bars
        self.expect(_CLOSING[opener])
        return tuple(arguments)

    def command(self, name: str) -> Node:
        if name in ("frac", "binom"):
            top, bottom = self.argument(), self.argument()
            return nodes.Divide(top, bottom) if name == "frac" else nodes.Call("binom", (top, bottom))
        if name == "sqrt":
            return self.root()
        if name in ("pi", "infty", "infinity"):
            return nodes.Constant("pi" if name == "pi" else "inf")
        if name in ("lfloor", "lceil"):
            return nodes.Call(name[1:], (self.enclosed("r" + name[1:]),))
        if name in FUNCTIONS_OF_MANY:
            return nodes.of_many(name, self.parenthesised("{", "\\{", "["))
        if name in ("floor", "ceil", "abs"):
            self.expect("(")
            return nodes.Call(name, (self.enclosed(")"),))
        if name in FUNCTIONS:
            return self.function(name)
        if name in ("sum", "prod"):
            return self.series("sum" if name == "sum" else "prod")
        if name in ACCENTS:
            letters = nodes.letters(self.argument())
            if letters is None:
                raise Unsupported("accent")
            return self.variable(f"{name}({letters})")
        if name in NAMES:
            return self.variable("\\" + name)
        if name == "begin":
            return self.matrix()
        raise Unsupported(name)

    def root(self) -> Node:
        index = self.enclosed("]") if self.take("[") else None
        radicand = self.enclosed(")") if self.take("(") else self.argument(whole_number=True)
        if index is None:
            return nodes.Call("sqrt", (radicand,))
        return nodes.Power(radicand, nodes.Divide(_number("1"), index))

    def function(self, name: str) -> Node:
        scripts: dict[str, Node] = {}
        while mark := self.take("_", "^"):
            scripts[mark] = self.argument(whole_number=True)
        base, power = scripts.get("_"), scripts.get("^")
        argument = self.function_argument()
        match power:
            case nodes.Negative(nodes.Number(one)) if one == 1 and not name.startswith(("ln", "log", "exp")):
                name, power = "arc" + name, None
        node: Node = nodes.Call(SPELLINGS.get(name, name), (argument,))
        if base is not None:
            if name != "log":
                raise Unsupported("subscripted function")
            node = nodes.Divide(nodes.Call("ln", (argument,)), nodes.Call("ln", (base,)))
        return node if power is None else nodes.Power(node, power)

    def function_argument(self) -> Node:
        if self.at("(", "["):
            # ``\\ln(2)^2``: what follows the bracket is for the function, but for the unit of an angle.
            return self.postfix(self.atom(), ("degree", "\\%", "%"))
        if self.at("{", "\\{", "|"):
            return self.raised(self.atom())
        if self.take("-"):
            return nodes.Negative(self.function_argument())
        node = self.power()
        while self.starts_factor() and not self.at("(", "["):
            kind, text, _ = self.peek()
            if kind == "text" or (kind == "cmd" and (text in FUNCTIONS or text in ("sum", "prod", "begin"))):
                break
            node = nodes.Multiply(node, self.power())
        return node

    def series(self, name: Literal["sum", "prod"]) -> Node:
        low = high = None
        variable = ""
        for _ in range(2):
            if self.take("_"):
                self.expect("{")
                kind, variable, _space = self.next()
                if kind != "let":
                    raise Unsupported("bound variable")
                self.expect("=")
                low = self.sum()
                self.expect("}")
            elif self.take("^"):
                high = self.argument(whole_number=True)
        if low is None or high is None:
            raise Unsupported("series without limits")
        body = self.product()
        return nodes.Series(name, variable, low, high, nodes.of_letters(body, variable))

    def matrix(self) -> Node:
        self.expect("{")
        name = self.skip_to("}")
        if name not in MATRICES:
            raise Unsupported(name)
        if name == "array" and self.at("{"):
            self.skip_to("}")
        rows: list[list[Node]] = [[]]
        while not self.take("end"):
            if self.take("\\\\", "cr"):
                rows.append([])
            elif not self.take("\\", "hline", "&"):
                rows[-1].append(self.sum())
        self.expect("{")
        self.skip_to("}")
        rows = [row for row in rows if row]
        if len({len(row) for row in rows}) != 1:
            raise Unsupported("ragged matrix")
        return nodes.Matrix(tuple(tuple(row) for row in rows))


@lru_cache(maxsize=4096)
def _number(text: str) -> Node:
    digits = text.rstrip(".")
    if not digits:
        raise Unsupported("a point without digits")
    return nodes.Number(Fraction(digits))
