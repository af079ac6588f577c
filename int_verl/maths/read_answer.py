"""From a normalised answer to its items.

An answer is a list of items (several values separated by commas, "and", "or"), each of which is an expression, a
relation, a tuple or interval, a set, a ratio, a numeral in a base, or text. ``x = 5`` is read as 5 with a name, a chain
``a = b = c`` as its last member if its members agree, and units and remarks after a value are put aside.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from int_verl.maths.answer_items import INFINITY, NEG_INFINITY, Item, Piece
from int_verl.maths.brackets import bracketed, cut, single
from int_verl.maths.equality import constant, equal
from int_verl.maths.expression_tree import Node, Unsupported, features, variables
from int_verl.maths.intervals import infinite, sorted_points
from int_verl.maths.numbers_of_any_precision import _mp, mp
from int_verl.maths.parse_expression import parse
from int_verl.maths.prose import COMMANDS, WORD_VALUES, is_prose, plain_words
from int_verl.maths.quantities import quantity
from int_verl.maths.size_limits import MAX_ITEMS, TooLarge
from int_verl.maths.units import TRAILING_UNIT, TRAILING_WORDS, ends_in_unit, without_unit

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
    r"\\(?:text|mathrm|mbox)\s*\{\s*\(?\s*(?:about|approx|approximately|roughly|i\.e\.|that is|in lowest terms|"
    r"simplified|exactly).*"
    r"|\(\s*(?:\\approx|\\text\s*\{\s*(?:about|approx|approximately|roughly)).*\)\s*$",
    re.DOTALL,
)


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
    if words in WORD_VALUES:
        text = WORD_VALUES[words]
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
        elif not TRAILING_WORDS.fullmatch(text) and not TRAILING_UNIT.fullmatch(text):
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
        "=", "<", ">", "\\le", "\\ge", "\\ne", "\\in", "\\approx", "\\equiv", "\\simeq", "\\cong", "\\sim", "\\notin",
        "\\subset", "\\subseteq", "\\iff", "\\Rightarrow", "\\implies", "\\Leftrightarrow", "\\to", "\\mapsto",
        "\\rightarrow", "\\colon",
    ]
)  # fmt: skip


_BASE = re.compile(
    r"[{(]?\s*([0-9A-Za-z]+)\s*\)?\s*_\s*(?:\{\s*(?:\\text\s*\{)?\s*([0-9]+|[a-z]+)\s*\}?\s*\}|([0-9]+))\s*\}?"
)


_MODULUS = re.compile(
    r"\\pmod\s*(?:\{[^{}]*\}|[0-9a-z])\s*$|\(\s*(?:\\bmod|\\mod|\\text\s*\{\s*mod\s*\}|mod)[^()]*\)\s*$"
)


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
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|mathit|emph|operatorname)\s*"
    r"\{\s*\(?[A-Za-z][A-Za-z' -]*[A-Za-z]\)?\s*\}"
)


def _value(text: str, name: str = "") -> list[Item]:
    if text.strip() == "\\ldots":
        return [Item("text", text, "...", name)]
    if _WORDS_ONLY.fullmatch(text.strip()) and plain_words(text) not in WORD_VALUES:
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
    enclosed = bracketed(text)
    if enclosed is not None:
        kind, inner = enclosed
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
        if tree is not None and not ends_in_unit(core):
            if features(tree) & {"pm", "mp"}:
                return [Item("expr", text, _with_sign(tree, sign), name) for sign in (1, -1)]
            return [Item("expr", text, tree, name, quantity(core))]
        shorter = without_unit(core)
        if shorter is None:
            break
        core = shorter
        number = quantity(core)
        if number is not None:
            return [Item("expr", text, ("num", number.value), name, number)]
        inner = bracketed(core)
        if inner is not None and len(cut(inner[1], frozenset(",;"))) > 1:
            return _value(core, name)
    if tree is not None:
        return [Item("expr", text, tree, name)]
    words = plain_words(text)
    if words in WORD_VALUES:
        return _value(WORD_VALUES[words], name)
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


def _unwrapped(text: str) -> str:
    """Without the braces, parentheses or text command around all of it."""
    for _ in range(8):
        match = re.fullmatch(
            r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|mathit|emph|operatorname|boldsymbol)\s*(\{.*\})",
            text,
            re.DOTALL,
        )
        inner = match[1] if match else text
        enclosed = bracketed(inner)
        if enclosed is None or enclosed[0] not in ("{}", "()"):
            return text
        if match is None and enclosed[0] == "()" and not single(enclosed[1]):
            return text
        if enclosed[0] == "{}" and match is None and len(cut(enclosed[1], frozenset(",;"))) > 1:
            return text
        text = enclosed[1].strip()
    return text


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
        if base is None or removed is None or base != ((NEG_INFINITY, False, INFINITY, False),):
            return None
        edges = sorted_points(removed)
        if edges is None:
            return None
        bounds = [NEG_INFINITY, *edges, INFINITY]
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
        return ((NEG_INFINITY, False, INFINITY, False),)
    inequality = cut(text, _RELATIONS)
    if len(inequality) > 1:
        items = _relation(text, inequality)
        return items[0].tree if len(items) == 1 and items[0].kind == "region" else None
    enclosed = bracketed(text)
    if enclosed is None:
        return None
    kind, inner = enclosed
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
    return ((low, kind[0] == "[" and not infinite(low), high, kind[-1] == "]" and not infinite(high)),)


def _bound(text: str) -> Node:
    tree = parse(text)
    return NEG_INFINITY if tree == ("neg", INFINITY) else tree


def _region_of(text: str) -> tuple[Piece, ...] | None:
    region = _region(text)
    return region if region is not None else (_region_atom(text) if text[:1] in "([" else None)


_ORDER = {"<": ("<", 1), ">": ("<", -1), "\\le": ("<=", 1), "\\ge": ("<=", -1)}


_NAME = re.compile(
    # x, \alpha', x_1, x_{max}, f^{-1}, f(2), ...
    r"\\?[A-Za-z]+'*(?:\s*_\s*(?:\{[^{}]*\}|\\?[A-Za-z0-9]+))?'*"
    r"(?:\s*\^\s*(?:\\prime|\{\\prime\}|\\ast|\*|\{\s*-\s*1\s*\}))?(?:\s*\([^()=]*(?:\([^()]*\)[^()=]*)*\))?|"
    # |AB|, [ABC]
    r"\\?[A-Za-z]*\s*\|[^|=]*\||\[[A-Za-z' ]+\]"
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
    bare = COMMANDS.sub(" ", left)
    if re.search(r"(?<![A-Za-z])[xyz](?![A-Za-z])", bare) and re.search(r"[-+0-9^*]", left):
        return False
    if _OPERATOR_WORDS.search(left) or is_prose(left):
        return True
    # Sums, products and ratios of named quantities: V + E + F, AB : CD, |X|.
    return not re.search(r"(?<![A-Za-z_{^])[xyz](?![A-Za-z])", bare)


def _squeeze(text: str) -> str:
    return re.sub(r"\s+|\\(?:text|mathrm)(?=\{)", "", text).replace("_{", "_").replace("{", "").replace("}", "")


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
            if variables(tree) or features(tree) & {"pm", "mp"}:
                continue
            if known is not None and not equal(known, tree):
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
        x, y = _mp(constant(a)), _mp(constant(b))
        return (
            bool(abs(x - y) <= abs(x) * mp.mpf("0.01"))
            and "num" in (a[0], b[0])
            and any(tree[0] == "num" and tree[1].denominator != 1 for tree in (a, b))
        )
    except (Unsupported, TooLarge, ArithmeticError, TypeError):
        return False


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
            and not re.fullmatch(r"[^A-Za-z]*", COMMANDS.sub("", sides[0]))
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


def _equalities(text: str, sides: list[str]) -> list[Item]:
    """``a = b = ... = z``."""
    left, last = sides[0], sides[-1]
    values = _value(last, _squeeze(left) if is_name(left) and left[:1] != "(" else "")
    if _contradicts(sides):
        return [Item("contradiction", text)]
    left_bracket = bracketed(left)
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
            return [
                Item(v.kind, v.text, v.tree, v.name or _squeeze(left), v.number)
                if v.kind == "expr" and not _is_constant(left)
                else v
                for v in values
            ]
    try:
        first, second = parse(sides[0]), parse(sides[1])
    except Unsupported:
        return [Item("unknown", text)]
    return [Item("equation", text, (first, second))]


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
                return [Item("region", text, ((NEG_INFINITY, False, b, False), (b, False, INFINITY, False)), a[1])]
            return [Item("inequality", text, ("sub", a, b), "\\ne")]
        kind, direction = _ORDER[operator]
        low, high = (a, b) if direction > 0 else (b, a)
        closed = kind == "<="
        if low[0] == "var" and low[1] not in variables(high):
            return [Item("region", text, ((NEG_INFINITY, False, high, closed and not infinite(high)),), low[1])]
        if high[0] == "var" and high[1] not in variables(low):
            return [Item("region", text, ((low, closed and not infinite(low), INFINITY, False),), high[1])]
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
                ((low, kinds[0] == "<=" and not infinite(low), high, kinds[1] == "<=" and not infinite(high)),),
                trees[1][1],
            )
        ]  # fmt: skip
    return None
