"""A text of prose and mathematics as tokens, and cut into sides.

A *side* is a longest expression between relation signs, commas, words and math delimiters: in "so $x^2 = 2x + 1$,"
the sides are ``x^2`` and ``2x + 1``. LaTeX, Unicode and plain spelling come out as the same tokens. One pass over the
text; nothing is rejected, what is not understood separates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction


def words_of(text: str) -> list[str]:
    """The words of a list written as one string."""
    return text.split()


def word_set(text: str) -> frozenset[str]:
    """The words of a set written as one string."""
    return frozenset(text.split())


@dataclass(slots=True)
class Token:
    kind: str
    """num, var, cmd, op, rel, open, close, comma, word, sep, ellipsis, box"""
    text: str
    value: Fraction | None = None
    tight: bool = False
    """No white space before it."""
    line_start: bool = False


_REPLACED = {
    r"\left": "", r"\right": "", r"\bigl": "", r"\bigr": "", r"\Bigl": "", r"\Bigr": "", r"\big": "", r"\Big": "",
    r"\bigg": "", r"\Bigg": "", r"\displaystyle": "", r"\textstyle": "", r"\limits": "", r"\nolimits": "",
    r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cfrac": r"\frac", r"\dbinom": r"\binom", r"\tbinom": r"\binom",
    r"\lvert": "|", r"\rvert": "|", r"\vert": "|", r"\lbrace": r"\{", r"\rbrace": r"\}", r"\lbrack": "[",
    r"\rbrack": "]", r"\ast": "*", r"\cdot": "*", r"\times": "*", r"\div": "/", r"\colon": ":",
    r"\mleft": "", r"\mright": "", r"\middle": "",
}  # fmt: skip
UNICODE = str.maketrans(
    {
        "−": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*", "÷": "/", "⁄": "/", "∕": "/", "²": "^2", "³": "^3",
        "⁴": "^4", "⁵": "^5", "⁶": "^6", "½": " 1/2 ", "⅓": " 1/3 ", "⅔": " 2/3 ", "¼": " 1/4 ", "¾": " 3/4 ",
        "⅕": " 1/5 ", "⅛": " 1/8 ", "π": r"\pi ", "√": r"\sqrt ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ",
        "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "≡": r"\equiv ", "→": r"\to ", "⇒": r"\to ",
        "⟹": r"\to ", "⟶": r"\to ", "↦": r"\to ", "⇔": r"\to ", "∈": r"\in ", "∣": r"\mid ", "∪": r"\cup ",
        "…": r"\ldots ", "⋯": r"\ldots ", "°": r"^\circ ", "\u00a0": " ", "\u2009": " ", "\u202f": " ",
        "±": r"\pm ",
        "“": '"', "”": '"', "’": "'", "₀": "_0", "₁": "_1", "₂": "_2", "₃": "_3", "₄": "_4", "₅": "_5", "₆": "_6",
        "₇": "_7", "₈": "_8", "₉": "_9", "ₙ": "_n", "α": r"\alpha ", "β": r"\beta ", "θ": r"\theta ", "φ": r"\phi ",
        "ℝ": r"\mathbb{R} ", "∅": r"\emptyset ", "﹣": "-", "－": "-", "＝": "=",
    }
)  # fmt: skip
_COMMAND_REPLACED = re.compile(r"\\[A-Za-z]+")
_SPACES = re.compile(r"\\[,!;: >]|\\(?:quad|qquad|thinspace|hfill|hspace\*?\{[^{}]{0,20}\})(?![A-Za-z])|~")
_DROPPED = re.compile(
    r"\\(?:tag\*?|label|ref|eqref|cite|color)\s?\{[^{}]{0,60}\}|\\\\\[[^\]\n]{0,10}\]"
    r"|\\(?:begin|end)\s?\{[^{}]{0,30}\}(?:\{[lcr|]{1,20}\})?"
)
_TEXT = re.compile(r"\\(?:text[a-z]{0,6}|mbox|textnormal|emph|underline)\s?\{([^{}]{0,300})\}")
_FONT = re.compile(
    r"\\(?:mathrm|mathbf|mathit|mathsf|mathcal|mathbb|mathfrak|boldsymbol|bm|operatorname\*?)\s?\{([^{}]{0,60})\}"
)
_GROUPED = re.compile(r"(?<![0-9.])([0-9]{1,3})((?:(?:\{,\}|\\,|\\!,|,\\!|[,\u2009\u202f])[0-9]{3})+)(?![0-9])")
_MATH_SPAN = re.compile(r"\$\$|\$|\\\(|\\\)|\\\[|\\\]")
PROSE_IN_MATH = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}[,.;]?\s+[a-z]{2,}[\s,.;]")

_RELATIONS = {
    "=": "=", ":=": "=", "==": "=", r"\equiv": "=", r"\cong": "=", r"\sim": "~", r"\approx": "=", r"\simeq": "=",
    "≅": "=", r"\doteq": "=", r"\coloneqq": "=", r"\le": "<=", r"\leq": "<=", r"\leqslant": "<=", "<=": "<=",
    r"\ge": ">=", r"\geq": ">=", r"\geqslant": ">=", ">=": ">=", "<": "<", ">": ">", r"\lt": "<", r"\gt": ">",
    r"\ne": "!=", r"\neq": "!=", "!=": "!=", r"\to": "->", r"\rightarrow": "->", r"\Rightarrow": "->",
    r"\implies": "->", r"\iff": "->", r"\Leftrightarrow": "->", r"\longrightarrow": "->", r"\Longrightarrow": "->",
    r"\mapsto": "->", r"\leadsto": "->", "->": "->", "=>": "->", "-->": "->", "==>": "->", r"\in": "in",
    r"\notin": "!=", r"\mid": "mid", r"\nmid": "mid", r"\parallel": "~", r"\perp": "~", r"\subset": "~",
    r"\subseteq": "~", r"\setminus": "~", r"\cap": "~", r"\cup": "cup", r"\propto": "~", r"\ll": "<", r"\gg": ">",
}  # fmt: skip
_ELLIPSES = frozenset((r"\ldots", r"\dots", r"\cdots", r"\vdots", r"\dotsc", r"\dotsb", "..."))
FUNCTIONS = word_set("sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg exp")
_NAMED = word_set("gcd lcm max min sup inf lim det dim deg ker arg Pr sum prod int oint") | {
    "limsup",
    "liminf",
}
_GREEK = word_set(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau"
    " upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega ell"
)
_UNITS = word_set("cm mm km kg mg ml mph km/h hrs min sec dollars cents")
_EXCLAMATION = re.compile(r"\s+[A-Z]")
_LEXEME = re.compile(
    r"""(?P<space>[ \t\r]+)|(?P<newline>\n)
    |(?P<ordinal>[0-9]+(?:st|nd|rd|th)(?![A-Za-z]))
    |(?P<num>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
    |(?P<ellipsis>\.\.\.)
    |(?P<word>[A-Za-z]+(?:['\-][A-Za-z]+)*)
    |(?P<cmd>\\(?:[A-Za-z]+|\\|[{}%$&_\#|()\[\]]))
    |(?P<rel>-->|==>|<=|>=|!=|:=|==|->|=>|[=<>])
    |(?P<op>\*\*|[-+*/^!%_|])
    |(?P<open>[(\[{])|(?P<close>[)\]}])
    |(?P<comma>,)
    |(?P<other>.)""",
    re.VERBOSE,
)


def _normalize(text: str) -> str:
    text = _GROUPED.sub(lambda m: m[1] + re.sub("[^0-9]", "", m[2]), text).translate(UNICODE)
    if "\\" in text:
        text = _DROPPED.sub(r" \\relax ", text)
        text = _COMMAND_REPLACED.sub(lambda m: _REPLACED.get(m[0], m[0]), text)
        text = _FONT.sub(r" \1 ", text)
        text = _TEXT.sub(r" \\relax \1 \\relax ", text)
        text = _SPACES.sub(" ", text)
    return text


def _math_flags(text: str) -> list[tuple[int, bool]]:
    """Positions from which the text is, or is no longer, in math mode; a dollar sign before money is neither."""
    flags: list[tuple[int, bool]] = []
    marks = [
        (m.start(), m.end(), m[0]) for m in _MATH_SPAN.finditer(text) if m.start() == 0 or text[m.start() - 1] != "\\"
    ]
    i = 0
    while i < len(marks):
        start, end, mark = marks[i]
        closing = {"\\(": "\\)", "\\[": "\\]"}.get(mark, mark)
        if mark not in ("\\)", "\\]") and i + 1 < len(marks) and marks[i + 1][2] == closing:
            inside = text[end : marks[i + 1][0]]
            if mark != "$" or not PROSE_IN_MATH.search(inside):
                flags += [(start, True), (marks[i + 1][1], False)]
                i += 2
                continue
        i += 1
    return flags


def tokenize(source: str) -> list[Token]:
    text = _normalize(source)
    flags = _math_flags(text)
    tokens: list[Token] = []
    in_math, flag = False, 0
    tight, line_start = False, True
    position = 0
    while position < len(text):
        m = _LEXEME.match(text, position)
        assert m is not None  # the last alternative takes any character; newline has its own
        while flag < len(flags) and flags[flag][0] <= position:
            in_math = flags[flag][1]
            flag += 1
        kind, lexeme = str(m.lastgroup), m[0]
        position = m.end()
        if kind == "space":
            tight = False
            continue
        new: list[Token] = []
        if kind == "newline":
            new.append(Token("sep", "\n"))
        elif kind == "num":
            new.append(Token("num", lexeme, Fraction(lexeme) if len(lexeme) < 400 else None))
        elif kind == "ordinal":
            new.append(Token("word", lexeme))
        elif kind == "ellipsis":
            new.append(Token("ellipsis", lexeme))
        elif kind == "word":
            new, position = _letters(text, m, in_math, tokens, tight)
        elif kind == "cmd":
            new, position = _command(text, lexeme, position)
        elif lexeme == "!=" and tight and tokens and tokens[-1].kind in ("num", "var", "close"):
            new += [Token("op", "!"), Token("rel", "=")]  # 4!=24
        elif kind == "rel":
            new.append(Token("rel", _RELATIONS[lexeme]))
        elif lexeme == "!" and not in_math and _EXCLAMATION.match(text, position):
            new.append(Token("sep", "!"))
        elif kind == "op":
            if lexeme == "_":
                position = _subscript(text, position, tokens)
                tight = True
                continue
            is_power = tight and tokens and tokens[-1].kind in ("num", "var", "close")
            if lexeme == "**" and not (is_power and re.match(r"[-(]?[0-9A-Za-z(]", text[position : position + 2])):
                continue  # bold type
            new.append(Token("op", "^" if lexeme == "**" else lexeme))
        elif kind in ("open", "close", "comma"):
            new.append(Token(kind, lexeme))
        elif lexeme == "$":
            new.append(Token("sep", "$"))
        elif (
            lexeme == ":" and tight and tokens and tokens[-1].kind == "num" and text[position : position + 1].isdigit()
        ):
            new.append(Token("op", "/"))
        elif lexeme not in "`":
            new.append(Token("sep", lexeme))
        for token in new:
            token.tight, token.line_start = tight, line_start
            tight = True
            if token.text not in ("-", "*", "#", ">", "**"):
                line_start = False
        if kind == "newline":
            line_start, tight = True, False
        tokens += new
    return tokens


def _letters(text: str, m: re.Match[str], in_math: bool, tokens: list[Token], tight: bool) -> tuple[list[Token], int]:
    """A run of letters: a prose word outside of math, variables in it, known functions in both."""
    word, end = m[0], m.end()
    if in_math and not word.isalpha():
        word = re.match(r"[A-Za-z]+", word)[0]  # type: ignore[index]
        end = m.start() + len(word)
    if word in FUNCTIONS or word in _NAMED or word in ("sqrt", "mod", "binom", "frac"):
        if in_math or text[end : end + 1] in ("(", "{", "_", "^") or word == "mod":
            return [Token("cmd" if word != "mod" else "word", "\\" + word if word != "mod" else word)], end
        return [Token("word", word)], end
    if in_math:
        return [Token("var", letter) for letter in word], end
    after_number = tight and bool(tokens) and tokens[-1].kind == "num"
    if len(word) == 1:
        is_article = word in "aAI" and not after_number and re.match(r"\s+[a-z]{2}", text[end : end + 12]) is not None
        if not is_article:
            return [Token("var", word)], end
        return [Token("word", word)], end
    if after_number and word not in _UNITS and len(word) <= 3 and not (word.endswith("s") and len(word) > 2):
        return [Token("var", letter) for letter in word if letter.isalpha()], end
    following = text[end : end + 1]
    if len(word) == 2 and word.isalpha() and (following in ("^", "_") or (following == "(" and not word.isalpha())):
        return [Token("var", letter) for letter in word], end
    digits = re.compile(r"[0-9]+").match(text, end)
    if digits and not tight and len(word) <= 3:
        return [Token("word", word + digits[0])], digits.end()
    return [Token("word", word)], end


def _command(text: str, lexeme: str, end: int) -> tuple[list[Token], int]:
    name = lexeme[1:]
    if lexeme in _RELATIONS:
        return [Token("rel", _RELATIONS[lexeme])], end
    if lexeme in _ELLIPSES:
        return [Token("ellipsis", lexeme)], end
    if name in _GREEK:
        return [Token("var", lexeme)], end
    if name == "%":
        return [Token("op", "%")], end
    if name == "{":
        return [Token("open", r"\{")], end
    if name == "}":
        return [Token("close", r"\}")], end
    if name in ("boxed", "fbox"):
        return [Token("box", lexeme)], end
    if name in ("pmod", "bmod", "mod", "pod"):
        return [Token("word", "mod")], end
    if name == "frac":
        short = re.compile(r"\s*([0-9])([0-9])").match(text, end)
        if short:
            return [
                Token("cmd", r"\frac"), Token("num", short[1], Fraction(int(short[1]))),
                Token("num", short[2], Fraction(int(short[2]))),
            ], short.end()  # fmt: skip
        return [Token("cmd", lexeme)], end
    if name in ("\\", "&", "(", ")", "[", "]", "$", "relax", "#", "_"):
        return [Token("sep", "text" if name == "relax" else "$" if name in "()[]" else lexeme)], end
    if name == "|":
        return [Token("op", "|")], end
    return [Token("cmd", lexeme)], end


def _subscript(text: str, position: int, tokens: list[Token]) -> int:
    """A subscript becomes part of the name before it."""
    m = re.compile(r"\s*(\\[A-Za-z]+|[A-Za-z0-9])").match(text, position)
    if m:
        name, end = m[1], m.end()
    else:
        start = re.compile(r"\s*").match(text, position).end()  # type: ignore[union-attr]
        if text[start : start + 1] != "{":
            return position
        depth, end = 0, start
        while end < len(text):
            depth += (text[end] == "{") - (text[end] == "}")
            end += 1
            if depth == 0:
                break
        name = text[start + 1 : end - 1].replace(" ", "")
    if tokens and tokens[-1].kind in ("var", "cmd", "word"):
        token = tokens[-1]
        token.kind = "var" if token.kind == "word" else token.kind
        token.text += "_" + name
    elif tokens and tokens[-1].kind == "num":
        tokens[-1].kind, tokens[-1].value = "var", None  # 101_2: a numeral in another base
        tokens[-1].text += "_" + name
    return end


@dataclass(slots=True)
class Side:
    """A longest expression of the text, with what stands around it."""

    tokens: list[Token]
    start: int
    end: int
    before: str = ""
    """Relation sign right before, or empty."""
    after: str = ""
    chain: list[str] = field(default_factory=list)
    """All relation signs of the chain it belongs to."""
    chain_start: int = 0
    bracket: str = ""
    """Around a member of a comma-separated group: its opening and closing mark; ``args`` for a function's."""
    group_start: int = -1

    @property
    def variables(self) -> frozenset[str]:
        return frozenset(t.text for t in self.tokens if t.kind == "var")


_MATH_KINDS = frozenset(("num", "var", "cmd", "op", "open", "close"))


def cut_sides(tokens: list[Token]) -> list[Side]:
    """Cut into sides at relations, commas, words and punctuation; brackets that a cut leaves open are stripped."""
    sides: list[Side] = []
    stack: list[tuple[int, str]] = []
    partner: dict[int, int] = {}
    for i, bracket in enumerate(tokens):
        if bracket.kind == "open":
            stack.append((i, bracket.text))
        elif bracket.kind == "close" and stack:
            opened, _ = stack.pop()
            partner[opened], partner[i] = i, opened
    start = 0
    chain: list[str] = []
    chain_start = 0
    for i in range(len(tokens) + 1):
        token = tokens[i] if i < len(tokens) else None
        if token is not None and token.kind in _MATH_KINDS:
            continue
        for first, last in _balanced_pieces(tokens, start, i, partner):
            side = Side(tokens[first:last], first, last, chain=chain, chain_start=chain_start)
            if start > 0 and tokens[start - 1].kind == "rel":
                side.before = tokens[start - 1].text
            if token is not None and token.kind == "rel":
                side.after = token.text
            sides.append(side)
        if token is not None and token.kind == "rel" and token.text != "->":
            chain.append(token.text)
        else:
            chain, chain_start = [], i + 1
        start = i + 1
    _mark_groups(tokens, sides, partner)
    return sides


def _balanced_pieces(tokens: list[Token], start: int, end: int, partner: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Pieces of tokens[start:end] without the brackets whose partner lies outside."""
    first = start
    for i in range(start, end):
        if tokens[i].kind in ("open", "close") and not start <= partner.get(i, -1) < end:
            if first < i:
                yield first, i
            first = i + 1
    if first < end:
        yield first, end


def _mark_groups(tokens: list[Token], sides: list[Side], partner: dict[int, int]) -> None:
    """Note for every side inside a bracket with commas what kind of bracket that is."""
    enclosing: list[int] = []  # for each token the innermost opened bracket before it that closes, or -1
    current = -1
    for i, token in enumerate(tokens):
        if token.kind == "close" and current >= 0 and partner.get(i) == current:
            current = enclosing[current]
        enclosing.append(current)
        if token.kind == "open" and i in partner:
            current = i
    with_comma = {enclosing[i] for i, token in enumerate(tokens) if token.kind == "comma"}
    with_comma -= {enclosing[i] for i, token in enumerate(tokens) if token.kind == "word"}  # prose in brackets
    kinds: dict[int, tuple[str, int]] = {-1: ("", -1)}
    for opened, token in enumerate(tokens):
        if token.kind != "open" or opened not in partner:
            continue
        before = tokens[opened - 1] if opened else None
        attached = before is not None and (
            (before.kind in ("var", "cmd") and token.text in "([") or (before.kind == "word" and token.tight)
        )
        if attached and before is not None and (opened in with_comma or before.kind in ("cmd", "word")):
            kinds[opened] = ("args", opened)
        elif opened in with_comma:
            kinds[opened] = (token.text + tokens[partner[opened]].text, opened)
        else:
            kinds[opened] = kinds[enclosing[opened]]
    for side in sides:
        side.bracket, side.group_start = kinds[enclosing[side.start]]
