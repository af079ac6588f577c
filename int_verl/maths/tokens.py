"""A normalised expression as tokens."""

from __future__ import annotations

import re

from int_verl.maths.brackets import group_end
from int_verl.maths.expression_tree import Unsupported
from int_verl.maths.size_limits import MAX_DIGITS, TooLarge

FUNCTIONS = frozenset(
    [
        "sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "coth", "sech", "csch", "arcsin", "arccos",
        "arctan", "arccot", "arcsec", "arccsc", "asin", "acos", "atan", "arcsinh", "arccosh", "arctanh", "arsinh",
        "arcosh", "artanh", "ln", "log", "lg", "exp", "sgn", "sign", "det", "Re", "Im",
    ]
)  # fmt: skip


MANY = frozenset(["gcd", "lcm", "min", "max"])


_WORDS = FUNCTIONS | MANY | {"sqrt", "pi", "binom", "infty", "infinity", "floor", "ceil", "abs", "mod"}


_TEXT = frozenset(
    [
        "text", "textbf", "textit", "textrm", "textsf", "texttt", "textnormal", "mathrm", "mathbf", "mathit",
        "mathsf", "mathtt", "mathcal", "mathbb", "mathfrak", "operatorname", "mbox", "hbox", "emph", "underline",
        "mathscr", "boldsymbol",
    ]
)  # fmt: skip


_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<num>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)|\\(?P<cmd>[A-Za-z]+)\*?|(?P<word>[A-Za-z]+)|"
    r"(?P<esc>\\[{}%$#&_|\\])|(?P<sym>.)",
    re.DOTALL,
)


_WORD_SPLIT = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)) + "|.")


_NUMERAL_TEXT = re.compile(r"[-+0-9.,/ ]+")


def tokenise(text: str) -> list[tuple[str, str, bool]]:
    """``text`` as (kind, text, whether white space came before); kinds are num, cmd, let, text, sym."""
    tokens: list[tuple[str, str, bool]] = []
    position, space = 0, False
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None
        position = match.end()
        kind = match.lastgroup
        content = match.group(kind) if kind else ""
        if kind == "space":
            space = True
            continue
        if kind == "num":
            if len(content) > MAX_DIGITS:
                raise TooLarge("digits")
            tokens.append(("num", content, space))
        elif kind == "cmd":
            if content in _TEXT:
                while position < len(text) and text[position] == " ":
                    position += 1
                if position >= len(text):
                    raise Unsupported(content)
                if text[position] == "{":
                    end = group_end(text, position)
                    inner, position = text[position + 1 : end], end + 1
                else:
                    inner, position = text[position], position + 1
                tokens.extend(_text_tokens(content, inner, space))
            else:
                tokens.append(("cmd", content, space))
        elif kind == "word":
            for piece in _WORD_SPLIT.findall(content):
                if len(piece) > 1:
                    tokens.append(("cmd", piece, space))
                else:
                    tokens.append(("let", piece, space))
                space = False
        elif kind == "esc":
            tokens.append(("sym", content, space))
        else:
            tokens.append(("sym", content, space))
        space = False
    return tokens


def _text_tokens(command: str, inner: str, space: bool) -> list[tuple[str, str, bool]]:
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
