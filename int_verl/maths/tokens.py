"""A normalised expression as tokens."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from int_verl.maths.brackets import closing_brace
from int_verl.maths.size_limits import MAX_DIGITS, TooLarge
from int_verl.maths.undecided import Unsupported

Token: TypeAlias = tuple[Literal["num", "cmd", "let", "text", "sym", "end"], str, bool]
"""Kind, text, and whether white space came before."""

FUNCTIONS = frozenset(
    """sin cos tan cot sec csc sinh cosh tanh coth sech csch arcsin arccos arctan arccot arcsec arccsc asin acos atan
    arcsinh arccosh arctanh arsinh arcosh artanh asinh acosh atanh ln log lg exp sgn sign det Re Im""".split()  # noqa: SIM905
)
FUNCTIONS_OF_MANY = frozenset(["gcd", "lcm", "min", "max"])
_WORDS = FUNCTIONS | FUNCTIONS_OF_MANY | {"sqrt", "pi", "binom", "infty", "infinity", "floor", "ceil", "abs", "mod"}
_TEXT = frozenset(
    """text textbf textit textrm textsf texttt textnormal mathrm mathbf mathit mathsf mathtt mathcal mathbb mathfrak
    operatorname mbox hbox emph underline mathscr boldsymbol""".split()  # noqa: SIM905
)
_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<num>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)|\\(?P<cmd>[A-Za-z]+)\*?|(?P<word>[A-Za-z]+)|"
    r"(?P<sym>\\[{}%$#&_|\\]|.)",
    re.DOTALL,
)
_WORD_SPLIT = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)) + "|.")
_NUMERAL_TEXT = re.compile(r"[-+0-9.,/ ]+")


def tokenise(text: str) -> list[Token]:
    """The tokens of ``text``.

    Raises:
        Unsupported: a brace is never closed.
        TooLarge: a number is too long.
    """
    tokens: list[Token] = []
    position, space = 0, False
    while match := _TOKEN.match(text, position):
        position = match.end()
        kind = match.lastgroup
        content = match[kind or 0]
        if kind == "space":
            space = True
            continue
        if kind == "num":
            exponent = content.lower().partition("e")[2]
            if len(content) > MAX_DIGITS or (exponent and (len(exponent) > 6 or abs(int(exponent)) > MAX_DIGITS)):
                raise TooLarge("digits")
            tokens.append(("num", content, space))
        elif kind == "cmd" and content in _TEXT:
            inner, position = _argument(text, position)
            tokens.extend(_text_tokens(content, inner, space))
        elif kind == "cmd":
            tokens.append(("cmd", content, space))
        elif kind == "word":
            for piece in _WORD_SPLIT.findall(content):
                tokens.append(("cmd" if len(piece) > 1 else "let", piece, space))
                space = False
        else:
            tokens.append(("sym", content, space))
        space = False
    return tokens


def _argument(text: str, position: int) -> tuple[str, int]:
    """The argument of a text command that begins at or after ``position``, and where it ends."""
    while text.startswith(" ", position):
        position += 1
    if text.startswith("{", position):
        end = closing_brace(text, position)
        if end is None:
            raise Unsupported("unbalanced braces")
        return text[position + 1 : end], end + 1
    if position >= len(text):
        raise Unsupported("text without argument")
    return text[position], position + 1


def _text_tokens(command: str, inner: str, space: bool) -> list[Token]:
    stripped = inner.replace("~", " ").strip()
    if command == "mathbb":
        return [("text", "mathbb:" + stripped, space)]
    if stripped.lstrip("\\") in _WORDS:
        return [("cmd", stripped.lstrip("\\"), space)]
    if len(stripped) == 1 and stripped.isalpha():
        return [("let", stripped, space)]
    if stripped and (_NUMERAL_TEXT.fullmatch(stripped) or (not command.startswith("text") and "\\" in stripped)):
        return tokenise(stripped)
    return [("text", " ".join(stripped.split()), space)]
