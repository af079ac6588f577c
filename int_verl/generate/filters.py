r"""What disqualifies a proposed intervention: it gives the answer away, or it sits in the wrong place.

`leaks_answer` reads the content as mathematics, not as characters. It cuts the text into *sides*: the longest
expressions between relation signs, commas, words and math delimiters. The content leaks if a side *is* the answer:

- a number: a side that is a numeral, a fraction, a decimal, a percentage or a number word of the same value.
  ``2`` is no side of ``x^2``, ``12``, ``2x``, ``x_2``, ``n + 2`` or ``f(2)``, so an answer 2 does not leak there.
  What is written as a sum or product (``3 \cdot 4``) is left for the reader to work out; a power, root, factorial
  or binomial of the answer's value leaks where it is stated (after ``=``, "is", in a box).
- an expression: a side of the same value at random points, however it is written.
- a tuple, set, list or interval: the same members; an interval also as an inequality; or every member on its own.
- words: the same words; "yes", "no" and single letters only where they are stated as the answer.

A number that names or counts something else is not a mention of the answer: a label (Step 2, (2), 2., Lemma 2), an
index or a modulus, "divisible by 2", an operand named in words ("times 9"), "two-digit", "2-colouring", "two cases",
"the two", a member of a range or an index set (``1 \le i \le n``, ``i \in \{1, 2\}``, 1, 2, ..., n), an interval's
end point, the excluded side of ``\ne``. Any other stand-alone mention counts: letting an answer through spoils the
data, dropping one proposal does not.

`check_location` compares a location with the attempt's length and with what the verification text itself says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from int_verl.generate.expressions import Node, is_literal, parse_expression, same_value, sample_values
from int_verl.generate.mathtext import PROSE_IN_MATH, UNICODE, Side, Token, cut_sides, tokenize
from int_verl.generate.mentions import MathText, word_value
from int_verl.interventions import Intervention
from int_verl.interventions.verification_log import first_error, wrong_steps

LocationRejection = Literal["location_out_of_range", "after_first_error", "wrong_step_in_prefix"]
Rejection = Literal[
    "leak",  # the content gives the answer away
    "duplicate",  # the same content at the same place as an earlier proposal of this attempt
    "too_long",  # the content, or the guided prefix with it, is over its limit
    "location_out_of_range",  # the attempt has fewer steps
    "after_first_error",  # later than the first step that the verification calls wrong
    "wrong_step_in_prefix",  # the steps kept before it include one that the verification calls wrong
]


def check_location(intervention: Intervention, n_steps: int, log: str) -> LocationRejection | None:
    """Why an intervention's place is impossible, or contradicts its own verification; None if it does neither.

    Args:
        intervention: its location is 1-based and replaces a step, so 1 to n_steps are in range.
        n_steps: how many steps the attempt has.
        log: the verification text that proposed it; one that names no wrong step contradicts nothing.

    A location may come before the first error (a better step earlier), never after it. ``after_first_error`` looks at
    the step that the log reports as the first critical error; ``wrong_step_in_prefix`` at every step that it calls
    wrong on the way there.
    """
    if not 1 <= intervention.location <= n_steps:
        return "location_out_of_range"
    first = first_error(log)
    if first is not None and intervention.location > first:
        return "after_first_error"
    if any(step < intervention.location for step in wrong_steps(log)):
        return "wrong_step_in_prefix"
    return None


@dataclass(slots=True)
class _Answer:
    """A gold answer as the kinds of thing it can be compared as."""

    source: str
    number: Fraction | complex | None = None
    is_literal: bool = False
    node: Node | None = None
    values: list[Fraction | complex] | None = None
    variables: frozenset[str] = frozenset()
    members: list[_Answer] = field(default_factory=list)
    relations: list[str] = field(default_factory=list)
    """Signs between the members of an inequality."""
    brackets: str = ""
    """Opening and closing mark around the members; empty for a bare list."""
    is_plus_minus: bool = False
    r"""The members are the two readings of a \pm."""
    words: list[str] = field(default_factory=list)
    letters: str = ""
    """The answer without layout, for comparing as text."""


_LAYOUT = re.compile(r"\\left|\\right|\\[,!;: ]|[\s${}~]|\\displaystyle|\\text|\\mathrm|\\relax")


def _squeeze(text: str) -> str:
    return _LAYOUT.sub("", text.translate(UNICODE)).replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")


def _unwrap(answer: str) -> str:
    """Without math delimiters, a box, outer text and a final full stop."""
    for _ in range(6):
        before = answer
        answer = answer.strip().rstrip(".;").strip()
        for opening, closing in (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]")):
            inner = answer[len(opening) : -len(closing)]
            if answer.startswith(opening) and answer.endswith(closing) and len(answer) > 2 and opening not in inner:
                answer = inner
        m = re.fullmatch(r"\\(?:boxed|fbox|text|textbf|mathrm|mathbf)\s*\{(.*)\}", answer, re.DOTALL)
        if m and _is_balanced(m[1]):
            answer = m[1]
        m = re.fullmatch(r"\{(.*)\}", answer, re.DOTALL)
        if m and _is_balanced(m[1]) and "," not in m[1]:
            answer = m[1]
        if answer == before:
            break
    return answer


def _is_balanced(text: str) -> bool:
    depth = 0
    for character in text.replace(r"\{", "").replace(r"\}", ""):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


_UNIT = re.compile(
    r"(?<=[0-9}])\s*(?:\\[,;: ]\s*)?\\(?:text|mathrm|mbox|textrm)\s*\{\s*[^{}0-9]{1,30}\}(?:\^\{?[0-9]\}?)?\s*$"
)
_SENTENCE = re.compile(r"[a-z)$}]\s+(?:is|are|equals?)\s+(\$[^$]+\$|\\\((?:(?!\\\)).)+\\\))$")
_PLUS_MINUS = (r"\pm", r"\mp")
_JOINED = re.compile(r"\s(?:and|or)\s|\\text\s*\{\s*(?:and|or)\s*\}")


@lru_cache(maxsize=1024)
def _read_answer(source: str) -> _Answer:
    text = _unwrap(source)
    sentence = _SENTENCE.search(text)
    text = _UNIT.sub("", _unwrap(sentence[1]) if sentence else text)
    answer = _Answer(text, letters=_squeeze(text))
    tokens = [t for t in tokenize(f"${text}$" if not PROSE_IN_MATH.search(text + " ") else text) if t.text != "$"]
    prose = [t for t in tokenize(text) if t.text not in ("$", "text")]
    if (
        (len(text) > 2 or text.lower() == "no")
        and prose
        and all(t.kind in ("word", "sep", "comma") or t.text == "a" for t in prose)
    ):
        words = [t.text.lower() for t in prose if t.kind == "word"]
        value = word_value("-".join(words)) if len(words) <= 2 else None
        if value is not None:
            answer.number, answer.is_literal, answer.node = value, True, ("num", value)
            return answer
        answer.words = words
        return answer
    if _JOINED.search(text) and not PROSE_IN_MATH.search(text + " "):
        tokens = [t for t in tokenize(f"${_JOINED.sub(' , ', text)}$") if t.text != "$"]
    members, brackets = _split_members(tokens)
    if not members and any(t.text in _PLUS_MINUS for t in tokens):
        answer.is_plus_minus = True
        members = [[Token("op", sign) if t.text in _PLUS_MINUS else t for t in tokens] for sign in "+-"]
    if members:
        answer.members = [_member(piece) for piece in members]
        answer.brackets = brackets
        return answer
    # "x = 5", "f(x) = x + 1": what follows the last equals sign; "12 cm": the number
    last = max((i for i, t in enumerate(tokens) if t.kind == "rel" and t.text == "="), default=-1)
    inequality = any(t.kind == "rel" and t.text != "=" for t in tokens)
    if inequality:
        sides = [s for s in cut_sides(tokens) if s.tokens]
        if len(sides) == len(sides[0].chain) + 1 if sides else False:
            answer.members = [_fill(_Answer(""), s.tokens) for s in sides]
            answer.relations = list(sides[0].chain)
        return answer
    if last >= 0:
        tokens = tokens[last + 1 :]
    cut = next((i for i, t in enumerate(prose) if t.kind in ("word", "sep")), None)
    if cut and last < 0 and all(t.kind in ("word", "sep") for t in prose[cut:]) and prose[0].kind != "word":
        tokens = prose[:cut]
    return _fill(answer, [t for t in tokens if t.kind != "sep"])


def _member(tokens: list[Token]) -> _Answer:
    last = max((i for i, t in enumerate(tokens) if t.kind == "rel" and t.text == "="), default=-1)
    tokens = [t for t in tokens[last + 1 :] if t.kind != "sep"]
    return _fill(_Answer("", letters="".join(t.text for t in tokens)), tokens)


def _fill(answer: _Answer, tokens: list[Token]) -> _Answer:
    node = parse_expression(tokens)
    if node is None:
        return answer
    answer.node, answer.values = node, sample_values(node)
    answer.variables = frozenset(t.text for t in tokens if t.kind == "var")
    if not answer.variables and answer.values is not None:
        answer.number, answer.is_literal = answer.values[0], is_literal(node)
    return answer


def _split_members(tokens: list[Token]) -> tuple[list[list[Token]], str]:
    """The comma-separated members of a tuple, set, interval or bare list; none if it has no comma."""
    brackets = ""
    inner = tokens
    if len(tokens) > 2 and tokens[0].kind == "open" and tokens[-1].kind == "close":
        depth = 0
        for i, token in enumerate(tokens):
            depth += (token.kind == "open") - (token.kind == "close")
            if depth == 0:
                if i == len(tokens) - 1:
                    inner, brackets = tokens[1:-1], tokens[0].text + tokens[-1].text
                break
    members: list[list[Token]] = [[]]
    depth = 0
    for token in inner:
        depth += (token.kind == "open") - (token.kind == "close")
        splits = token.kind == "comma" or (token.kind == "word" and token.text.lower() in ("and", "or"))
        if depth == 0 and splits:
            if members[-1]:
                members.append([])
        else:
            members[-1].append(token)
    return ([m for m in members if m], brackets) if len(members) > 1 else ([], brackets)


_THREE_DIGITS = re.compile(r"[1-9][0-9]{2}")
_COMMA_LIST = re.compile(r"(?<=(?<![0-9,])[1-9][0-9]{2}),(?=[1-9][0-9]{2})|(?<=,[1-9][0-9]{2}),(?=[1-9][0-9]{2})")


def leaks_answer(content: str, answer: str) -> bool:
    r"""Whether an intervention's content gives the final answer away.

    Args:
        content: the new step alone, never the attempt's own text.
        answer: the gold answer, boxed or bare, LaTeX or plain.

    Examples:
        leaks_answer("Hence $x = \\tfrac12$.", "0.5") is True
        leaks_answer("By Step 2, $x^2 + 12$ is even.", "2") is False
    """
    if not content.strip() or not answer.strip():
        return False
    gold = _read_answer(answer)
    if _leaks(MathText(content), content, gold):
        return True
    # 571,572,573 is a list as well as a number
    return _THREE_DIGITS.fullmatch(gold.source) is not None and (
        (spaced := _COMMA_LIST.sub(", ", content)) != content and _leaks(MathText(spaced), spaced, gold)
    )


def _leaks(text: MathText, content: str, gold: _Answer) -> bool:
    if gold.relations:
        return _leaks_chain(text, [gold.relations], [gold.members]) or _leaks_verbatim(content, gold)
    if gold.members:
        return _leaks_members(text, gold) or (gold.is_plus_minus and _leaks_verbatim(content, gold))
    if gold.letters in (r"\infty", r"+\infty") or gold.words[:1] in (["infinite"], ["infinitely"], ["infinity"]):
        return _leaks_infinity(text, content)
    if gold.number is not None:
        return _leaks_number(text, gold)
    if gold.words:
        return _leaks_words(content, gold.words)
    if len(gold.letters) == 1 and gold.letters.isalpha():
        return _leaks_letter(text, content, gold.letters)
    if gold.values is not None and any(_is_expression(text, side, gold) for side in text.sides):
        return True
    if gold.values is not None:
        return False
    return _leaks_verbatim(content, gold)


def _leaks_number(text: MathText, gold: _Answer) -> bool:
    assert gold.number is not None
    for value, side, node in text.numbers():
        if not same_value(value, gold.number):
            if node[0] == "pct" and same_value(value * 100, gold.number):
                return True
            continue
        if is_literal(node) or not gold.is_literal or _is_power_of_ten(node):
            return True
        if node[0] in ("^", "!", "root", "binom", "neg", "abs", "floor", "ceil", "fn") and text.is_stated(side):
            return True
    return any(same_value(value, gold.number) for value in text.number_words())


def _is_power_of_ten(node: Node) -> bool:
    return node[0] == "^" and node[1] == ("num", Fraction(10)) and is_literal(node[2])


def _is_expression(text: MathText, side: Side, gold: _Answer) -> bool:
    """Whether a side, in any spelling, is the answer's expression."""
    if side.variables != gold.variables or side.bracket == "args" or gold.values is None:
        return False
    node = parse_expression(side.tokens)
    if node is None:
        return False
    if node[0] == "var" and not text.is_stated(side):
        return False
    values = sample_values(node)
    return values is not None and all(same_value(a, b) for a, b in zip(values, gold.values, strict=True))


def _leaks_members(text: MathText, gold: _Answer) -> bool:
    groups: dict[int, list[Side]] = {}
    for side in text.sides:
        if side.group_start >= 0 and side.bracket != "args":
            groups.setdefault(side.group_start, []).append(side)
    is_interval = gold.brackets in ("[)", "(]", "[]") or (
        gold.brackets == "()" and any("infty" in m.letters for m in gold.members)
    )
    for members in groups.values():
        brackets = members[0].bracket
        if gold.brackets in ("", brackets, brackets.replace("\\", "")) and _same_members(members, gold):
            return True
    if is_interval:
        return len(gold.members) == 2 and _leaks_inequality(text, gold)
    bare = _bare_lists(text)
    if any(_same_members(members, gold) for members in bare):
        return True
    if any(m.values is None for m in gold.members):
        return False
    return all(_is_result(text, member) for member in gold.members)


def _is_result(text: MathText, member: _Answer) -> bool:
    """Whether one member is given as a result."""
    if member.number is not None:
        return any(same_value(value, member.number) and text.is_stated(side) for value, side, _ in text.numbers())
    return any(text.is_stated(side) and _is_expression(text, side, member) for side in text.sides)


def _bare_lists(text: MathText) -> Iterator[list[Side]]:
    """Runs of sides joined by commas, "and" and "or" outside of brackets."""
    run: list[Side] = []
    for side in text.sides:
        if side.group_start >= 0:
            continue
        joined = bool(run) and all(
            t.kind == "comma" or t.text.lower() in ("and", "or", "$") for t in text.tokens[run[-1].end : side.start]
        )
        if not joined:
            if len(run) > 1:
                yield run
            run = []
        run.append(side)
    if len(run) > 1:
        yield run


def _same_members(sides: list[Side], gold: _Answer) -> bool:
    """The same members, in order for a tuple or interval, in any order for a set or list."""
    if len(sides) != len(gold.members):
        return False
    ordered = gold.brackets in ("()", "[)", "(]", "[]")
    left = list(gold.members)
    for side in sides:
        found = next((m for m in (left[:1] if ordered else left) if _side_is(side, m)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _side_is(side: Side, member: _Answer) -> bool:
    if member.values is None:
        return "".join(t.text for t in side.tokens) == member.letters
    node = parse_expression(side.tokens)
    values = sample_values(node) if node is not None and side.variables == member.variables else None
    return values is not None and all(same_value(a, b) for a, b in zip(values, member.values, strict=True))


_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _leaks_inequality(text: MathText, gold: _Answer) -> bool:
    r"""Whether an interval is written as ``0 \le x < 1`` or ``x > 3``."""
    low, high = gold.members
    marks = {"[": "<=", "(": "<", "]": "<=", ")": "<"}
    below, above = marks[gold.brackets[0]], marks[gold.brackets[1]]
    if "infty" in low.letters:
        return _leaks_chain(text, [[above]], [[None, high]])
    if "infty" in high.letters:
        return _leaks_chain(text, [[below]], [[low, None]])
    return _leaks_chain(text, [[below, above]], [[low, None, high]])


def _leaks_chain(text: MathText, signs: list[list[str]], members: Sequence[Sequence[_Answer | None]]) -> bool:
    """Whether an inequality stands in the text, in either direction; None is any expression with a variable."""
    chains: dict[int, list[Side]] = {}
    for side in text.sides:
        chains.setdefault(side.chain_start, []).append(side)
    for sides in chains.values():
        relations = sides[0].chain
        for direction in (1, -1):
            parts = sides[::direction]
            here = relations if direction == 1 else [_FLIPPED.get(r, r) for r in reversed(relations)]
            for wanted, wanted_members in zip(signs, members, strict=True):
                if here == wanted and len(parts) == len(wanted_members):
                    pairs = zip(parts, wanted_members, strict=True)
                    if all(bool(part.variables) if m is None else _side_is(part, m) for part, m in pairs):
                        return True
    return False


def _leaks_infinity(text: MathText, content: str) -> bool:
    if re.search(r"\binfinite(?:ly many)?\b|\binfinity\b", content, re.IGNORECASE):
        return True
    return any(
        side.tokens[-1].text == r"\infty" and len(side.tokens) <= 2 and side.before == "=" for side in text.sides
    )


def _leaks_words(content: str, words: list[str]) -> bool:
    plain = re.sub(r"\\[A-Za-z]+|[${}*_`]", " ", content)
    if words in (["yes"], ["no"], ["true"], ["false"]):
        before = r"(?:\banswer(?: \w+){0,4}? (?:is|=|:)|\bis|:|=|\n|^|[.!?])\s{0,9}[\"'(]?"
        after = r"\b[\"')]?\s{0,9}(?:[.,;!:)]|$|\n)"
        stated = re.search(before + words[0] + after, plain, re.IGNORECASE)
        boxed = re.search(
            r"\\(?:boxed|text\w*|mathrm)\s*\{\s*(?:\\text\w*\s*\{\s*)?" + words[0] + r"\W*\}", content, re.I
        )
        return bool(stated or boxed)
    pattern = r"(?<![A-Za-z])" + r"[\s,\-]+".join(map(re.escape, words)) + r"(?![A-Za-z])"
    return re.search(pattern, plain, re.IGNORECASE) is not None


def _leaks_letter(text: MathText, content: str, letter: str) -> bool:
    """A choice or a variable: only where it is stated, since letters name everything in mathematics."""
    bare = r"[\s$*\"'({\\]*(?:text(?:bf)?|mathrm)?[\s{(]*" + letter + r"(?![A-Za-z0-9_^'])"
    if re.search(r"\\boxed\s*\{" + bare, content) or re.search(
        r"\\text(?:bf|rm)?\s*\{\s*\(?" + letter + r"\)?\s*\}", content
    ):
        return True
    if letter.isupper() and re.search(r"(?i:\b(?:option|choice|alternative)s?\b)(?i:\s+is)?" + bare, content):
        return True
    if re.search(r"(?i:\banswer\b(?: (?:is|must be|should be|choice))?:?)" + bare, content):
        return True
    return any(
        len(side.tokens) == 1
        and side.tokens[0].text == letter
        and (side.before == "=" or text.is_stated(side))
        and not side.after
        for side in text.sides
    )


def _leaks_verbatim(content: str, gold: _Answer) -> bool:
    """What could not be read as mathematics: the same characters but for layout, not inside a longer token."""
    needle = gold.letters
    if len(needle) < 3:
        return False
    haystack = _squeeze(content)
    position = haystack.find(needle)
    while position >= 0:
        before, after = (
            haystack[position - 1 : position] if position else "",
            haystack[position + len(needle) : position + len(needle) + 1],
        )
        inside = (before.isalnum() and needle[0].isalnum()) or (after.isalnum() and needle[-1].isalnum())
        if not inside and before not in ("^", "_", "\\"):
            return True
        position = haystack.find(needle, position + 1)
    return False
