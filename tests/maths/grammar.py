# ruff: noqa: E501
r"""Answers at random, from the reader's own tables: what is entered there is fuzzed at once.

Everything that the reader knows is mixed and nested: functions, operators, environments, accents, brackets, relations,
wrappers, words, units, numbers of all sizes and spellings. Some answers are damaged at the end.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from random import Random

from int_verl.maths import (
    commands,
    east_asian,
    magnitudes,
    normal_form,
    numerals,
    parse_expression,
    prose,
    read_answer,
    regions_in_words,
    tokens,
    units,
)

_OPERATORS = ["+", "-", "*", "/", "**", " ", *(f"\\{name} " for name in sorted(commands.STOPS))]
_RELATIONS = sorted(read_answer._RELATIONS)
_COMMANDS = sorted(
    {f"\\{name} " for name in normal_form._RENAMED} | {f"\\{word[1:]} " for word in normal_form._COMMANDS}
)
_GLYPHS = sorted(normal_form._UNICODE)
_LAYOUT = [
    r"\left", r"\right", r"\big", r"\displaystyle ", r"\textstyle ", r"\limits ", r"\,", r"\!", r"\;", r"\ ", "~",
    r"\quad ", r"\hspace{1em}", r"\phantom{x}", r"\color{red}", r"\label{a}", "$", "&", r"\\",
]  # fmt: skip
_UNITS = [
    *sorted(units._CANONICAL | units._COMPOUND),
    *sorted(units._SAYS_NOTHING),
    "square cm",
    "m squared",
    "eggs per day",
]
_WORDS = [
    *prose.WORD_VALUES,
    *magnitudes._FACTORS,
    *sorted(east_asian._WORDS),
    *east_asian._COUNTERS.split(),
    "even",
    "for all",
    "where",
    "is",
    "million",
    "percent",
    "or",
    "and",
    "such that",
]
_MOST_DEPTH = 3


class Grammar:
    """Makes answers; the same from the same random numbers."""

    def __init__(self, random: Random, *, exact: bool = False) -> None:
        self.random = random
        self.exact = exact
        """Neither decimals nor marks, for which equality does not go both ways, and no sum that means two values."""
        self.wild = False
        """Whether what has no meaning is as likely as what has: most such answers cannot be read."""

    def one(self, choices: list[str]) -> str:
        return self.random.choice(choices)

    def any_of(self, *ways: Callable[[], str]) -> str:
        return self.random.choice(ways)()

    # -- leaves

    def number(self) -> str:
        whole = str(self.random.choice([0, 1, 2, 3, 10, self.random.randrange(100), self.random.randrange(10**9)]))
        small = str(self.random.randrange(1, 30))
        exact = [
            whole,
            rf"\frac{{{whole}}}{{{small}}}",
            f"{whole}/{small}",
            rf"{whole}\frac{{1}}{{{small}1}}",
            str(10 ** self.random.randrange(60) + 7),
        ]
        if self.exact:
            return self.one(exact)
        digits = self.random.randrange(10**6)
        inside = [
            f"{whole}.{digits}", f".{digits}", f"{whole}.", rf"0.\overline{{{digits}}}", f"-{whole}", rf"{whole}\%",
            rf"{whole}^\circ", f"{small}.5e-300", "9" * self.random.randrange(1, 80), "½", "3½",
            "0." + "0" * self.random.randrange(40) + "1",
        ]  # fmt: skip
        return self.one([*exact, *(self._spelled(whole, small) if self.wild else inside)])

    def _spelled(self, whole: str, small: str) -> list[str]:
        """Spellings of a number that mostly have no meaning inside an expression."""
        return [
            f"{whole}%", rf"\${whole}", f"{int(whole):,}", "12,345", "1{,}234", r"1\,234", f"{small}e300", f"-{small}e-300",
            rf"{small}.5 \times 10^{{{self.random.randrange(-400, 400)}}}", rf"{whole}_{{{small}}}", f"({whole})_{small[:1]}",
            f"{whole} in base {self.one(sorted(numerals._BASES))}", rf"{whole}_{{\text{{{self.one(sorted(numerals._BASES))}}}}}",
            f"{whole} : {small}", "٣", "１２", f"{whole}.{small}.{small}",
        ]  # fmt: skip

    def name(self) -> str:
        if not self.wild:
            return self.one(["x", "x", "y", "n", "k", "t", r"\alpha ", "a_1", "a_{n-1}", "f(x)", "m'"])
        letter = self.one([*string.ascii_letters, *(f"\\{name} " for name in sorted(commands.NAMES))])
        return self.one(
            [
                letter, letter, letter, f"{letter}'", f"{letter}_1", rf"{letter}_{{n-1}}", rf"{letter}_{{max}}",
                rf"\{self.one(sorted(commands.ACCENTS))}{{{letter}}}",
                rf"\{self.one(sorted(tokens._TEXT))}{{{letter}}}", rf"\mathbb{{{letter}}}",
            ]
        )  # fmt: skip

    def constant(self) -> str:
        if not self.wild:
            return self.one([r"\pi", "e", "i", "π", r"\sqrt{2}", r"\sqrt[3]{5}", r"\infty"])
        return self.one([r"\pi", "e", "i", r"\infty", r"-\infty", "π", "∞", r"\sqrt{2}", r"\sqrt[3]{5}", r"\emptyset"])

    # -- expressions

    def expression(self, depth: int = _MOST_DEPTH) -> str:
        if depth <= 0 or self.random.random() < 0.2:
            return self.any_of(self.number, self.number, self.name, self.constant)
        inner = [self.expression(depth - 1 - self.random.randrange(2)) for _ in range(self.random.randrange(2, 4))]
        ways = [self._function, self._of_many, self._structure, self._binary, self._binary, self._bracketed]
        if self.wild or self.random.random() < 0.05:
            ways.append(self._matrix)
        return self.random.choice(ways)(inner)

    def _binary(self, inner: list[str]) -> str:
        usual = ["+", "-", "*", "/", r"\cdot ", r"\times ", r"\div ", "^", "**", "+-", " "]
        operator = self.one(_OPERATORS if self.wild else usual if self.exact else [*usual, r"\pm "])
        return operator.join(f"({part})" if self.random.random() < 0.7 else f"{{{part}}}" for part in inner)

    def _function(self, inner: list[str]) -> str:
        name = self.one(sorted(tokens.FUNCTIONS))
        head = self.one(["\\", "", r"\operatorname{", r"\mathrm{"])
        head = f"{head}{name}}}" if head.endswith("{") else head + name
        scripts = self.one(
            ["", "", "", "^2", "^{-1}"]
            if not self.wild
            else ["^2", "^{-1}", f"^{{{inner[1]}}}", "_2", f"_{{{inner[1]}}}", f"_{{{inner[1]}}}^2"]
        )
        argument = self.one(
            [f"({inner[0]})", f"{{{inner[0]}}}", f" {inner[0]}", rf"\left({inner[0]}\right)", f"|{inner[0]}|"]
        )
        return head + scripts + argument + self.one(["", "", "^2", "!"])

    def _of_many(self, inner: list[str]) -> str:
        wild = [*sorted(tokens._WORDS - tokens.FUNCTIONS), "f", "g"]
        name = self.one([*sorted(tokens.FUNCTIONS_OF_MANY), *(wild if self.wild else [])])
        separator = self.one([", ", ",", "; "] if self.wild else [","])
        group = self.one(["()", "[]", r"\{\}", "{}"] if self.wild else ["()"])
        half, head = len(group) // 2, self.one(["\\", ""])
        return f"{head}{name}{group[:half]}{separator.join(inner)}{group[half:]}"

    def _structure(self, inner: list[str]) -> str:
        a, b = inner[0], inner[1]
        index, last = self.one(["k", "i", "n", "j"]), self.one(["5", "n", a, r"\infty"])
        series = rf"\{self.one(['sum', 'prod'])}_{{{index}={self.number()}}}^{{{last}}}{{{b}}}"
        return self.one(
            [
                rf"\frac{{{a}}}{{{b}}}", rf"\dfrac{{{a}}}{{{b}}}", rf"\frac {a[:1]}{b}", rf"\binom{{{a}}}{{{b}}}",
                rf"{{{a} \choose {b}}}", rf"{{{a} \over {b}}}", rf"\sqrt{{{a}}}", rf"\sqrt[{b}]{{{a}}}", f"√({a})",
                rf"\lfloor {a} \rfloor", rf"\lceil {a} \rceil", f"|{a}|", rf"\left|{a}\right|", f"({a})!", f"{a}!!",
                rf"\log_{{{b}}}({a})", rf"{a} \bmod {b}", series,
            ]
            + (not self.exact) * [rf"\pm {a} \mp {b}", rf"({a})\%", rf"({a})^\circ"]
            + self.wild
            * [
                rf"\int_{{0}}^{{{b}}} {a}\,dx", rf"\lim_{{x\to {b}}} {a}", rf"C_{{{a}}}^{{{b}}}", rf"{{}}_{{{a}}}P_{{{b}}}", f"C({a}, {b})", f"({a})^{{{b}}}", f"{a}_{{{b}}}", f"-{a}", f"+{a}",
            ]
        )  # fmt: skip

    def _bracketed(self, inner: list[str]) -> str:
        opener = self.one(sorted(parse_expression._CLOSING))
        closer = parse_expression._CLOSING[opener]
        sized = self.one(["{}{}{}", r"\left{}{}\right{}", r"\big{}{}\big{}"]) if opener != "{" else "{}{}{}"
        return sized.format(opener, inner[0], closer)

    def _matrix(self, inner: list[str]) -> str:
        kind = self.one([*sorted(commands.MATRICES), *(["cases", "aligned", "vmatrix"] if self.wild else [])])
        columns = "{cc}" if kind == "array" else ""
        width = self.random.randrange(1, 3)
        rows = r" \\ ".join(" & ".join(inner[:width]) for _ in range(self.random.randrange(1, 3)))
        return rf"\begin{{{kind}}}{columns} {rows} \end{{{kind}}}"

    # -- answers

    def pair(self) -> tuple[str, str]:
        """Two answers, mostly of one kind and with parts in common."""
        self.wild = self.random.random() < 0.3
        parts = [self.expression(self.random.randrange(_MOST_DEPTH + 1)) for _ in range(self.random.randrange(1, 4))]
        others = [self.related(part) if self.random.random() < 0.6 else self.expression(2) for part in parts]
        kinds = [
            self._plain, self._plain, self._listed, self._interval, self._relation, self._congruence, self._worded,
            self._condition, self._wrapped, self._numeral, self._system,
        ]  # fmt: skip
        kind = self.random.choice(kinds)
        other = kind if self.random.random() < 0.8 else self.random.choice(kinds)
        self.random.shuffle(others)
        return self._perhaps_damaged(kind(parts)), self._perhaps_damaged(other(others))

    def related(self, text: str) -> str:
        """What is equal to an expression, or nearly so."""
        return self.one(
            [text, f"({text})", rf"1 \cdot ({text})", f"({text}) + 0", rf"\left({text}\right)", f"-({text})", f"({text}) + 1",
             rf"\frac{{2({text})}}{{2}}", rf"\sqrt{{({text})^2}}", rf"\ln e^{{{text}}}", f"x = {text}", rf"{{{text}}}^{{1}}"]
        )  # fmt: skip

    def _perhaps_damaged(self, text: str) -> str:
        return self._damaged(text) if self.random.random() < 0.1 else text

    def _numeral(self, parts: list[str]) -> str:
        whole = str(len(parts[0]) * self.random.randrange(1, 900))
        return self.one(self._spelled(whole, str(self.random.randrange(2, 40))))

    def _plain(self, parts: list[str]) -> str:
        return parts[0]

    def _listed(self, parts: list[str]) -> str:
        inside = self.one([", ", "; ", r" \text{ and } ", " or ", ":", r"\cup "]).join(parts)
        named = ", ".join(f"{self.name()} = {part}" for part in parts)
        return self.one(
            [
                inside,
                f"({inside})",
                rf"\{{{inside}\}}",
                f"[{inside}]",
                rf"\langle {inside} \rangle",
                named,
                rf"\{{({inside}), 1\}}",
            ]
        )

    def _interval(self, parts: list[str]) -> str:
        def piece() -> str:
            a, b = self.random.choice(parts), self.random.choice([*parts, r"\infty"])
            return f"{self.one(['(', '[', ']'])}{a}, {b}{self.one([')', ']', '['])}"

        union = self.one([r" \cup ", "∪", r" \cap ", r" \setminus "]).join(piece() for _ in parts)
        return self.one(
            [union, rf"x \in {union}", rf"\mathbb{{R}} \setminus \{{{parts[0]}\}}", rf"\mathbb{{R}}^+ \cup {union}"]
        )

    def _relation(self, parts: list[str]) -> str:
        chain = parts[0]
        for part in [*parts[1:], self.expression(1)]:
            chain += f" {self.one(_RELATIONS)} {part}"
        return self.one([chain, f"x = {chain}", rf"\{{x \mid {chain}\}}", f"{chain} \\text{{ or }} {chain}"])

    def _congruence(self, parts: list[str]) -> str:
        relation = self.one([r"\equiv", r"\not\equiv", "="])
        modulus = self.one(
            [r"\pmod{{{}}}", r"\pmod {}", r"\ (\mathrm{{mod}}\ {})", r"(\bmod {})", r"\bmod {}", "mod {}"]
        )
        return rf"n {relation} {', '.join(parts)} {modulus.format(self.number())}"

    def _system(self, parts: list[str]) -> str:
        kind = self.one(["cases", "dcases", "array", "aligned", "align*", "gathered", "numcases"])
        tails = [
            "",
            rf" & \text{{if }} x > {parts[0]}",
            r" & \text{otherwise}",
            f", {self._relation(parts[:1])}",
            f" = {parts[-1]}",
        ]
        rows = r" \\ ".join(f"{self.one(['', 'x = ', 'y '])}{part}{self.one(tails)}" for part in [*parts, *parts[:1]])
        head = self.one(["", "f(x) = ", r"\{ ", r"\left\{ "])
        return rf"{head}\begin{{{kind}}} {rows} \end{{{kind}}}"

    def _worded(self, parts: list[str]) -> str:
        unit, word = self.one(_UNITS), self.one(_WORDS)
        return self.one(
            [
                rf"{parts[0]} \text{{ {unit}}}", f"{parts[0]} {unit}", rf"\text{{{word}}} {parts[0]}", word, f"{parts[0]} {word}",
                f"the answer is {parts[0]}", rf"\text{{({self.one(list('ABCDE'))}) }} {parts[0]}", f"{parts[0]}, {word} {parts[-1]}",
                f"{parts[0]} {unit}/{unit}^2", f"A) {parts[0]}", f"(a) {parts[0]} (b) {parts[-1]}", f"{parts[0]}?", rf"{parts[0]}\ldots",
                f"{parts[0]} (because {parts[-1]} > 0)", rf"{parts[0]} \text{{ million}}", rf"\{{1, 2, \ldots, {parts[0]}\}}",
                rf"1 + 2 + \cdots + {parts[0]}", rf"{parts[0]}^\circ {parts[-1]}' 3''", rf"a = \boxed{{{parts[0]}}} and b = \boxed{{{parts[-1]}}}",
            ]
        )  # fmt: skip

    def _condition(self, parts: list[str]) -> str:
        kind = self.one(sorted(regions_in_words._KINDS))
        domains = [
            r" for all real $x$", r"\forall x \in \mathbb{R}", rf" (n \ge {parts[-1]})", r"\text{ for some constant } c",
            f", where {kind} x", rf", n \in \mathbb{{Z}}_{{{regions_in_words._KINDS[kind]}}}", f" all {kind} real numbers except {parts[-1]}",
        ]  # fmt: skip
        if self.random.random() < 0.5:
            return self.one([parts[0] + self.one(domains), self.one(domains) + parts[0]])
        return parts[0] + self.one([", ", " for ", r" \text{ where } ", r"\quad ", " ("]) + self._relation(parts[:1])

    def _wrapped(self, parts: list[str]) -> str:
        left, right = self.random.choice(normal_form._WRAPPERS)
        command = self.one([*sorted(tokens._TEXT), "boxed", "fbox", "underbrace", "bbox", "cancel"])
        return self.one(
            [
                left + parts[0] + right,
                rf"\{command}{{{parts[0]}}}",
                self.one(_LAYOUT) + parts[0],
                parts[0] + self.one(_LAYOUT),
            ]
        )

    def _damaged(self, text: str) -> str:
        """With something cut out of it or put into it."""
        at = self.random.randrange(len(text) + 1)
        return self.random.choice(
            [
                text[:at] + text[at + self.random.randrange(1, 4) :],
                text[:at] + self.one(_COMMANDS + _GLYPHS + _LAYOUT) + text[at:],
                text[:at] + self.one(list(string.printable)) + text[at:],
                text[:at],
                text[:at] + chr(self.random.randrange(0x20, 0x3000)) + text[at:],
            ]
        )
