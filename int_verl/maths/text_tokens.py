"""A text of prose and mathematics as tokens with their offsets; LaTeX, Unicode and plain spelling come out alike.

One pass over the text; nothing is rejected, what is not understood separates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from int_verl.maths.nodes import variables
from int_verl.maths.normal_form import normalise
from int_verl.maths.parse_expression import parse
from int_verl.maths.tokens import FUNCTIONS
from int_verl.maths.undecided import Unsupported


@dataclass(slots=True)
class Token:
    kind: str
    """num, var, cmd, op, rel, open, close, comma, word, sep, ellipsis, box"""
    text: str
    """As written; ``$`` for every math delimiter, ``text`` for the ends of a text command; a relation's kind."""
    start: int
    end: int
    tight: bool = False
    """No white space before it."""
    line_start: bool = False


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text, in its order; those of a font command's argument reach around the command."""
    return _Lexer(text).run()


_LEXEME = re.compile(
    r"""(?P<word>[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]+(?:['\u2019\-][A-Za-z]+)*)
    |(?P<space>[^\S\n]+|~|\\[,;:!>\ ]|\\(?:quad|qquad|thinspace|hfill|hspace\*?\{[^{}]{0,20}\})(?![A-Za-z]))
    |(?P<layout>\\(?:left|right|middle|mleft|mright|[bB]igg?[lrm]?|displaystyle|textstyle|limits|nolimits)(?![A-Za-z]))
    |(?P<matrix>\\begin\s?\{(?P<name>[pbB]?matrix|smallmatrix|array)\}.{0,1000}?\\end\s?\{(?P=name)\})
    |(?P<dropped>\\(?:tag\*?|label|ref|eqref|cite|color)\s?\{[^{}]{0,60}\}|\\\\\[[^\]\n]{0,10}\]
      |\\(?:begin|end)\s?\{[^{}]{0,30}\}(?:\{[lcr|]{1,20}\})?)
    |\\(?:text[a-z]{0,6}|mbox|emph|underline|(?:mathrm|operatorname)(?=\s?\{[~\s]*[A-Za-z]{2}))\s?\{
      (?=(?P<prose>[^{}]{0,300})\})
    |\\(?:math[a-z]{2,4}|boldsymbol|bm|operatorname\*?)\s?\{(?=(?P<font>[^{}]{0,60})\})
    |(?P<ordinal>[0-9]+(?:st|nd|rd|th)(?![A-Za-z]))
    |(?P<num>[0-9]{0,30}\.[0-9]{0,30}(?:\\(?:overline|bar|dot)\s?(?:\{[0-9]{1,30}\}|[0-9])[0-9]{0,30}){1,3}
      |[0-9]{1,3}(?:(?:\{,\}|\\,|\\!|,\\!|[,\ \u2009\u202f\u00a0])[0-9]{3})+(?![0-9])(?:\.[0-9]+)?
      |[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
    |(?P<ellipsis>\.\.\.)
    |(?P<rel>-->|==>|<=|>=|!=|:=|==|->|=>|[=<>])
    |(?P<op>\*\*|[-+*/^!%_|])
    |(?P<open>[(\[{])|(?P<close>[)\]}])
    |(?P<comma>[,\uff0c\u3001])
    |(?P<command>\\(?:[A-Za-z]+|[^A-Za-z])|[\u2080-\u209c]+|[^\x00-\x7f])
    |(?P<sep>.)""",
    re.VERBOSE | re.DOTALL,
)
_MATH_MARK = re.compile(r"(?<!\\)(?:\$\$|\$|\\\(|\\\)|\\\[|\\\])")
_PROSE_IN_MATH = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}[,.;]?\s+[a-z]{2,}[\s,.;]")
_RELATIONS = {
    sign: kind
    for kind, signs in {
        "=": r"= := == \equiv \cong \approx \simeq \doteq \coloneqq",
        "<": r"< > <= >= \le \leq \leqslant \ge \geq \geqslant \lt \gt \ll \gg",
        "!=": r"!= \ne \neq \notin",
        "->": r"-> => --> ==> \to \rightarrow \Rightarrow \implies \iff \Leftrightarrow \longrightarrow"
        r" \Longrightarrow \mapsto \leadsto",
        "in": r"\in",
        "mid": r"\mid \nmid",
        "~": r"\sim \parallel \perp \subset \subseteq \propto",
    }.items()
    for sign in signs.split()
}
_COMMANDS = {
    command: kind
    for kind, commands in {
        "op": r"\cdot \times \ast \div \pm \mp \cup \cap \setminus \degree \% \| \lvert \rvert \vert",
        "open": r"\{ \lbrace \langle",
        "close": r"\} \rbrace \rangle",
        "delimiter": r"\( \) \[ \] \$",
        "ellipsis": r"\ldots \dots \cdots \vdots \dotsc \dotsb",
        "box": r"\boxed \fbox",
        "word": r"\pmod \bmod \mod \pod",
    }.items()
    for command in commands.split()
}
_NAMED = (
    "gcd",
    "lcm",
    "max",
    "min",
    "sup",
    "inf",
    "lim",
    "det",
    "dim",
    "deg",
    "ker",
    "arg",
    "Pr",
    "sum",
    "prod",
    "int",
)
_FUNCTION_NAMES = FUNCTIONS | frozenset(_NAMED) | {"oint", "sqrt", "binom", "frac"}
_UNITS = ("cm", "mm", "km", "kg", "mg", "ml", "mph", "hrs", "min", "sec", "dollars", "cents")
_EXCLAMATION = re.compile(r"\s+[A-Z]")
_POWER_FOLLOWS = re.compile(r"-?[0-9A-Za-z(]")
_SUBSCRIPT = re.compile(r"\s*(?:\\[A-Za-z]+|[A-Za-z0-9]|\{(?:[^{}]|\{[^{}]{0,40}\}){0,80}\})")
_QUOTIENT_FOLLOWS = re.compile(r" ?/ ?\(")
_ARTICLE_FOLLOWS = re.compile(r"\s+[a-z]{2}")
_WORD_PARTS = re.compile("['\u2019-]")
_DIGITS = re.compile(r"[0-9]+")
_VALUES = ("num", "var", "close")


@lru_cache(maxsize=1024)
def _command(command: str) -> tuple[str, str]:
    """Kind and text of a command's token, or of that of a character outside of ASCII, as the reader spells it."""
    spelled = command if command[0] == "\\" else normalise(command)
    if spelled in _RELATIONS:
        return "rel", _RELATIONS[spelled]
    if spelled in _COMMANDS:
        kind = _COMMANDS[spelled]
        return ("sep", "$") if kind == "delimiter" else (kind, spelled)
    if spelled.startswith("\\frac{"):
        return "num", spelled
    if spelled[:1] in ("^", "_"):
        return "op", spelled
    if not spelled[1:].isalpha():
        match = _LEXEME.fullmatch(spelled)
        kind = str(match.lastgroup) if match else "sep"
        return (kind, spelled) if kind in ("num", "op", "open", "close", "comma") else ("sep", command)
    try:
        return ("var" if variables(parse(spelled)) else "cmd"), spelled
    except Unsupported:
        return "cmd", spelled


def math_flags(text: str) -> list[tuple[int, bool]]:
    """Positions from which the text is, or is no longer, in math mode; a dollar sign before money is neither."""
    flags: list[tuple[int, bool]] = []
    marks = [(m.start(), m.end(), m[0]) for m in _MATH_MARK.finditer(text)]
    i = 0
    while i + 1 < len(marks):
        start, end, mark = marks[i]
        closing_start, _, closing = marks[i + 1]
        is_pair = mark not in ("\\)", "\\]") and closing == {"\\(": "\\)", "\\[": "\\]"}.get(mark, mark)
        if is_pair and (mark != "$" or not _PROSE_IN_MATH.search(text, end, closing_start)):
            flags += [(start, True), (closing_start, False)]
            i += 1
        i += 1
    return flags


class _Lexer:
    """One pass over a text; `tokens` grows as it goes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self.tight, self.line_start = False, True
        self.in_math = False

    def run(self) -> list[Token]:
        text, flags, flag, position = self.text, math_flags(self.text), 0, 0
        closing: dict[int, bool | None] = {}
        """Braces that close a text command, with the mode to go back to, or a font (None)."""
        font = -1  # where a font command starts whose argument's first token is still to come
        while position < len(text):
            match = _LEXEME.match(text, position)
            assert match is not None  # the last alternatives take any character
            while flag < len(flags) and flags[flag][0] <= position:
                self.in_math = flags[flag][1]
                flag += 1
            kind, start, position = str(match.lastgroup), position, match.end()
            count = len(self.tokens)
            if kind == "space":
                self.tight = False
            elif kind == "font" or (kind == "prose" and match[kind].strip("~ ") in _FUNCTION_NAMES):
                closing[match.end(kind)] = None
                font = start
            elif kind == "prose":
                closing[match.end(kind)] = self.in_math
                self.in_math = False
                self.add("sep", "text", start, position)
            elif kind == "close" and start in closing:
                in_math = closing[start]
                if in_math is not None:
                    self.in_math = in_math
                    self.add("sep", "text", start, position)
                elif self.tokens:
                    self.tokens[-1].end = position
            elif kind != "layout":
                position = self.lexeme(kind, match[0], start, position)
            if font >= 0 and len(self.tokens) > count:
                self.tokens[count].start, font = font, -1
        return self.tokens

    def add(self, kind: str, text: str, start: int, end: int) -> int:
        self.tokens.append(Token(kind, text, start, end, self.tight, self.line_start))
        self.tight = True
        if text not in ("-", "*", "#", ">", "**"):
            self.line_start = False
        return end

    def follows(self, *kinds: str) -> bool:
        """Whether a token of one of these kinds stands right before."""
        return self.tight and bool(self.tokens) and self.tokens[-1].kind in kinds

    def lexeme(self, kind: str, lexeme: str, start: int, end: int) -> int:
        """Add what a lexeme stands for; returns where it ends."""
        if kind == "command":
            kind, text = _command(lexeme)
            if text == "-" and lexeme != "−" and not self.in_math:
                kind = "sep"  # a dash
            return self.subscript(text, end) if text.startswith("_") else self.add(kind, text, start, end)
        if kind == "word":
            return self.letters(lexeme, start, end)
        if lexeme == "!=" and self.follows(*_VALUES):  # 4!=24
            self.add("op", "!", start, start + 1)
            return self.add("rel", "=", start + 1, end)
        if kind == "rel":
            return self.add("rel", _RELATIONS[lexeme], start, end)
        if kind == "op":
            return self.operator(lexeme, start, end)
        if kind == "comma":
            return self.add(kind, ",", start, end)
        if kind in ("matrix", "ordinal", "dropped"):
            return self.add({"matrix": "cmd", "ordinal": "word", "dropped": "sep"}[kind], lexeme, start, end)
        if lexeme == "`":
            return end
        following = self.text[end : end + 1]
        if lexeme == ":" and (
            following.isdigit() if self.follows("num") else self.in_math and not self.tight and following == " "
        ):
            kind = "op"
        self.add(kind, lexeme, start, end)
        if lexeme == "\n":
            self.line_start, self.tight = True, False
        return end

    def operator(self, sign: str, start: int, end: int) -> int:
        if sign == "_":
            index = _SUBSCRIPT.match(self.text, end)
            return self.subscript(index[0], index.end()) if index else end
        if sign == "**":
            if not (self.follows(*_VALUES) and _POWER_FOLLOWS.match(self.text, end)):
                return end  # bold type
            sign = "^"
        is_exclamation = sign == "!" and not self.in_math and _EXCLAMATION.match(self.text, end)
        is_table = sign == "|" and not (self.in_math or self.tight) and self.text[end : end + 1] in (" ", "\n", "")
        return self.add("sep" if is_exclamation or is_table else "op", sign, start, end)

    def letters(self, word: str, start: int, end: int) -> int:
        """A run of letters: a prose word outside of math, variables in it, known functions in both."""
        is_inside = self.in_math or self.in_formula()
        if is_inside and not word.isalpha():
            word = _WORD_PARTS.split(word)[0]
            end = start + len(word)
        following = self.text[end : end + 1]
        if word in _FUNCTION_NAMES:
            is_command = self.in_math or following in ("(", "{", "_", "^")
            return self.add("cmd" if is_command else "word", "\\" + word if is_command else word, start, end)
        if word == "mod":
            return self.add("word", word, start, end)
        after_number = self.follows("num")
        if len(word) == 1 and not self.in_math:
            is_article = word in "aAI" and not after_number and _ARTICLE_FOLLOWS.match(self.text, end)
            return self.add("word" if is_article else "var", word, start, end)
        is_short = word.isalpha() and word not in _UNITS and len(word) <= 2 + (word[-1] != "s")
        is_product = is_short and (after_number or _QUOTIENT_FOLLOWS.match(self.text, end) is not None)
        if self.in_math or is_product or (len(word) == 2 and (is_inside or following in ("^", "_"))):
            for i, letter in enumerate(word):
                self.add("var", letter, start + i, start + i + 1)
            return end
        digits = _DIGITS.match(self.text, end)
        if digits and not self.tight and len(word) <= 3:
            end = digits.end()  # CO2
        return self.add("word", self.text[start:end], start, end)

    def in_formula(self) -> bool:
        """Whether an operator, or the brace of an exponent or argument, stands before: ``c^2-nc``, ``2^{mn}``."""
        if len(self.tokens) < 2:
            return False
        before, sign = self.tokens[-2:]
        if sign.text == "{":
            return before.kind in ("op", "cmd")
        return before.kind in _VALUES and (sign.text in ("+", "*", "/", "^") or (sign.text == "-" and sign.tight))

    def subscript(self, index: str, end: int) -> int:
        """A subscript becomes part of the token before it; a numeral with one is a name."""
        self.tight = True
        if self.tokens and self.tokens[-1].kind in ("num", "var", "cmd", "word"):
            token = self.tokens[-1]
            token.kind = "cmd" if token.kind == "cmd" else "var"
            token.text += "_" + re.sub(r"[{}\s_]", "", index)
            token.end = end
        return end
