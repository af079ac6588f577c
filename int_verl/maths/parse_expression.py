"""From a normalised LaTeX expression to a tree, by recursive descent.

Whatever is not understood completely raises `Unsupported`; nothing is skipped and nothing is guessed.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

from int_verl.maths.expression_tree import Node, Unsupported
from int_verl.maths.size_limits import MAX_NESTING, TooLarge
from int_verl.maths.tokens import FUNCTIONS, MANY, tokenise

_GREEK = frozenset(
    [
        "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "iota",
        "kappa", "lambda", "mu", "nu", "xi", "rho", "varrho", "sigma", "varsigma", "tau", "upsilon", "phi", "varphi",
        "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi",
        "Omega", "ell", "hbar", "aleph", "mho", "nabla", "partial", "Re", "Im", "wp", "imath", "jmath",
    ]
)  # fmt: skip


_ACCENTS = frozenset(
    ["bar", "hat", "vec", "tilde", "overline", "widehat", "overrightarrow", "dot", "ddot", "widetilde", "underbrace"]
)


_MATRICES = frozenset(["pmatrix", "bmatrix", "matrix", "Bmatrix", "vmatrix", "Vmatrix", "array", "smallmatrix"])


UNKNOWN_FUNCTIONS = frozenset("fghFGH")


def parse(text: str) -> Node:
    """The tree of a whole expression.

    Raises:
        Unsupported: any part of it is not understood.
        TooLarge: it is nested too deeply or has too many digits.
    """
    parser = _Parser(tokenise(text))
    node = parser.sum()
    if parser.peek() is not _END:
        raise Unsupported(f"left over: {parser.tokens[parser.position][1]}")
    return node


_END = ("end", "", False)


class _Parser:
    def __init__(self, tokens: list[tuple[str, str, bool]]) -> None:
        self.tokens = [*tokens, _END]
        self.position = 0
        self.bars = 0
        self.depth = 0

    # -- token helpers

    def peek(self) -> tuple[str, str, bool]:
        return self.tokens[self.position]

    def next(self) -> tuple[str, str, bool]:
        token = self.peek()
        if token[0] == "end":
            raise Unsupported("unexpected end")
        self.position += 1
        return token

    def at(self, *texts: str) -> bool:
        kind, text, _ = self.tokens[self.position]
        return text in texts and kind in ("sym", "cmd")

    def expect(self, text: str) -> None:
        token = self.next()
        if token[1] != text or token[0] not in ("sym", "cmd"):
            raise Unsupported(f"expected {text}, found {token[1]}")

    # -- grammar

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > 4 * MAX_NESTING:
            raise TooLarge("nesting")
        left = self.product()
        while True:
            if self.at("+"):
                self.next()
                left = ("add", left, self.product())
            elif self.at("-"):
                self.next()
                left = ("sub", left, self.product())
            elif self.at("pm"):
                self.next()
                left = ("add", left, ("pm", self.product()))
            elif self.at("mp"):
                self.next()
                left = ("add", left, ("mp", self.product()))
            else:
                self.depth -= 1
                return left

    def product(self) -> Node:
        left = self.signed()
        while True:
            if self.at("*"):
                self.next()
                if self.at("*"):  # Python's power
                    self.next()
                    left = ("pow", left, self.signed())
                else:
                    left = ("mul", left, self.signed())
            elif self.at("cdot", "times", "bullet", "ast"):
                self.next()
                left = ("mul", left, self.signed())
            elif self.at("/", "div"):
                self.next()
                left = ("div", left, self.signed())
            elif self.at("bmod", "mod"):
                self.next()
                left = ("fn", "mod", (left, self.signed()))
            elif self.starts_factor():
                mixed = self.mixed_number(left)
                if mixed is not None:
                    left = mixed
                    continue
                if left[0] == "num" and self.peek()[0] == "num":
                    raise Unsupported("two numbers side by side")
                left = ("mul", left, self.power())
            else:
                return left

    def mixed_number(self, left: Node) -> Node | None:
        """``3\\frac{1}{2}`` and ``3 1/2``: an integer directly before a proper fraction of integers."""
        negative = left[0] == "neg"
        whole = left[1] if negative else left
        previous = self.tokens[self.position - 1]
        if whole[0] != "num" or previous[0] != "num" or "." in previous[1] or len(previous[1]) > 6:
            return None
        before = self.tokens[self.position - 2] if self.position >= 2 else ("end", "", False)
        if before[1] in ("^", "_", "/"):
            return None
        start = self.position
        fraction = None
        if self.at("frac"):
            node = self.power()
            if node[0] == "div":
                fraction = node
        elif self.peek()[0] == "num" and self.peek()[2]:
            top = self.next()
            if self.at("/"):
                self.next()
                bottom = self.next()
                if bottom[0] == "num" and "." not in top[1] + bottom[1]:
                    fraction = ("div", _number(top[1]), _number(bottom[1]))
        if fraction is not None and fraction[1][0] == fraction[2][0] == "num":
            a, b = fraction[1][1], fraction[2][1]
            if a.denominator == b.denominator == 1 and 0 < a < b and len(str(b)) <= 6:
                total = ("num", whole[1] + a / b)
                return ("neg", total) if negative else total
        self.position = start
        return None

    def starts_factor(self) -> bool:
        kind, text, _ = self.peek()
        if kind in ("num", "let", "text"):
            return True
        if kind == "sym":
            return text in ("(", "[", "{", "\\{") or (text == "|" and not self.bars)
        if kind == "cmd":
            return text not in _STOPS
        return False

    def signed(self) -> Node:
        if self.at("-"):
            self.next()
            return ("neg", self.signed())
        if self.at("+"):
            self.next()
            return self.signed()
        if self.at("pm"):
            self.next()
            return ("pm", self.signed())
        if self.at("mp"):
            self.next()
            return ("mp", self.signed())
        return self.power()

    def power(self) -> Node:
        base = self.postfix(self.atom())
        if self.at("^"):
            self.next()
            exponent = self.argument(whole_number=True)
            base = ("pow", base, exponent)
            return self.postfix(base)
        return base

    def postfix(self, node: Node) -> Node:
        while True:
            if self.at("!"):
                steps = 0
                while self.at("!"):
                    self.next()
                    steps += 1
                if steps > 2:
                    raise Unsupported("!!!")
                node = ("fact", node, steps)
            elif self.at("degree"):
                self.next()
                node = ("degree", node)
            elif self.at("\\%", "%"):
                self.next()
                node = ("percent", node)
            else:
                return node

    def argument(self, *, whole_number: bool = False) -> Node:
        """A TeX argument: a group, or one token (one digit, unless ``whole_number``)."""
        kind, text, space = self.peek()
        if kind == "sym" and text == "{":
            return self.group("{", "}")
        if kind == "num" and not whole_number and len(text) > 1:
            self.tokens[self.position] = ("num", text[1:], False)
            return _number(text[0])
        if kind == "num":
            self.next()
            return _number(text)
        if kind == "sym" and text in ("-", "+"):
            self.next()
            inner = self.argument(whole_number=whole_number)
            return ("neg", inner) if text == "-" else inner
        del space
        return self.atom()

    def group(self, left: str, right: str) -> Node:
        self.expect(left)
        bars, self.bars = self.bars, 0
        node = self.sum()
        self.bars = bars
        self.expect(right)
        return node

    def atom(self) -> Node:
        kind, text, _ = self.peek()
        if kind == "num":
            self.next()
            return _number(text)
        if kind == "let":
            self.next()
            return self.variable(text)
        if kind == "text":
            self.next()
            if text.startswith("mathbb:"):
                raise Unsupported(text)
            return self.variable(text)
        if kind == "sym":
            if text == "(":
                return self.group("(", ")")
            if text == "[":
                return self.group("[", "]")
            if text == "{":
                return self.group("{", "}")
            if text == "\\{":
                return self.group("\\{", "\\}")
            if text == "|":
                self.next()
                self.bars += 1
                node = self.sum()
                self.bars -= 1
                self.expect("|")
                return ("fn", "abs", (node,))
            raise Unsupported(text)
        if kind == "cmd":
            self.next()
            return self.command(text)
        raise Unsupported("unexpected end")

    def variable(self, name: str) -> Node:
        plain = True
        while self.at("_", "'"):
            if self.next()[1] == "'":
                name += "'"
                plain = False
                continue
            index = self.subscript()
            plain = False
            if isinstance(index, str):
                name += "_" + index
            else:
                return ("apply", name + "_", (index,))
        if plain and name == "e":
            return ("const", "e")
        if plain and name == "i":
            return ("const", "i")
        if name.rstrip("'") in UNKNOWN_FUNCTIONS and self.at("("):
            return ("apply", name, self.parenthesised())
        return ("var", name)

    def subscript(self) -> str | Node:
        """A subscript: a string where it is a mere label, a tree where it is computed with (``F_{n-1}``)."""
        start = self.position
        if not self.at("{"):
            kind, text, _ = self.next()
            if kind == "num" and len(text) > 1 and "." not in text:
                return text
            if kind in ("num", "let", "text", "cmd"):
                return text if kind != "let" or text not in "nkmij" else ("var", text)
            raise Unsupported("subscript")
        end, depth = start, 0
        while True:
            if self.tokens[end] is _END:
                raise Unsupported("unbalanced braces")
            if self.tokens[end][1] == "{":
                depth += 1
            elif self.tokens[end][1] == "}":
                depth -= 1
                if depth == 0:
                    break
            end += 1
        inner = self.tokens[start + 1 : end]
        if any(text in "+-" for kind, text, _ in inner if kind == "sym") or (
            len(inner) == 1 and inner[0][0] == "let" and inner[0][1] in "nkmij"
        ):
            return self.group("{", "}")
        self.position = end + 1
        return "".join(text for _, text, _ in inner)

    def parenthesised(self) -> tuple[Node, ...]:
        self.expect("(")
        bars, self.bars = self.bars, 0
        items = [self.sum()]
        while self.at(","):
            self.next()
            items.append(self.sum())
        self.bars = bars
        self.expect(")")
        return tuple(items)

    def command(self, name: str) -> Node:
        if name == "frac":
            top = self.argument()
            return ("div", top, self.argument())
        if name == "binom":
            top = self.argument()
            return ("fn", "binom", (top, self.argument()))
        if name == "sqrt":
            return self.root()
        if name in ("pi", "infty", "infinity"):
            return ("const", "pi" if name == "pi" else "inf")
        if name in ("lfloor", "lceil"):
            bars, self.bars = self.bars, 0
            node = self.sum()
            self.bars = bars
            self.expect("rfloor" if name == "lfloor" else "rceil")
            return ("fn", name[1:], (node,))
        if name in ("floor", "ceil", "abs"):
            return ("fn", name, self.parenthesised())
        if name in MANY:
            if not self.at("("):
                raise Unsupported(name)
            return ("fn", name, self.parenthesised())
        if name in FUNCTIONS:
            return self.function(name)
        if name in ("sum", "prod"):
            return self.series(name)
        if name in _ACCENTS:
            inner = self.argument()
            if inner[0] not in ("var", "mul", "const"):
                raise Unsupported(name)
            return self.variable(f"{name}({_spell(inner)})")
        if name in _GREEK:
            return self.variable("\\" + name)
        if name in ("angle", "triangle"):
            return self.variable("\\" + name)
        if name == "begin":
            return self.matrix()
        raise Unsupported(name)

    def root(self) -> Node:
        index = None
        if self.at("["):
            index = self.group("[", "]")
        radicand = self.group("(", ")") if self.at("(") else self.argument(whole_number=True)
        return ("fn", "sqrt", (radicand,)) if index is None else ("pow", radicand, ("div", _number("1"), index))

    def function(self, name: str) -> Node:
        base: Node | None = None
        power: Node | None = None
        while self.at("_", "^"):
            if self.next()[1] == "_":
                base = self.argument(whole_number=True)
            else:
                power = self.argument(whole_number=True)
        argument = self.function_argument()
        if power is not None and power == ("neg", ("num", Fraction(1))) and not name.startswith(("ln", "log", "exp")):
            name, power = "arc" + name, None
        if name in ("asin", "acos", "atan"):
            name = "arc" + name[1:]
        if base is not None:
            if name != "log":
                raise Unsupported("subscripted function")
            node: Node = ("div", ("fn", "ln", (argument,)), ("fn", "ln", (base,)))
        else:
            node = ("fn", name, (argument,))
        return node if power is None else ("pow", node, power)

    def function_argument(self) -> Node:
        if self.at("(", "[", "{", "\\{", "|"):
            node = self.atom()
            if self.at("^"):
                self.next()
                node = ("pow", node, self.argument(whole_number=True))
            return self.postfix(node)
        if self.at("-"):
            self.next()
            return ("neg", self.function_argument())
        node = self.power()
        while self.starts_factor() and not self.at("(", "["):
            kind, text, _ = self.peek()
            if kind == "cmd" and (text in FUNCTIONS or text in ("sum", "prod", "begin")):
                break
            if kind == "text":
                break
            node = ("mul", node, self.power())
        return node

    def series(self, name: str) -> Node:
        low: Node | None = None
        high: Node | None = None
        variable = ""
        for _ in range(2):
            if self.at("_"):
                self.next()
                self.expect("{")
                kind, variable, _space = self.next()
                if kind != "let":
                    raise Unsupported("bound variable")
                self.expect("=")
                low = self.sum()
                self.expect("}")
            elif self.at("^"):
                self.next()
                high = self.argument(whole_number=True)
        if low is None or high is None:
            raise Unsupported("series without limits")
        body = self.product()
        return (name, variable, low, high, _rename_imaginary(body, variable))

    def matrix(self) -> Node:
        self.expect("{")
        name = ""
        while not self.at("}"):
            name += self.next()[1]
        self.next()
        if name not in _MATRICES:
            raise Unsupported(name)
        if name == "array" and self.at("{"):
            while not self.at("}"):
                self.next()
            self.next()
        rows: list[list[Node]] = [[]]
        while True:
            if self.at("end"):
                break
            if self.at("\\\\", "cr"):
                self.next()
                rows.append([])
                continue
            if self.at("\\") or self.at("hline"):
                self.next()
                continue
            if self.at("&"):
                self.next()
                continue
            rows[-1].append(self.sum())
        self.next()
        self.expect("{")
        while not self.at("}"):
            self.next()
        self.next()
        rows = [row for row in rows if row]
        if not rows or len({len(row) for row in rows}) != 1:
            raise Unsupported("ragged matrix")
        if name in ("vmatrix", "Vmatrix"):
            raise Unsupported("determinant")
        return ("matrix", tuple(tuple(row) for row in rows))


_STOPS = frozenset(
    [
        "cdot", "times", "bullet", "ast", "div", "pm", "mp", "bmod", "mod", "pmod", "le", "ge", "ne", "lt", "gt",
        "approx", "equiv", "in", "notin", "cup", "cap", "setminus", "to", "rfloor", "rceil", "end", "cr", "hline",
        "degree", "ldots", "quad", "and", "or", "land", "lor", "text", "subset", "subseteq", "sim", "Rightarrow",
        "implies", "iff", "Leftrightarrow", "forall", "exists", "colon", "rangle", "mid", "limits", "pmod",
        "parallel", "perp", "cong", "emptyset",
    ]
)  # fmt: skip


@lru_cache(maxsize=4096)
def _number(text: str) -> Node:
    return ("num", Fraction(text if text[-1] != "." else text[:-1]))


def _spell(node: Node) -> str:
    """A short name for a product of variables, for accents: ``\\overline{AB}``."""
    if node[0] in ("var", "const"):
        return str(node[1])
    if node[0] == "mul":
        return _spell(node[1]) + _spell(node[2])
    raise Unsupported("accent")


def _rename_imaginary(node: Any, variable: str) -> Any:
    """In a sum over ``i`` (or ``e``), that letter is the index and not the constant."""
    if variable not in ("i", "e"):
        return node
    if node == ("const", variable):
        return ("var", variable)
    if isinstance(node, tuple):
        return tuple(_rename_imaginary(part, variable) for part in node)
    return node
