"""Which numbers of a text are mentions of a value, and which name, count or bound something else.

Not mentions: a label (Step 2, (2), "2." at a line's start, Lemma 2), an operand or parameter named in words (times 9,
divisible by 2, modulo 7, degree 3), "two-digit", "2-colouring", "3 by 5", "two cases", "the two", "one can", a bound of
a range of indices or numbers, a member of an index set or of a list with an ellipsis, an interval's end point, the
excluded side of an "unequal". Everything else is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property

from int_verl.maths.spans import Side, Spans
from int_verl.maths.text_tokens import Token


def word_set(text: str) -> frozenset[str]:
    """The words of a set written as one string."""
    return frozenset(text.split())


_LABELS = word_set(
    "step steps substep substeps case cases subcase lemma lemmas theorem theorems equation equations eq eqs eqn part"
    " parts claim claims problem figure fig section sec chapter line lines item items option question method approach"
    " stage phase property properties condition conditions statement rule corollary proposition definition example"
    " exercise table page attempt formula formulas identity inequality relation observation remark"
    " row column round no number# type scenario configuration strategy variant version level index"
)
_ORDINAL_SIGNS = frozenset(("第", "제"))
_ORDINALS = ("番目", "번째")
_OPERATORS = word_set(r"plus minus times over mod modulo modulus \pmod \bmod \mod \pod")
_OPERAND_PHRASE = re.compile(
    r"(?:.* )?(?:(?:divid(?:ed|e|ing)|multipl(?:ied|y|ying)|divisible|sides|equation|it|expression|through) by"
    r"|(?:multiple|power|factor|divisor)s? of|prime to|power|base|degree|exponent|dimension|characteristic)"
)
_STRUCTURE = word_set(
    "case cases step steps substep substeps part parts equation equations inequality inequalities unknown unknowns"
    " variable variables condition conditions approach approaches method methods observation observations fact facts"
    " subcase subcases sides digit digits dimensional dimensions consecutive hints lemmas claims expressions"
    " constraints scenarios formulas relations"
)
_DETERMINERS = word_set("the these those any other every either between both of all each its their our next last first")
_ASSERTING = word_set(
    "is are equals equal be gives give giving yields yield get gets obtain obtains obtaining answer becomes namely"
    " exactly precisely"
)
_CONDITION = word_set(
    "for when if where with all every any let assume suppose given integer integers whenever as each such"
    " positive natural real number numbers assuming while provided because since"
)
_FIRST_OF_RANGE = word_set("0 1 2")
_CHANGES = word_set(
    "rises rise rose grows grow grew increases increase increased goes go went drops drop dropped falls fall fell"
    " decreases decrease decreased changes change changed moves move moved improves improved up down"
)
_AFTER_PRONOUN = word_set("of can must has may should that more such")
_JOINERS = frozenset(("and", "or", "to", "through", "-", "&"))
_OPERATORS_AFTER = frozenset(("plus", "minus", "over", "choose"))
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = {word: n for n, word in enumerate(_SMALL.split())} | {w: 10 * n for n, w in enumerate(_TENS.split(), 2)}
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8,
    "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10,
}  # fmt: skip


def word_value(word: str) -> Fraction | None:
    """The value of a number word: seven, twenty-one, two-thirds."""
    head, _, tail = word.lower().partition("-")
    if head not in _VALUES or not tail:
        return Fraction(_VALUES[head]) if head in _VALUES else None
    if tail in _PARTS:
        return Fraction(_VALUES[head], _PARTS[tail])
    is_sum = _VALUES[head] >= 20 and 1 <= _VALUES.get(tail, 0) <= 9
    return Fraction(_VALUES[head] + _VALUES[tail]) if is_sum else None


_NOTHING = Token("", "", 0, 0)


class Mentions(Spans):
    """The spans of a content and the questions that the rules ask about a place in it."""

    cost = 0
    """Of the comparisons with its pieces so far, in ordinary ones."""

    def at(self, index: int) -> Token:
        """A token, or one of no kind beyond either end."""
        return self.tokens[index] if 0 <= index < len(self.tokens) else _NOTHING

    def before(self, index: int, *passed: str) -> int:
        """Index of the last token before `index` that is none of `passed`."""
        index -= 1
        while self.at(index).text in passed:
            index -= 1
        return index

    def words_before(self, index: int, count: int = 4) -> list[str]:
        """Up to `count` lower-case words right before a token, nearest last; math signs between them end it."""
        found: list[str] = []
        for token in reversed(self.tokens[max(0, index - 8) : index]):
            if token.kind == "word":
                found.append(token.text.lower())
            elif token.kind != "sep" or token.text not in ("$", "text", '"', ":"):
                break
            if len(found) == count or (token.text == ":" and found):
                break
        return found[::-1]

    def word_after(self, index: int) -> str:
        for token in self.tokens[index : index + 3]:
            if token.kind == "word":
                return token.text.lower()
            if token.kind != "sep" or token.text not in ("$", "text"):
                break
        return ""

    def is_label(self, start: int, end: int) -> bool:
        """Step 2, (2), "2." at the start of a line, Cases 1 and 2."""
        first, opening, after = self.at(start), self.at(start - 1), self.at(end)
        opened, closed = opening.kind == "open" and opening.text == "(", after.kind == "close" and after.text == ")"
        at_line_start = first.kind == "num" and (first.line_start or (opened and opening.line_start))
        if at_line_start and after.tight and (closed or after.text in (".", ":")) and self._line_goes_on(end + 1):
            return True
        if self._names_a_label(start) or self.text[after.start :].startswith(_ORDINALS):
            return True
        before = self.at(start - 2)
        is_reference = opened and closed and end - start == 1 and not opening.tight
        return is_reference and before.kind == "word" and before.text.lower() not in _ASSERTING

    def _names_a_label(self, start: int) -> bool:
        """Whether a label word stands before a number, perhaps with others in between: Cases 1, 2 and 3."""
        for _ in range(8):
            i = self.before(start, "(", "#", "$", "text", '"', "{", "[")
            while self.at(i).text == "." and self.at(i).tight:
                i = self.before(i, "(", "#", "$", "text", '"', "{", "[")
            token = self.at(i)
            if token.text in _ORDINAL_SIGNS or (token.kind == "word" and token.text.lower() in _LABELS):
                return True
            if token.kind != "comma" and token.text.lower() not in _JOINERS:
                return False
            if self.at(i - 1).kind == "comma":
                i -= 1
            start = self.before(i, ")", "}", "]", "$")
            if self.at(start).kind not in ("num", "var"):
                return False
        return False

    def _line_goes_on(self, index: int) -> bool:
        """Whether something readable follows on the same line."""
        for token in self.tokens[index : index + 4]:
            if token.kind != "sep" or token.text == "\n":
                return token.kind != "sep"
        return False

    def is_operand(self, start: int, end: int) -> bool:
        """Named in words as part of a computation or as a parameter: times 9, divisible by 2, mod 7."""
        before = self.at(self.before(start, "(", "{", "$"))
        if before.kind == "word" and before.text.lower() in _OPERATORS:
            return True
        after, word = self.at(end), self.word_after(end)
        if (
            word in _OPERATORS_AFTER
            or word in _STRUCTURE
            or _OPERAND_PHRASE.fullmatch(" ".join(self.words_before(start)))
        ):
            return True
        following = self.at(end + 1)
        if word == "times" and (
            following.kind in ("num", "var") or following.text.lower() in ("as", "the", "a", "that")
        ):
            return True
        if after.text == "$" and following.text == "-":  # $5$-gon
            return following.tight and self.at(end + 2).tight and self.at(end + 2).kind == "word"
        return after.kind == "word" and after.tight and after.text.startswith(("-", "D"))

    def _is_number(self, index: int) -> bool:
        return self.at(index).kind == "num"

    def is_measure(self, start: int, end: int) -> bool:
        """One of the sides of something: 3 by 5."""
        before, after = self.before(start, "$"), end + (self.at(end).text == "$")
        if self.at(after).text == "by":
            return self._is_number(after + 1 + (self.at(after + 1).text == "$"))
        return self.at(before).text == "by" and self._is_number(self.before(before, "$"))

    def is_last_of_range(self, start: int) -> bool:
        """The upper end of numbers that are gone through: from 1 to 100; not of a change: rises from 1 to 100."""
        to = self.before(start, "$")
        first = self.before(to, "$")
        if self.at(to).text not in ("to", "through") or self.at(first).text not in _FIRST_OF_RANGE:
            return False
        return not _CHANGES.intersection(self.words_before(self.before(first, "$") + 1, 3))

    def is_range(self, side: Side) -> bool:
        """A bound, an index set, a list with an ellipsis, an excluded value, a limit point."""
        if {"!=", "mid"} & {side.before, side.after}:
            return True
        if "<" in (side.before, side.after) and (
            side.chain[:8].count("<") > 1 or _CONDITION.intersection(self.words_before(side.chain_start))
        ):
            return True
        if "ellipsis" in (self.at(side.start - 2).kind, self.at(side.end + 1).kind):
            return True
        if self.is_measure(side.start, side.end) or self.is_last_of_range(side.start):
            return True
        comma_after = self.at(side.end).kind == "comma"
        if comma_after or self.at(side.start - 1).kind == "comma":
            nearby = self.tokens[max(0, side.start - 6) : side.start] if side.before != "=" else []
            if any(t.kind == "ellipsis" for t in [*nearby, *self.tokens[side.end : side.end + 8]]):
                return True
            is_list = (
                comma_after and self.at(side.end + 1).kind == "num" and self.at(side.end + 2).kind not in ("", "rel")
            )
            words = self.words_before(side.chain_start)
            if side.before == "=" and is_list and words and words[-1] in ("for", "with", "where", "when", "each"):
                return True
        if side.before == "=" and len(side.tokens) == 1 and side.tokens[0].text == "0" and self._is_sum(side.start - 1):
            return True  # p(x) = 0 is an equation to solve
        if side.before == "in" or side.bracket in ("args", r"\{\}", "{}", "[]", "[)", "(]"):
            return True
        if side.bracket == "()":
            return self.at(side.group_start - 1).text != "="
        words = self.words_before(side.start - 2, 1)
        is_limit = side.before == "->" and self.at(side.start - 2).kind == "var"
        return is_limit and bool(words) and words[-1] in ("as", "when", "letting")

    def _is_sum(self, end: int) -> bool:
        """Whether the side that ends before a token adds or subtracts terms with a variable."""
        side = next((side for side in self.sides if side.end == end), None)
        depth = signs = 0
        for token in side.tokens if side else ():
            depth += (token.kind == "open") - (token.kind == "close")
            signs += depth == 0 and token.text in ("+", "-")
        return bool(side and side.letters and signs)

    def is_stated(self, side: Side) -> bool:
        """Given as a result: after an equals sign or arrow, after "is", in a box."""
        token = self.at(self.before(side.start, "$", "text", "(", "{", ":"))
        is_asserted = token.kind == "word" and token.text.lower() in _ASSERTING
        return side.before in ("=", "->") or token.kind == "box" or is_asserted

    @cached_property
    def numbers(self) -> list[tuple[str, Side]]:
        """Constants that stand alone, as written; labels, operands and ranges left out."""
        found: list[tuple[str, Side]] = []
        for side in self.sides:
            if side.letters - {"e", "i"} or not any(t.kind == "num" or t.text == r"\pi" for t in side.tokens):
                continue
            start, end = side.start, side.end
            while end - start > 2 and self.tokens[start].kind == "open" and self.tokens[end - 1].kind == "close":
                start, end = start + 1, end - 1
            if self.is_label(start, end) or self.is_operand(side.start, side.end) or self.is_range(side):
                continue
            start, end, last = side.start, side.end, side.tokens[-1]
            if last.text in ("-", "*", "/", "+", r"\cdot", r"\times"):
                if len(side.tokens) != 2 or last.text != "-" or last.tight:
                    continue  # 2-digit, or the rest of a sum
                end -= 1
            signs = ["-"] if self.at(start - 1).text.lower() == "negative" else [""]
            if side.tokens[0].text in (r"\pm", r"\mp") and start + 1 < end:
                start, signs = start + 1, ["", "-"]
            percent = "%" if self.word_after(side.end) in ("percent", "per-cent") else ""
            found += ((sign + self.written(start, end) + percent, side) for sign in signs)
        return found

    def number_words(self) -> Iterator[Fraction]:
        """Number words that state a number: not "one can", "the two", "two cases", "two-digit"."""
        for i, token in enumerate(self.tokens):
            word = token.text.lower()
            value = word_value(word) if token.kind == "word" else None
            if value is None and word != "half":
                continue
            following = self.word_after(i + 1)
            previous = self.words_before(i, 2)
            before = previous[-1] if previous else ""
            is_asserted = before in _ASSERTING or before in ("only", "just", "answer")
            if value is None:
                if before in ("a", "is", "equals"):
                    yield Fraction(1, 2)
            elif before in ("negative", "minus") and (len(previous) < 2 or previous[0] in _ASSERTING):
                yield -value
            elif following in _PARTS and word in _VALUES:
                yield value / _PARTS[following]
            elif not (
                following in ("hundred", "thousand", "million")
                or before in _DETERMINERS
                or self.is_label(i, i + 1)
                or self.is_operand(i, i + 1)
                or (value == 1 and (not is_asserted or following in _AFTER_PRONOUN))
                or (value == 0 and (before in ("a", "no") or following in ("of", "at")))
            ):
                if following in ("percent", "per-cent"):
                    yield value / 100
                yield value
