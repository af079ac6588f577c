"""What kind of answer a normalised string is, and whether two answers of some kind are the same.

An answer is a list of items (several values separated by commas, "and", "or"), each of which is an expression, a
relation, a tuple or interval, a set, a ratio, a numeral in a base, or text. `same` compares two answers:

- lists and sets without order, tuples and matrices with it;
- intervals, inequalities in one variable and unions as subsets of the line;
- ``x = 5`` as 5, a chain ``a = b = c`` as its last member if its members agree, a definition with its right-hand side,
  any other equation up to a constant factor;
- text by its words, units and remarks after a value aside.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from int_verl.grading import numeric
from int_verl.grading.compare import Quantity, agrees, quantities_agree, quantity
from int_verl.grading.limits import MAX_ITEMS, TooLarge
from int_verl.grading.normalise import rational
from int_verl.grading.syntax import FUNCTIONS, Node, Unsupported, parse, variables, walk

INFINITY: Node = ("const", "inf")


@dataclass(frozen=True, slots=True)
class Item:
    """One value of an answer."""

    kind: str
    """expr, tuple, set, region, equation, inequality, ratio, base, named, text, contradiction, unknown."""
    text: str
    """The item as it was written, normalised."""
    tree: Any = None
    """expr: a tree. tuple, set, ratio: items or trees. region: pieces. equation: (left, right). base: (digits, base)."""
    name: str = ""
    """Left-hand side of a definition, without spaces; operator of an inequality; brackets of a tuple."""
    number: Quantity | None = field(default=None)
    """The value if the item is a bare number."""


# -- cutting strings at depth zero

_OPENERS = ("\\left(", "\\{", "\\lfloor", "\\lceil", "\\begin", "\\langle", "(", "[", "{")
_SCAN = re.compile(
    r"\\\{|\\\}|\\lfloor|\\rfloor|\\lceil|\\rceil|\\langle|\\rangle|\\begin\s*\{[a-zA-Z]*\*?\}|\\end\s*\{[a-zA-Z]*\*?\}|"
    r"\\[a-zA-Z]+|\\.|[()\[\]{}]|[,;:=<>]|.",
    re.DOTALL,
)
_OPEN = frozenset(["\\{", "\\lfloor", "\\lceil", "\\langle", "(", "[", "{"])
_CLOSE = frozenset(["\\}", "\\rfloor", "\\rceil", "\\rangle", ")", "]", "}"])


def cut(text: str, separators: frozenset[str]) -> list[tuple[str, str]]:
    """Pieces of ``text`` between separators outside all brackets, each with the separator before it."""
    pieces: list[tuple[str, str]] = []
    depth, start, before = 0, 0, ""
    for match in _SCAN.finditer(text):
        token = match.group()
        if token in _OPEN or token.startswith("\\begin"):
            depth += 1
        elif token in _CLOSE or token.startswith("\\end"):
            depth -= 1
        elif depth <= 0 and token in separators:
            pieces.append((before, text[start : match.start()]))
            before, start = token, match.end()
    pieces.append((before, text[start:]))
    return pieces


_CONNECTIVE = re.compile(
    r"\\(?:text|mathrm|textrm|mbox|textbf|textit)\s*\{\s*[,;]?\s*(?:and|or|or else|and also)\s*[,;]?\s*\}|"
    r"(?<=[\s$,;)}\]])(?<![A-Za-z\\])(?:and|or|OR|AND)(?=[\s$(\[{])|\\(?:lor|vee)(?![A-Za-z])"
)
_TEXT_COMMA = re.compile(r"\\(?:text|mathrm|textrm|mbox)\s*\{\s*([,;:])\s*\}")
_LISTING_TEXT = re.compile(r"\\(?:text|mathrm|textrm|textbf|mbox)\s*\{([^{}]*(?:,| and | or )[^{}]*)\}")
_MATH_DOLLARS = re.compile(r"\$+|\\[()\[\]](?![A-Za-z0-9])")
_BLANK_TEXT = re.compile(r"\\(?:text|mathrm|textrm|mbox)\s*\{\s*\}")
_STATEMENT = re.compile(
    r".*\b(?:is|are|equals?|be)\b\s*:?\s*\$*(?:\\\()?\s*(?P<math>[^$]+?)\s*(?:\\\))?\s*\$*\.?", re.DOTALL
)
_LEAD = re.compile(
    r"(?:\\(?:text|textbf|mathrm|mbox)\s*\{[^{}]*?(?:\b(?:is|are|answer|equals?)|[:=])\s*\}|\\(?:text|textbf|mbox)\s*\{\s*"
    r"(?:about|approximately|approx\.?|exactly|roughly|answer|total|maximum|minimum|max|min)\s*:?\s*\}|"
    r"(?:the\s+)?(?:final\s+)?answer\s*(?:is\b|:|=)|\\approx|\\sim(?![a-z])|\\therefore|\\Rightarrow|\\implies)\s*",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"\\(?:text|mathrm|mbox)\s*\{\s*\(?\s*(?:about|approx|approximately|roughly|i\.e\.|that is|in lowest terms|simplified|exactly).*"
    r"|\(\s*(?:\\approx|\\text\s*\{\s*(?:about|approx|approximately|roughly)).*\)\s*$",
    re.DOTALL,
)
_LOGIC = re.compile(
    r"\b(?:and|or|if|not|no|where|when|for|otherwise|else|unless|with|mod|but|except|either|than|least|most)\b|[0-9]"
)
_UNIT_GROUP = r"\\(?:text|mathrm|mbox|textrm|rm|textbf|textit|operatorname|mathit|hbox)\s*\{(?P<unit>[^{}]*)\}\s*(?:\^\s*(?:\{\s*-?\s*[0-9]\s*\}|[0-9]))?"
_TRAILING_UNIT = re.compile(r"(?P<core>.*[^\s^_/*+\-=(,])\s*(?:(?:/|\\cdot)\s*)?" + _UNIT_GROUP + r"\s*$", re.DOTALL)
_TRAILING_WORDS = re.compile(
    r"(?P<core>(?:.*[0-9}\])!]))\s*(?P<unit>(?:[A-Za-z]{2,}\.?(?:\s*/\s*[A-Za-z]+|\s+[A-Za-z]+)*|[a-z]{1,3}/[a-z]{1,3})(?:\s?\^\s?\{?[0-9]\}?)?)\s*$",
    re.DOTALL,
)
_KNOWN_UNITS = frozenset(
    [
        "m",
        "cm",
        "mm",
        "km",
        "nm",
        "um",
        "in",
        "ft",
        "yd",
        "mi",
        "mile",
        "inch",
        "inche",
        "foot",
        "feet",
        "yard",
        "meter",
        "metre",
        "centimeter",
        "centimetre",
        "kilometer",
        "kilometre",
        "g",
        "kg",
        "mg",
        "lb",
        "oz",
        "gram",
        "kilogram",
        "pound",
        "ounce",
        "ton",
        "s",
        "sec",
        "second",
        "min",
        "minute",
        "h",
        "hr",
        "hour",
        "day",
        "week",
        "month",
        "year",
        "ms",
        "kb",
        "mb",
        "gb",
        "tb",
        "byte",
        "l",
        "ml",
        "liter",
        "litre",
        "gallon",
        "dollar",
        "cent",
        "euro",
        "yuan",
        "degree",
        "radian",
        "n",
        "j",
        "w",
        "v",
        "a",
        "hz",
        "pa",
        "k",
        "c",
        "f",
        "mol",
        "rad",
    ]
)
_WORD_VALUES = {
    "infinity": "\\infty", "positive infinity": "\\infty", "negative infinity": "-\\infty", "inf": "\\infty",
    "no solution": "\\emptyset", "no solutions": "\\emptyset", "empty set": "\\emptyset", "the empty set": "\\emptyset",
    "no real solutions": "\\emptyset", "no real solution": "\\emptyset",
    "all real numbers": "\\mathbb{R}", "all reals": "\\mathbb{R}", "all real": "\\mathbb{R}",
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip


def plain_words(text: str) -> str:
    """The words of a text answer: lower case, no markup, no punctuation at the ends of words."""
    text = re.sub(
        r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|emph|operatorname|mathit|boldsymbol)\s*(?=\{)", " ", text
    )
    text = re.sub(r"\\[(){}\[\]]|[${}]", " ", text)
    text = re.sub(r"[\"'`*]+", "", text)
    return re.sub(r"\s*([(),.;:!?])\s*", r"\1", " ".join(text.split())).strip(" .,;:!?").lower()


_WORD_RUN = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}(?![A-Za-z])")
_COMMANDS = re.compile(r"\\(?:begin|end)\s*\{[a-zA-Z*]*\}(?:\s*\{[clr|]*\})?|\\[a-zA-Z]+")


def is_prose(text: str) -> bool:
    """Whether words make up an item rather than symbols."""
    bare = _COMMANDS.sub(" ", text)
    words = [
        word
        for word in _WORD_RUN.findall(bare)
        if word.lower() not in FUNCTIONS and word not in ("sqrt", "gcd", "lcm", "max", "min", "mod", "lim", "red")
    ]
    words = [word for word in words if len(word) > 4 or not word.isupper()]
    return len(words) >= 2 or (
        len(words) == 1 and not re.search(r"[0-9+=^_/\\<>-]", re.sub(r"\\(?:text|mathrm|textbf|mathbf|mbox)", "", text))
    )


# -- reading


_GROUPED = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9]|,[0-9])")


def ambiguous(text: str) -> bool:
    """Whether commas in ``text`` may separate thousands or values: ``1,234``."""
    return _GROUPED.search(text) is not None


@lru_cache(maxsize=4096)
def read(text: str, grouped: bool = True) -> tuple[Item, ...]:
    """The items of a normalised answer.

    Args:
        text: the answer.
        grouped: read ``1,234`` as one number; else as two values.

    Raises:
        TooLarge: beyond the limits of the parser.
    """
    if grouped:
        text = _GROUPED.sub(lambda m: m.group().replace(",", ""), text)
    text = _MATH_DOLLARS.sub(" ", text).strip() if "$" in text or "\\(" in text or "\\[" in text else text
    if not is_prose(text):
        text = _LISTING_TEXT.sub(lambda m: m.group(1), text)
    text = _TEXT_COMMA.sub(r" \1 ", _CONNECTIVE.sub(" ; ", text))
    text = _BLANK_TEXT.sub(" ", text)
    words = plain_words(text)
    if words in _WORD_VALUES:
        text = _WORD_VALUES[words]
    elif is_prose(text):
        lead = _LEAD.match(text)
        statement = _STATEMENT.fullmatch(text)
        if lead and not is_prose(text[lead.end() :]):
            text = text[lead.end() :]
        elif (
            statement
            and re.search(r"[0-9]", statement["math"])
            and not is_prose(statement["math"])
            and len(words.split()) >= 3
        ):
            text = statement["math"]
        elif not _TRAILING_WORDS.fullmatch(text) and not _TRAILING_UNIT.fullmatch(text):
            return (Item("text", text, words),)
    pieces = [piece.strip() for _, piece in cut(text, frozenset(",;"))]
    pieces = [piece for piece in pieces if piece]
    if len(pieces) > MAX_ITEMS:
        raise TooLarge("items")
    if not pieces:
        return (Item("text", text, words),)
    items: list[Item] = []
    for piece in pieces:
        items.extend(_item(piece))
    if len(items) == 1 and items[0].kind == "set":
        return tuple(items[0].tree)
    return _group_names(items)


def _group_names(items: list[Item]) -> tuple[Item, ...]:
    """``p=5, q=2, p=7, q=2`` as two named groups; a single name is dropped later, in `same`."""
    names = [item.name for item in items if item.kind == "expr" and item.name]
    if len(set(names)) < 2 or len(names) != len(items):
        if len(set(names)) == 1 and items[0].name:
            # x = 1, 2: the name goes on.
            items = [
                Item("expr", i.text, i.tree, names[0], i.number) if i.kind == "expr" and not i.name else i
                for i in items
            ]
        return tuple(items)
    groups: list[dict[str, Item]] = [{}]
    for item in items:
        if item.name in groups[-1]:
            groups.append({})
        groups[-1][item.name] = item
    if any(len(group) != len(groups[0]) for group in groups):
        return tuple(items)
    return tuple(
        Item("named", ", ".join(item.text for item in group.values()), tuple(group.items())) for group in groups
    )


_RELATIONS = frozenset(
    [
        "=",
        "<",
        ">",
        "\\le",
        "\\ge",
        "\\ne",
        "\\in",
        "\\approx",
        "\\equiv",
        "\\simeq",
        "\\cong",
        "\\sim",
        "\\notin",
        "\\subset",
        "\\subseteq",
        "\\iff",
        "\\Rightarrow",
        "\\implies",
        "\\Leftrightarrow",
        "\\to",
        "\\mapsto",
        "\\rightarrow",
        "\\colon",
    ]
)
_BASE = re.compile(
    r"[{(]?\s*([0-9A-Za-z]+)\s*\)?\s*_\s*(?:\{\s*(?:\\text\s*\{)?\s*([0-9]+|[a-z]+)\s*\}?\s*\}|([0-9]+))\s*\}?"
)
_MODULUS = re.compile(
    r"\\pmod\s*(?:\{[^{}]*\}|[0-9a-z])\s*$|\(\s*(?:\\bmod|\\mod|\\text\s*\{\s*mod\s*\}|mod)[^()]*\)\s*$"
)
_ORDER = {"<": ("<", 1), ">": ("<", -1), "\\le": ("<=", 1), "\\ge": ("<=", -1)}


def _item(text: str) -> list[Item]:
    """One piece between commas; several items where it holds a ``\\pm`` or is a set."""
    text = text.strip()
    lead = _LEAD.match(text)
    if lead and lead.end() < len(text):
        text = text[lead.end() :]
    remark = _REMARK.search(text)
    if remark and remark.start() > 0:
        text = text[: remark.start()].strip()
    modulus = _MODULUS.search(text)
    if modulus:
        text = text[: modulus.start()].replace("\\equiv", "=")
    parts = cut(text, _RELATIONS)
    if len(parts) > 1:
        union = _region(text) if "\\cup" in text and "\\in" not in text else None
        return _relation(text, parts) if union is None else [Item("region", text, union)]
    return _value(text)


_WORDS_ONLY = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|mathit|emph|operatorname)\s*\{\s*\(?[A-Za-z][A-Za-z' -]*[A-Za-z]\)?\s*\}"
)


def _value(text: str, name: str = "") -> list[Item]:
    if text.strip() == "\\ldots":
        return [Item("text", text, "...", name)]
    if _WORDS_ONLY.fullmatch(text.strip()) and plain_words(text) not in _WORD_VALUES:
        return [Item("text", text, plain_words(text), name)]
    text = _unwrapped(text.strip().rstrip(".").strip())
    number = quantity(text)
    if number is not None:
        tree: Node = ("num", number.value)
        marked = {"%": ("percent", tree), "degree": ("degree", tree)}
        return [Item("expr", text, marked.get(number.mark, tree), name, number)]
    base = _BASE.fullmatch(text)
    if base and base[1][0].isdigit():
        return [Item("base", text, (base[1].upper(), base[2] or base[3]), name)]
    region = _region(text)
    if region is not None:
        return [Item("region", text, region, name)]
    bracketed = _bracketed(text)
    if bracketed is not None:
        kind, inner = bracketed
        pieces = [piece for _, piece in cut(inner, frozenset(",;"))]
        if kind == "\\{\\}" or (kind == "{}" and len(pieces) > 1):
            if any(separator in ("|", "\\mid", ":") for separator, _ in cut(inner, frozenset(["|", "\\mid", ":"]))[1:]):
                return [Item("unknown", text, None, name)]
            found = read(inner, False)
            return [Item("set", text, found, name)]
        if len(pieces) > 1:
            if len(pieces) > MAX_ITEMS:
                raise TooLarge("items")
            entries = []
            for piece in pieces:
                entry = _item(piece)
                if len(entry) != 1 or not piece.strip():
                    return [Item("unknown", text, None, name)]
                entries.append(entry[0])
            return [Item("tuple", text, tuple(entries), name or kind, None)]
    ratio = [piece for _, piece in cut(text, frozenset([":"]))]
    if len(ratio) > 1:
        try:
            return [Item("ratio", text, tuple(parse(piece) for piece in ratio), name)]
        except Unsupported:
            return [Item("unknown" if not is_prose(text) else "text", text, plain_words(text), name)]
    return _expression(text, name)


def _expression(text: str, name: str) -> list[Item]:
    core = text
    for _ in range(4):
        try:
            tree = parse(core)
        except Unsupported:
            tree = None
        if tree is not None and not _ends_in_unit(core):
            if any(node[0] in ("pm", "mp") for node in walk(tree)):
                return [Item("expr", text, _with_sign(tree, sign), name) for sign in (1, -1)]
            return [Item("expr", text, tree, name, quantity(core))]
        shorter = _without_unit(core)
        if shorter is None:
            break
        core = shorter
        number = quantity(core)
        if number is not None:
            return [Item("expr", text, ("num", number.value), name, number)]
        inner = _bracketed(core)
        if inner is not None and len(cut(inner[1], frozenset(",;"))) > 1:
            return _value(core, name)
    if tree is not None:
        return [Item("expr", text, tree, name)]
    words = plain_words(text)
    if words in _WORD_VALUES:
        return _value(_WORD_VALUES[words], name)
    return [Item("text" if is_prose(text) or _NOT_MATHS.search(text) else "unknown", text, words, name)]


_NOT_MATHS = re.compile(r"[^\x20-\x7e]|[?@`\"]|(?<!\\)#|\\\\[A-Za-z]")


def _with_sign(node: Any, sign: int) -> Any:
    """The tree with ``\\pm`` decided."""
    if not isinstance(node, tuple):
        return node
    if node and node[0] in ("pm", "mp") and len(node) == 2:
        inner = _with_sign(node[1], sign)
        return inner if (sign > 0) == (node[0] == "pm") else ("neg", inner)
    return tuple(_with_sign(part, sign) for part in node)


def _ends_in_unit(text: str) -> bool:
    match = _TRAILING_UNIT.fullmatch(text)
    return (
        bool(match and _is_unit(match["unit"]) and re.search(r"[0-9]|\\(?:frac|sqrt|pi)", match["core"]))
        or _words_after_number(text) is not None
    )


def _is_unit(words: str) -> bool:
    stripped = words.replace("~", " ").strip(" ().,")
    return bool(stripped) and not _LOGIC.search(
        stripped.replace("^2", "").replace("^3", "").replace("2", "", 1) if stripped[-1:] in "23" else stripped
    )


def _words_after_number(text: str) -> str | None:
    match = _TRAILING_WORDS.fullmatch(text)
    if (
        match is None
        or not _is_unit(match["unit"])
        or match["unit"].split()[0] in FUNCTIONS
        or match["core"].count("(") != match["core"].count(")")
    ):
        return None
    first = re.split(r"[\s/^.]", match["unit"])[0].lower()
    singular = first.rstrip("s")
    if len(first) < 3 and singular not in _KNOWN_UNITS and first not in _KNOWN_UNITS:
        return None
    return str(match["core"])


def _without_unit(text: str) -> str | None:
    match = _TRAILING_UNIT.fullmatch(text)
    if match and _is_unit(match["unit"]):
        return str(match["core"]).strip().rstrip("/").strip()
    return _words_after_number(text)


def unit(text: str) -> str:
    """The unit after a value, in lower case and singular; empty if there is none that is known."""
    match = _TRAILING_UNIT.fullmatch(text)
    found = match["unit"] if match else None
    if found is None:
        words = _TRAILING_WORDS.fullmatch(text)
        found = words["unit"] if words else ""
    squeezed = re.sub(r"[\s~.]", "", found).lower()
    singular = squeezed[:-1] if squeezed.endswith("s") and len(squeezed) > 2 else squeezed
    return singular if singular in _KNOWN_UNITS else ""


def _unwrapped(text: str) -> str:
    """Without the braces, parentheses or text command around all of it."""
    for _ in range(8):
        match = re.fullmatch(
            r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|mathit|emph|operatorname|boldsymbol)\s*(\{.*\})",
            text,
            re.DOTALL,
        )
        inner = match[1] if match else text
        bracketed = _bracketed(inner)
        if bracketed is None or bracketed[0] not in ("{}", "()"):
            return text
        if match is None and bracketed[0] == "()" and not _single(bracketed[1]):
            return text
        if bracketed[0] == "{}" and match is None and len(cut(bracketed[1], frozenset(",;"))) > 1:
            return text
        text = bracketed[1].strip()
    return text


def _single(text: str) -> bool:
    return len(cut(text, frozenset(",;"))) == 1


def _bracketed(text: str) -> tuple[str, str] | None:
    """(brackets, inside) if one pair of brackets is around all of ``text``; a half-open interval counts."""
    depth = 0
    opener = ""
    for match in _SCAN.finditer(text):
        token = match.group()
        if token in _OPEN or token.startswith("\\begin"):
            if depth == 0:
                if match.start() > 0 or token.startswith(("\\begin", "\\lf", "\\lc")):
                    return None
                opener = token
            depth += 1
        elif token in _CLOSE or token.startswith("\\end"):
            depth -= 1
            if depth == 0:
                if match.end() < len(text) or not opener:
                    return None
                if (opener in ("{", "\\{")) != (token in ("}", "\\}")):
                    return None
                return opener + token, text[len(opener) : match.start()].strip()
        elif depth == 0 and not token.isspace():
            return None
    return None


# -- regions of the real line


Piece = tuple[Node, bool, Node, bool]
_NEG_INFINITY: Node = ("neg", INFINITY)


def _region(text: str) -> tuple[Piece, ...] | None:
    """Pieces (low, closed, high, closed) of a union of intervals and finite sets; None for anything else."""
    if (
        "\\mathbb" not in text
        and "\\cup" not in text
        and "\\setminus" not in text
        and "\\infty" not in text
        and text != "\\emptyset"
    ):
        return None
    if text == "\\emptyset":
        return ()
    minus = cut(text, frozenset(["\\setminus"]))
    if len(minus) == 2:
        base, removed = _region(minus[0][1].strip()), _region_atom(minus[1][1].strip())
        if base is None or removed is None or base != ((_NEG_INFINITY, False, INFINITY, False),):
            return None
        edges = _sorted_points(removed)
        if edges is None:
            return None
        bounds = [_NEG_INFINITY, *edges, INFINITY]
        return tuple((bounds[k], False, bounds[k + 1], False) for k in range(len(bounds) - 1))
    pieces: list[Piece] = []
    for _, part in cut(text, frozenset(["\\cup"])):
        atom = _region_atom(part.strip())
        if atom is None:
            return None
        pieces.extend(atom)
    return tuple(pieces)


def _region_atom(text: str) -> tuple[Piece, ...] | None:
    text = text.strip()
    if re.fullmatch(r"\\mathbb\s*(\{\s*R\s*\}|R)", text):
        return ((_NEG_INFINITY, False, INFINITY, False),)
    inequality = cut(text, _RELATIONS)
    if len(inequality) > 1:
        items = _relation(text, inequality)
        return items[0].tree if len(items) == 1 and items[0].kind == "region" else None
    bracketed = _bracketed(text)
    if bracketed is None:
        return None
    kind, inner = bracketed
    ends = [piece.strip() for _, piece in cut(inner, frozenset(",;"))]
    try:
        if kind in ("\\{\\}", "{}"):
            trees = [parse(end) for end in ends]
            return tuple((tree, True, tree, True) for tree in trees)
        if kind[0] not in "([" or kind[-1] not in ")]" or len(ends) != 2:
            return None
        low, high = _bound(ends[0]), _bound(ends[1])
    except Unsupported:
        return None
    return ((low, kind[0] == "[" and not _infinite(low), high, kind[-1] == "]" and not _infinite(high)),)


def _bound(text: str) -> Node:
    tree = parse(text)
    return _NEG_INFINITY if tree == ("neg", INFINITY) else tree


def _infinite(node: Node) -> bool:
    return node in (INFINITY, _NEG_INFINITY)


def _sorted_points(pieces: tuple[Piece, ...]) -> list[Node] | None:
    if any(low != high for low, _, high, _ in pieces):
        return None
    try:
        return [
            tree for _, tree in sorted(((_position(low), low) for low, _, _, _ in pieces), key=lambda pair: pair[0])
        ]
    except (Unsupported, ArithmeticError, KeyError, TypeError, TooLarge):
        return None


def _position(node: Node) -> Any:
    if node == INFINITY:
        return numeric.mp.inf
    if node == _NEG_INFINITY:
        return -numeric.mp.inf
    value = numeric.constant(node)
    if isinstance(value, tuple):
        raise Unsupported("matrix")
    return numeric._real(numeric._mp(value))


def _merged(pieces: tuple[Piece, ...]) -> list[Piece] | None:
    """Disjoint pieces in order; None if some end is not a constant."""
    try:
        keyed = sorted(
            (
                (_position(low), not closed, (low, closed, high, closed_high), _position(high))
                for low, closed, high, closed_high in pieces
            ),
            key=lambda entry: entry[:2],
        )
    except (Unsupported, ArithmeticError, KeyError, TypeError, TooLarge):
        return None
    result: list[list[Any]] = []
    tops: list[Any] = []
    for low_at, _, (low, closed, high, closed_high), high_at in keyed:
        if low_at > high_at or (low_at == high_at and not (closed and closed_high)):
            continue
        if result and (low_at < tops[-1] or (low_at == tops[-1] and (closed or result[-1][3]))):
            if high_at > tops[-1]:
                result[-1][2:], tops[-1] = [high, closed_high], high_at
            elif high_at == tops[-1]:
                result[-1][3] = result[-1][3] or closed_high
        else:
            result.append([low, closed, high, closed_high])
            tops.append(high_at)
    return [tuple(piece) for piece in result]


def _same_region(gold: tuple[Piece, ...], answer: tuple[Piece, ...]) -> bool:
    first, second = _merged(gold), _merged(answer)
    if first is None or second is None:
        first, second = list(gold), list(answer)
    if len(first) != len(second):
        return False
    return all(
        a[1] == b[1] and a[3] == b[3] and _same_bound(a[0], b[0]) and _same_bound(a[2], b[2])
        for a, b in zip(first, second, strict=True)
    )


def _same_bound(a: Node, b: Node) -> bool:
    if _infinite(a) or _infinite(b):
        return a == b
    return numeric.equal(a, b)


# -- relations

_NAME = re.compile(
    r"\\?[A-Za-z]+'*(?:\s*_\s*(?:\{[^{}]*\}|\\?[A-Za-z0-9]+))?'*(?:\s*\^\s*(?:\\prime|\{\\prime\}|\\ast|\*|\{\s*-\s*1\s*\}))?(?:\s*\([^()=]*(?:\([^()]*\)[^()=]*)*\))?|\\?[A-Za-z]*\s*\|[^|=]*\||\[[A-Za-z' ]+\]"
)
_OPERATOR_WORDS = re.compile(
    r"\\(?:max|min|sup|inf|gcd|lcm|nabla|angle|triangle|text|mathrm|operatorname|sum|det|Pr|mathbb|mathbf|frac|overline|widehat|deg|dim|tan|sin|cos|log|ln|lim|mathcal|star|oplus|otimes|diamond|circ|prod|int|binom|sqrt|lvert|vec|bar|hat|arg|area)(?![A-Za-z])"
)


def is_name(left: str) -> bool:
    """Whether the left-hand side of an equation names what the right-hand side gives."""
    left = left.strip()
    if not left or _NAME.fullmatch(left):
        return True
    if re.fullmatch(r"\(\s*[A-Za-z](?:_\{?\w+\}?)?(?:\s*,\s*[A-Za-z](?:_\{?\w+\}?)?)*\s*\)", left):
        return True
    bare = _COMMANDS.sub(" ", left)
    if re.search(r"(?<![A-Za-z])[xyz](?![A-Za-z])", bare) and re.search(r"[-+0-9^*]", left):
        return False
    if _OPERATOR_WORDS.search(left) or is_prose(left):
        return True
    # Sums, products and ratios of named quantities: V + E + F, AB : CD, |X|.
    return not re.search(r"(?<![A-Za-z_{^])[xyz](?![A-Za-z])", bare)


def _relation(text: str, parts: list[tuple[str, str]]) -> list[Item]:
    operators = [operator for operator, _ in parts[1:]]
    sides = [side.strip() for _, side in parts]
    # "a \approx 1.41": the exact part is the answer, and what approximates it a remark.
    while len(operators) > 1 and operators[-1] in ("\\approx", "\\simeq", "\\sim") and operators[-2] in ("=",):
        operators.pop()
        sides.pop()
    if operators == ["\\approx"] or operators == ["\\simeq"]:
        left_is_name = (
            is_name(sides[0])
            and not re.fullmatch(r"[^A-Za-z]*", _COMMANDS.sub("", sides[0]))
            and quantity(sides[0]) is None
        )
        if not left_is_name:
            return _value(sides[0])
        operators = ["="]
    if any(operator in ("\\Rightarrow", "\\implies", "\\iff", "\\Leftrightarrow") for operator in operators):
        cutting = max(
            k
            for k, operator in enumerate(operators)
            if operator in ("\\Rightarrow", "\\implies", "\\iff", "\\Leftrightarrow")
        )
        return _item(
            " ".join(
                side + " " + operator
                for side, operator in zip(sides[cutting + 1 :], [*operators[cutting + 1 :], ""], strict=True)
            )
        )
    if set(operators) == {"="}:
        return _equalities(text, sides)
    if operators[-1] == "\\in" and len(sides) >= 2:
        region = _region_of(sides[-1])
        if region is not None:
            return [Item("region", text, region, sides[0])]
        return _value(sides[-1], _squeeze(sides[0]))
    if all(operator in _ORDER or operator == "\\ne" for operator in operators):
        found = _inequality(text, sides, operators)
        if found is not None:
            return found
    return [Item("unknown" if not is_prose(text) else "text", text, plain_words(text))]


def _region_of(text: str) -> tuple[Piece, ...] | None:
    region = _region(text)
    return region if region is not None else (_region_atom(text) if text[:1] in "([" else None)


def _squeeze(text: str) -> str:
    return re.sub(r"\s+|\\(?:text|mathrm)(?=\{)", "", text).replace("_{", "_").replace("{", "").replace("}", "")


def _equalities(text: str, sides: list[str]) -> list[Item]:
    """``a = b = ... = z``."""
    left, last = sides[0], sides[-1]
    values = _value(last, _squeeze(left) if is_name(left) and left[:1] != "(" else "")
    if _contradicts(sides):
        return [Item("contradiction", text)]
    left_bracket = _bracketed(left)
    if left_bracket and left_bracket[0] == "()" and len(values) == 1 and values[0].kind == "tuple":
        names = [_squeeze(piece) for _, piece in cut(left_bracket[1], frozenset(",;"))]
        if len(names) == len(values[0].tree):
            return [Item("tuple", values[0].text, values[0].tree, values[0].name)]
    if is_name(left) or (quantity(left) is not None) or _is_constant(left):
        if len(sides) == 2 and quantity(left) is not None and not any(_is_constant_item(v) for v in values):
            flipped = _value(left, _squeeze(last) if is_name(last) else "")
            if is_name(last):
                return flipped
        elif not (len(sides) == 2 and not is_name(left) and not _is_constant(last)):
            named = [
                Item(v.kind, v.text, v.tree, v.name or _squeeze(left), v.number)
                if v.kind == "expr" and not _is_constant(left)
                else v
                for v in values
            ]
            return named
    try:
        first, second = parse(sides[0]), parse(sides[1])
    except Unsupported:
        return [Item("unknown", text)]
    return [Item("equation", text, (first, second))]


def _is_constant(text: str) -> bool:
    try:
        return not variables(parse(text))
    except (Unsupported, TooLarge):
        return False


def _is_constant_item(item: Item) -> bool:
    return item.kind == "expr" and not variables(item.tree)


def _contradicts(sides: list[str]) -> bool:
    """Whether two constant members of a chain of equalities differ."""
    known: Node | None = None
    for side in sides:
        if ":" in side:
            continue
        try:
            tree = parse(side)
            if variables(tree) or any(node[0] in ("pm", "mp") for node in walk(tree)):
                continue
            if known is not None and not numeric.equal(known, tree):
                if _close(known, tree):
                    continue
                return True
            known = tree
        except (Unsupported, TooLarge, ArithmeticError):
            continue
    return False


def _close(a: Node, b: Node) -> bool:
    """An equality between an exact value and its rounding, as people write it: ``\\frac{2}{3} = 0.667``."""
    try:
        x, y = numeric._mp(numeric.constant(a)), numeric._mp(numeric.constant(b))
        return (
            bool(abs(x - y) <= abs(x) * numeric.mp.mpf("0.01"))
            and "num" in (a[0], b[0])
            and any(tree[0] == "num" and tree[1].denominator != 1 for tree in (a, b))
        )
    except (Unsupported, TooLarge, ArithmeticError, TypeError):
        return False


def _inequality(text: str, sides: list[str], operators: list[str]) -> list[Item] | None:
    try:
        trees = [parse(side) for side in sides]
    except Unsupported:
        return None
    if len(trees) == 2:
        a, b = trees
        operator = operators[0]
        if operator == "\\ne":
            if a[0] == "var" and not variables(b):
                return [Item("region", text, ((_NEG_INFINITY, False, b, False), (b, False, INFINITY, False)), a[1])]
            return [Item("inequality", text, ("sub", a, b), "\\ne")]
        kind, direction = _ORDER[operator]
        low, high = (a, b) if direction > 0 else (b, a)
        closed = kind == "<="
        if low[0] == "var" and low[1] not in variables(high):
            return [Item("region", text, ((_NEG_INFINITY, False, high, closed and not _infinite(high)),), low[1])]
        if high[0] == "var" and high[1] not in variables(low):
            return [Item("region", text, ((low, closed and not _infinite(low), INFINITY, False),), high[1])]
        return [Item("inequality", text, ("sub", high, low), kind)]
    if len(trees) == 3 and trees[1][0] == "var" and "\\ne" not in operators:
        (first, one), (second, two) = _ORDER[operators[0]], _ORDER[operators[1]]
        if one != two:
            return None
        low, high = (trees[0], trees[2]) if one > 0 else (trees[2], trees[0])
        kinds = (first, second) if one > 0 else (second, first)
        return [
            Item(
                "region", text,
                ((low, kinds[0] == "<=" and not _infinite(low), high, kinds[1] == "<=" and not _infinite(high)),),
                trees[1][1],
            )
        ]  # fmt: skip
    return None


# -- comparing


class Undecided(Exception):
    """Something in the pair is not understood, so that `same` cannot tell."""


def same(gold: tuple[Item, ...], answer: tuple[Item, ...]) -> bool:
    """Whether two answers are the same.

    Raises:
        Undecided: math-verify should have a look.
        TooLarge: beyond the limits.
    """
    gold, answer = _joined(gold), _joined(answer)
    if len(gold) == 1 and len(answer) == 1:
        return same_item(gold[0], answer[0])
    if any(item.kind == "contradiction" for item in answer):
        return False
    # a = 1, b = 2 against 1, 2
    for one, other in ((gold, answer), (answer, gold)):
        if len(one) == 1 and one[0].kind == "named" and len({name.partition("_")[0] for name, _ in one[0].tree}) == 1:
            # x_1 = 1, x_2 = 2 against 2, 1
            if all(i.kind == "expr" and not i.name for i in other):
                values = tuple(replace(item, name="") for _, item in one[0].tree)
                return _same_set(values, other) if one is gold else _same_set(other, values)
        elif (
            len(one) == 1
            and one[0].kind == "named"
            and len(other) == len(one[0].tree)
            and all(i.kind == "expr" and not i.name for i in other)
        ):
            return all(
                same_item(*((named, item) if one is gold else (item, named)))
                for (_, named), item in zip(one[0].tree, other, strict=True)
            )
    # 1, 2 against (1, 2)
    for one, other in ((gold, answer), (answer, gold)):
        if (
            len(one) == 1
            and one[0].kind == "tuple"
            and one[0].name in ("()", "\\langle\\rangle")
            and len(other) == len(one[0].tree)
            and len(other) > 2
        ):
            return all(same_item(*((a, b) if one is gold else (b, a))) for a, b in zip(one[0].tree, other, strict=True))
    if (len(gold) == 1 and gold[0].kind == "region") or (len(answer) == 1 and answer[0].kind == "region"):
        pieces = [_as_pieces(side) for side in (gold, answer)]
        if pieces[0] is not None and pieces[1] is not None:
            return _same_region(pieces[0], pieces[1])
    return _same_set(gold, answer)


def _as_pieces(items: tuple[Item, ...]) -> tuple[Piece, ...] | None:
    if len(items) == 1 and items[0].kind == "region":
        return items[0].tree
    if items and all(item.kind == "expr" for item in items):
        return tuple((item.tree, True, item.tree, True) for item in items)
    return None


def _joined(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """``x < 0 or x > 2`` as one region; nothing else changes."""
    if len(items) > 1 and all(item.kind == "region" and item.name and item.name not in ("()", "[]") for item in items):
        if len({item.name for item in items}) == 1:
            return (
                Item(
                    "region", " ; ".join(i.text for i in items), tuple(p for i in items for p in i.tree), items[0].name
                ),
            )
    return items


def _same_set(gold: tuple[Item, ...], answer: tuple[Item, ...]) -> bool:
    """Every item of each side has its like on the other."""
    undecided: Exception | None = None
    used = [False] * len(answer)
    for wanted in gold:
        found = False
        for k, given in enumerate(answer):
            try:
                if same_item(wanted, given):
                    found = used[k] = True
            except (Undecided, Unsupported) as problem:
                undecided = problem
        if not found:
            if undecided is not None:
                raise Undecided(str(undecided))
            return False
    if not all(used):
        if undecided is not None:
            raise Undecided(str(undecided))
        return False
    return True


_OPTION = re.compile(
    r"(?:option|choice)?\s*(?:\(\s*([A-Ja-j])\s*\)\s*[^()+*/^=-]*|([A-Ja-j])\s*[).:](?!\s*[0-9]+\s*$).*|([A-Ja-j]))",
    re.DOTALL | re.I,
)


def same_item(gold: Item, answer: Item) -> bool:
    """Whether two items are the same."""
    if gold.kind == "contradiction":
        raise Undecided("the gold contradicts itself")
    if answer.kind == "contradiction":
        return False
    chosen = _option(gold, answer)
    if chosen is not None:
        return chosen
    handler = _HANDLERS.get((gold.kind, answer.kind))
    if handler is not None:
        return handler(gold, answer)
    if "text" in (gold.kind, answer.kind):
        return _same_text(gold, answer)
    if "unknown" in (gold.kind, answer.kind):
        raise Undecided("not understood")
    return False


def _same_text(gold: Item, answer: Item) -> bool:
    wanted, given = plain_words(gold.text), plain_words(answer.text)
    if wanted == given or re.sub(r"[\s.,;:]", "", wanted) == re.sub(r"[\s.,;:]", "", given):
        return True
    if re.search(r"[,;]|\b(?:and|or)\b", wanted):
        return _parts(wanted) == _parts(given)
    return False


def _parts(words: str) -> frozenset[str]:
    return frozenset(part.strip() for part in re.split(r"[,;]|\b(?:and|or)\b", words) if part.strip())


def _option(gold: Item, answer: Item) -> bool | None:
    """For a gold that is one letter of a multiple choice: whether the answer picks it; None if it is none or picks none."""
    wanted = re.fullmatch(r"\(?([A-J])\)?", re.sub(r"\\(?:text|textbf|mathrm|mathbf)|[{}\s]", "", gold.text))
    if wanted is None:
        return None
    said = _OPTION.fullmatch(re.sub(r"\\(?:text|textbf|mathrm|mathbf)\s*(?=\{)|[{}$]", "", answer.text).strip())
    return None if said is None else (said[1] or said[2] or said[3]).upper() == wanted[1]


def _same_expr(gold: Item, answer: Item) -> bool:
    if (
        gold.name
        and answer.name
        and gold.name[0].lower() != answer.name[0].lower()
        and gold.name[0] != "\\" != answer.name[0]
    ):
        return False
    if _function_name(gold.name) != _function_name(answer.name) and gold.name and answer.name:
        return False
    first, second = unit(gold.text), unit(answer.text)
    if first and second and first != second:
        return False
    if gold.number is not None and answer.number is not None:
        return quantities_agree(gold.number, answer.number)
    a, b = gold.tree, answer.tree
    if gold.number is not None and gold.number.decimals is not None and not variables(b):
        return _same_decimal(gold.number, b)
    if gold.name != answer.name and gold.name and answer.name:
        b = _with_argument_of(gold.name, answer.name, b)
    if _either_infinite(a, b):
        if any(node[0] in ("sum", "prod") for tree in (a, b) for node in walk(tree)):
            raise Undecided("infinite series")
        return bool(a == b)
    if (a[0] == "degree") == (b[0] == "degree") or ("const", "pi") not in (*walk(a), *walk(b)):
        # The sign is a unit, and may be left out; against a multiple of pi it is a factor.
        a, b = _degrees_dropped(a), _degrees_dropped(b)
    try:
        if numeric.equal(a, b):
            return True
        return _percent_as_unit(gold, answer)
    except ArithmeticError:
        return False
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem
    except KeyError as problem:
        raise Undecided("unbound variable") from problem


def _percent_as_unit(gold: Item, answer: Item) -> bool:
    """``7.5\\%`` against 7.5, where the gold carries the sign."""
    return gold.tree[0] == "percent" and answer.tree[0] != "percent" and numeric.equal(gold.tree[1], answer.tree)


def _function_name(name: str) -> str:
    match = re.match(r"\\(sin|cos|tan|cot|sec|csc|log|ln)", name)
    return match[1] if match else ""


def _with_argument_of(gold_name: str, answer_name: str, tree: Node) -> Node:
    """``f(t) = t + 1`` in the variable of ``f(x) = x + 1``."""
    first = re.fullmatch(r".*\((\w)\)", gold_name)
    second = re.fullmatch(r".*\((\w)\)", answer_name)
    if first and second and first[1] != second[1] and first[1] not in variables(tree):
        return _substitute(tree, second[1], first[1])
    return tree


def _substitute(node: Any, old: str, new: str) -> Any:
    if node == ("var", old):
        return ("var", new)
    return tuple(_substitute(part, old, new) for part in node) if isinstance(node, tuple) else node


def _either_infinite(a: Node, b: Node) -> bool:
    return any(node == INFINITY for tree in (a, b) for node in walk(tree))


def _degrees_dropped(node: Node) -> Node:
    """An angle's value in degrees: the sign at the end of an answer is a unit, inside a sine it is a factor."""
    return node[1] if node[0] == "degree" else node


def _same_decimal(gold: Quantity, tree: Node) -> bool:
    try:
        value = numeric.constant(_degrees_dropped(tree))
    except (Unsupported, ArithmeticError):
        raise Undecided("value") from None
    if isinstance(value, tuple):
        return False
    if type(value) is not Fraction:
        value = numeric._mp(value)
        if isinstance(value, numeric.mpmath.mpc):
            if abs(value.imag) > 1e-30:
                return False
            value = value.real
        if not -4000 < numeric._magnitude(value) < 4000:
            return False
        value = Fraction(*_as_ratio(value))
    goal = gold.value / 100 if gold.mark == "%" else gold.value
    decimals = gold.decimals + 2 if gold.mark == "%" and gold.decimals is not None else gold.decimals
    return agrees(goal, decimals, value)


def _as_ratio(value: Any) -> tuple[int, int]:
    numerator, denominator = numeric.mpmath.libmp.to_rational(value._mpf_)
    return int(numerator), int(denominator)


def _same_equation(gold: Item, answer: Item) -> bool:
    (a, b), (c, d) = _sides(gold), _sides(answer)
    try:
        return numeric.proportional(("sub", a, b), ("sub", c, d)) is not None
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _sides(item: Item) -> tuple[Node, Node]:
    if item.kind == "equation":
        return item.tree
    try:
        return parse(item.name), item.tree
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _equation_and_expr(gold: Item, answer: Item) -> bool:
    """An equation against a definition (``y = 2x + 3``); a bare expression is no equation."""
    named = gold if gold.kind == "expr" else answer
    if not named.name:
        return False
    return _same_equation(gold, answer)


def _same_definitions(gold: Item, answer: Item) -> bool:
    if _same_expr(gold, answer):
        return True
    if gold.name and answer.name and gold.name != answer.name and variables(gold.tree) and variables(answer.tree):
        return _same_equation(gold, answer)
    return False


def _same_inequality(gold: Item, answer: Item) -> bool:
    a, b = _difference(gold), _difference(answer)
    if a is None or b is None or a[1] != b[1]:
        return False
    try:
        sign = numeric.proportional(a[0], b[0])
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem
    return sign is not None and (sign > 0 or a[1] == "\\ne")


def _difference(item: Item) -> tuple[Node, str] | None:
    """An inequality as (tree, operator), tree compared with 0 from above."""
    if item.kind == "inequality":
        return item.tree, item.name
    if item.kind == "region" and len(item.tree) == 1 and item.name:
        low, closed_low, high, closed_high = item.tree[0]
        variable: Node = ("var", item.name)
        if _infinite(low) and not _infinite(high):
            return ("sub", high, variable), "<=" if closed_high else "<"
        if _infinite(high) and not _infinite(low):
            return ("sub", variable, low), "<=" if closed_low else "<"
    return None


def _regions(gold: Item, answer: Item) -> bool:
    try:
        return _same_region(gold.tree, answer.tree)
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _tuple_as_region(item: Item) -> tuple[Piece, ...] | None:
    if len(item.tree) != 2 or item.name not in ("()", "[]", "(]", "[)") or any(i.kind != "expr" for i in item.tree):
        return None
    return ((item.tree[0].tree, item.name[0] == "[", item.tree[1].tree, item.name[1] == "]"),)


def _tuple_and_region(gold: Item, answer: Item) -> bool:
    pieces = [_tuple_as_region(item) if item.kind == "tuple" else item.tree for item in (gold, answer)]
    if pieces[0] is None or pieces[1] is None:
        return False
    try:
        return _same_region(pieces[0], pieces[1])
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _same_tuple(gold: Item, answer: Item) -> bool:
    if len(gold.tree) != len(answer.tree):
        return False
    if gold.name != answer.name and (len(gold.tree) == 2 or not _vector_brackets(gold.name, answer.name)):
        return False
    undecided: Exception | None = None
    for a, b in zip(gold.tree, answer.tree, strict=True):
        try:
            if not same_item(a, b):
                return False
        except Undecided as problem:
            undecided = problem
    if undecided is not None:
        raise undecided
    return True


def _vector_brackets(first: str, second: str) -> bool:
    return {first, second} <= {"()", "[]", "\\langle\\rangle"}


def _tuple_and_expr(gold: Item, answer: Item) -> bool:
    """A point or vector against a matrix of one row or column."""
    entries, tree = (gold.tree, answer.tree) if gold.kind == "tuple" else (answer.tree, gold.tree)
    if tree[0] != "matrix" or any(entry.kind != "expr" for entry in entries):
        return False
    cells = [cell for row in tree[1] for cell in row]
    if len(cells) != len(entries) or (len(tree[1]) > 1 and len(tree[1][0]) > 1):
        return False
    try:
        return all(numeric.equal(entry.tree, cell) for entry, cell in zip(entries, cells, strict=True))
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


_CLOCK = re.compile(r":\s*0")


def _same_ratio(gold: Item, answer: Item) -> bool:
    if len(gold.tree) != len(answer.tree):
        return False
    try:
        (a, *rest), (b, *others) = gold.tree, answer.tree
        if _CLOCK.search(gold.text) or _CLOCK.search(answer.text):
            return all(numeric.equal(x, y) for x, y in zip(gold.tree, answer.tree, strict=True))
        return all(numeric.equal(("mul", a, y), ("mul", b, x)) for x, y in zip(rest, others, strict=True))
    except ArithmeticError:
        return False
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _ratio_and_expr(gold: Item, answer: Item) -> bool:
    ratio, other = (gold, answer) if gold.kind == "ratio" else (answer, gold)
    if len(ratio.tree) != 2:
        return False
    try:
        return numeric.equal(("div", *ratio.tree), other.tree)
    except ArithmeticError:
        return False
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _same_named(gold: Item, answer: Item) -> bool:
    wanted, given = dict(gold.tree), dict(answer.tree)
    return wanted.keys() == given.keys() and all(same_item(item, given[name]) for name, item in wanted.items())


def _named_and_tuple(gold: Item, answer: Item) -> bool:
    named, entries = (gold.tree, answer.tree) if gold.kind == "named" else (answer.tree, gold.tree)
    if len(named) != len(entries):
        return False
    pairs = [(item, entry) for (_, item), entry in zip(named, entries, strict=True)]
    return all(same_item(a, b) if gold.kind == "named" else same_item(b, a) for a, b in pairs)


def _same_base(gold: Item, answer: Item) -> bool:
    return bool(gold.tree == answer.tree)


def _sets(gold: Item, answer: Item) -> bool:
    return same(gold.tree, answer.tree)


_HANDLERS: dict[tuple[str, str], Callable[[Item, Item], bool]] = {
    ("expr", "expr"): _same_definitions,
    ("equation", "equation"): _same_equation,
    ("equation", "expr"): _equation_and_expr,
    ("expr", "equation"): _equation_and_expr,
    ("inequality", "inequality"): _same_inequality,
    ("inequality", "region"): _same_inequality,
    ("region", "inequality"): _same_inequality,
    ("region", "region"): _regions,
    ("region", "tuple"): _tuple_and_region,
    ("tuple", "region"): _tuple_and_region,
    ("tuple", "tuple"): _same_tuple,
    ("tuple", "expr"): _tuple_and_expr,
    ("expr", "tuple"): _tuple_and_expr,
    ("ratio", "ratio"): _same_ratio,
    ("ratio", "expr"): _ratio_and_expr,
    ("expr", "ratio"): _ratio_and_expr,
    ("named", "named"): _same_named,
    ("named", "tuple"): _named_and_tuple,
    ("tuple", "named"): _named_and_tuple,
    ("base", "base"): _same_base,
    ("set", "set"): _sets,
}
_ = rational
