"""From the many ways of writing an answer to one, without changing what it says.

`normalise` is the form that everything else reads: unicode as LaTeX, no layout commands, no wrapping ``$`` or box.
`key` is a string under which equal strings are surely equal answers. `rational` reads a bare number exactly.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache

from int_verl.maths.backslashes import undoubled, unswallowed
from int_verl.maths.boxes import strip_boxes
from int_verl.maths.east_asian import spelled
from int_verl.maths.layout import without_layout
from int_verl.maths.magnitudes import multiplied
from int_verl.maths.size_limits import MAX_ANSWER_CHARS

_FRACTIONS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"
_COMMANDS = """×times ·cdot ⋅cdot ∙cdot ÷div ±pm ∓mp ≤le ⩽le ≥ge ⩾ge ≠ne ≈approx ≡equiv ≢nequiv ∞infty ∪cup ∩cap
    ∈in ∉notin ∅emptyset ∖setminus →to ∑sum ∏prod ∫int ∠angle △triangle ⌊lfloor ⌋rfloor ⌈lceil ⌉rceil …ldots
    ⋯cdots ∧land ∨lor ⟨langle ⟩rangle πpi αalpha βbeta γgamma δdelta εepsilon ϵepsilon ζzeta ηeta θtheta κkappa
    λlambda μmu µmu νnu ξxi ρrho σsigma τtau φvarphi ϕphi χchi ψpsi ωomega ΓGamma ΔDelta ΘTheta ΛLambda ΠPi
    ΣSigma ΦPhi ΨPsi ΩOmega""".split()  # noqa: SIM905
_UNICODE = {
    **{glyph: "\\frac{" + unicodedata.normalize("NFKC", glyph).replace("⁄", "}{") + "}" for glyph in _FRACTIONS},
    **{word[0]: f"\\{word[1:]} " for word in _COMMANDS},
    **dict.fromkeys("⁄∕", "/"), **dict.fromkeys("−–‐‑‒—﹣", "-"), **dict.fromkeys("°º˚", r"^\circ "),
    **dict.fromkeys("′’‘", "'"), "€": r"\euro ", "£": r"\pounds ", "¥": r"\yen ", "¢": " cents",
    **dict.fromkeys("％٪", r"\%"),
    "″": "''", "∗": "*", "∣": "|", "∶": ":", **dict.fromkeys("“”", '"'),
    **dict.fromkeys("■∎", r"\blacksquare "), "□": r"\square ",
    **dict.fromkeys("✓✔✅☑", r"\checkmark "),
    "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}",
}  # fmt: skip
_TABLE = str.maketrans(_UNICODE)
_SUPER = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni", strict=True))
_SUB = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙᵢ", "0123456789+-=()ni", strict=True))
_SUPERS = re.compile("[" + "".join(_SUPER) + "]+")
_SUBS = re.compile("[" + "".join(_SUB) + "]+")
_ROOT = re.compile(r"([√∛∜])\s*(\([^()]*\)|\{[^{}]*\}|[0-9]+(?:\.[0-9]+)?|[A-Za-z]|\\[a-z]+)?")
_MIXED_GLYPH = re.compile(rf"([0-9])\s*([{_FRACTIONS}])")

_SPACED_GROUP = re.compile(
    r"(?<=[0-9])(?:\s*\{,\}\s*|\s*,\s*\\!\s*|\s*\\,\s*|\s*\\!\s*,?\s*|\s*\\ \s*|\\thinspace\s*)(?=[0-9]{3}(?![0-9]))"
)
_NARROW_GROUP = re.compile(r"(?<=[0-9])[\u00a0\u2009\u202f](?=[0-9]{3}(?![0-9]))")
_DECIMAL_COMMA = re.compile(r"(?<=[0-9])\{,\}(?=[0-9])")
_COMMAND = re.compile(r"\\([a-zA-Z]+)(?![a-zA-Z])")
_RENAMED = {
    **dict.fromkeys(["dfrac", "tfrac", "cfrac"], r"\frac"),
    **dict.fromkeys(["dbinom", "tbinom"], r"\binom"),
    **dict.fromkeys(["leq", "leqslant", "leqq"], r"\le "),
    **dict.fromkeys(["geq", "geqslant", "geqq"], r"\ge "),
    **dict.fromkeys(["lvert", "rvert", "vert", "mid"], "|"),
    **dict.fromkeys(["varnothing", "empty"], r"\emptyset "),
    **dict.fromkeys(["dots", "dotsc", "dotsb", "cdots", "ldots"], r"\ldots "),
    "neq": r"\ne ", "lbrace": r"\{", "rbrace": r"\}", "lbrack": "[", "rbrack": "]", "backslash": r"\setminus ",
    "lt": "<", "gt": ">", "dollar": r"\$", **dict.fromkeys(["textnormal", "textup", "textmd", "textsc"], r"\text"),
}  # fmt: skip
_MONEY_TEXT = re.compile(r"\\(?:text|mathrm|textrm|mbox)\s*\{\s*(\\(?:\$|euro|pounds|yen))\s*\}")
_GLUED_FRACTION = re.compile(r"\\[dt]frac(?=[a-zA-Z])")
_DEGREE = re.compile(
    r"\^\s*(?:\{\s*\\(?:circ|degree)\s*\}|\\(?:circ|degree)(?![a-zA-Z]))\s*|\\(?:degree|textdegree)(?![a-zA-Z])\s*"
)
_EMPTY_BRACES = re.compile(r"\\\{\s*\\\}")
_NOT_EQUAL = re.compile(r"\\not\s*=|!=")
_AT_MOST = re.compile(r"<=(?!=)")
_AT_LEAST = re.compile(r">=(?!=)")
_SPACES = re.compile(r"\s+")
_INVISIBLE = dict.fromkeys(
    [*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0xAD, *range(9), *range(14, 32)]
)
_WRAPPERS = (
    ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"), ("*", "*"), ("__", "__"), ("`", "`"),
    ('"', '"'), ("``", "''"),
)  # fmt: skip
_FIRST, _LAST = frozenset(left[0] for left, _ in _WRAPPERS), frozenset(".,;\\")
_REPEATING = re.compile(r"([0-9]{0,12})\.([0-9]{0,12})\\(?:overline|bar|dot)\s?\{\s?([0-9]{1,12})\s?\}")
_REPEATED_DIGITS = re.compile(
    r"([0-9]{0,12})\.([0-9]{0,12}?)([0-9]{1,6}?)\3{2,}\s*(?:\.\.\.|\\(?:l|c)?dots(?![a-zA-Z]))"
)
_INFIX = re.compile(r"\{([^{}\\]*)\\(choose|over)(?![a-zA-Z])([^{}]*)\}")
_OPEN_INTERVAL = re.compile(r"([\[\](])([^\[\]()]*,[^\[\]()]*)([\[\])])")
_PLAIN = re.compile(r"[A-Za-z0-9 ()\[\]+*/=<>|.,:'_^-]*")


@lru_cache(maxsize=16_384)
def normalise(text: str) -> str:
    """``text`` with one spelling for each thing: unicode, spacing, layout and wrapping are gone.

    >>> normalise(" $\\\\dfrac{1}{2}.$ ")
    '\\\\frac{1}{2}'
    """
    if not text.isprintable():
        text = unswallowed(text)
    text = text.strip()
    if len(text) > MAX_ANSWER_CHARS:
        return text
    if not text.isascii() or not text.isprintable():
        text = _from_unicode(text)
    if "\\\\" in text:
        text = undoubled(_unwrap(text))
    text = _unwrap(text)
    if "..." in text or "dots" in text:
        text = _REPEATED_DIGITS.sub(_repeating, text)
    text = multiplied(text)
    if _PLAIN.fullmatch(text) and "<=" not in text and ">=" not in text and text[:1] != "]" and text[-1:] != "[":
        return _SPACES.sub(" ", text)
    if "box" in text:
        text = _unwrap(strip_boxes(text))
    text = _SPACED_GROUP.sub("", text)
    text = _DECIMAL_COMMA.sub(".", text)
    if "\\" in text or "~" in text:
        text = without_layout(text)
        text = _REPEATING.sub(_repeating, text)
        if "\\choose" in text or "\\over" in text:
            text = _INFIX.sub(lambda m: f"\\{'binom' if m[2] == 'choose' else 'frac'}{{{m[1]}}}{{{m[3]}}}", text)
        text = _MONEY_TEXT.sub(r"\1 ", text)
        text = _COMMAND.sub(lambda m: _RENAMED.get(m[1]) or m[0], text)
        text = _EMPTY_BRACES.sub(r"\\emptyset ", text)
        if "frac" in text:
            text = _GLUED_FRACTION.sub(r"\\frac", text)
        if "circ" in text or "degree" in text:
            text = _DEGREE.sub(r"\\degree ", text)
    if "=" in text:
        text = _NOT_EQUAL.sub(r"\\ne ", text)
        text = _AT_LEAST.sub(r"\\ge ", _AT_MOST.sub(r"\\le ", text))
    text = text.strip()
    if text.startswith("]") or text.endswith("["):
        text = _OPEN_INTERVAL.sub(_interval, text)
    return _unwrap(_SPACES.sub(" ", text).strip())


def _from_unicode(text: str) -> str:
    text = spelled(_NARROW_GROUP.sub("", text.translate(_INVISIBLE)))
    text = _MIXED_GLYPH.sub(r"\1 \2", text)
    text = _SUPERS.sub(lambda m: "^{" + "".join(_SUPER[c] for c in m.group()) + "}", text)
    text = _SUBS.sub(lambda m: "_{" + "".join(_SUB[c] for c in m.group()) + "}", text)
    text = _ROOT.sub(_root, text)
    text = text.translate(_TABLE)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_TABLE)
    return text


def _root(match: re.Match[str]) -> str:
    index = {"√": "", "∛": "[3]", "∜": "[4]"}[match.group(1)]
    radicand = match.group(2) or ""
    if radicand[:1] in ("(", "{"):
        radicand = radicand[1:-1]
    elif not radicand:
        return "\\sqrt" + index
    return f"\\sqrt{index}{{{radicand}}}"


def _repeating(match: re.Match[str]) -> str:
    """``0.1\\overline{6}`` and ``0.1666...`` as the fraction that they are."""
    whole, fixed, period = match.groups()
    bottom = (10 ** len(period) - 1) * 10 ** len(fixed)
    value = Fraction(int((whole or "0") + fixed + period) - int((whole or "0") + fixed), bottom)
    return f"\\frac{{{value.numerator}}}{{{value.denominator}}}"


def _interval(match: re.Match[str]) -> str:
    """``]0,1[`` as ``(0,1)``."""
    left, inner, right = match.groups()
    return ("[" if left == "[" else "(") + inner + ("]" if right == "]" else ")")


def _unwrap(text: str) -> str:
    """``text`` without the ``$``, ``\\(`` or ``\\[`` around all of it, and without a full stop at its end."""
    while True:
        before = text
        text = text.strip()
        if not text or (text[-1] not in _LAST and text[0] not in _FIRST):
            return text
        while text and text[-1] in ".,;\\" and not text.endswith(("\\,", "\\;", "..")):
            text = text[:-1].rstrip()
        for left, right in _WRAPPERS:
            if len(text) >= len(left) + len(right) and text.startswith(left) and text.endswith(right):
                inner = text[len(left) : -len(right)]
                is_escaped = (len(inner) - len(inner.rstrip("\\"))) % 2 == 1  # \$ is no end, \\$ is one after a break
                if left not in inner and right not in inner and not is_escaped:
                    text = inner
        if text == before:
            return text


def key(normal: str) -> str:
    """A string for each normalised answer; equal keys mean the same answer in other spacing."""
    out: list[str] = []
    previous = ""
    for part in normal.split(" "):
        if not part:
            continue
        # A space matters only between a command or word and a letter, and between two digits.
        if previous and part[0].isalnum() and previous[-1].isalnum():
            out.append(" ")
        out.append(part)
        previous = part
    return "".join(out)


_SINGLE = re.compile(r"(?<!\\)\{\s*(\\[A-Za-z]+|[A-Za-z0-9])\s*\}")


def spelling(normal: str) -> str:
    """A `key` that leaves out the braces around single tokens as well: for answers that nobody can read.

    >>> spelling("\\\\mathcal{O}(n^{2})")
    '\\\\mathcal O(n^2)'
    """
    return key(_SINGLE.sub(r" \1 ", normal))
