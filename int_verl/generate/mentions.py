"""Which numbers of a text are mentions of a value, and which name, count or bound something else.

Not mentions: a label (Step 2, (2), "2." at a line's start, Lemma 2), an operand or parameter named in words (times 9,
divisible by 2, modulo 7, degree 3), "two-digit", "2-colouring", "two cases", "the two", "one can", a bound of a range
of indices, a member of an index set or of a list with an ellipsis, an interval's end point, the excluded side of
an "unequal". Everything else is.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from int_verl.maths.spans import MATH_KINDS, Side, Spans


def words_of(text: str) -> list[str]:
    """The words of a list written as one string."""
    return text.split()


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
_OPERATORS = word_set(r"plus minus times over mod modulo modulus \pmod \bmod \mod \pod")
_OPERAND_PHRASES = (
    ("divided", "by"), ("divide", "by"), ("dividing", "by"), ("multiplied", "by"), ("multiply", "by"),
    ("multiplying", "by"), ("divisible", "by"), ("sides", "by"), ("multiple", "of"), ("multiples", "of"),
    ("power", "of"), ("powers", "of"), ("factor", "of"), ("factors", "of"), ("divisor", "of"), ("divisors", "of"),
    ("prime", "to"), ("power",), ("base",), ("degree",), ("exponent",), ("dimension",), ("characteristic",),
    ("equation", "by"), ("it", "by"), ("expression", "by"), ("through", "by"), ("by", "a", "factor", "of"),
)  # fmt: skip
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
_AFTER_PRONOUN = word_set("of can must has may should that more such")
_JOINERS = frozenset(("and", "or", "to", "through"))
_SMALL = {
    word: n
    for n, word in enumerate(
        words_of(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
            " seventeen eighteen nineteen twenty"
        )
    )
}
_TENS = {w: 10 * n for n, w in enumerate(words_of("twenty thirty forty fifty sixty seventy eighty ninety"), 2)}
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8,
    "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10,
}  # fmt: skip


def word_value(word: str) -> Fraction | None:
    word = word.lower()
    if word in _SMALL:
        return Fraction(_SMALL[word])
    if word in _TENS:
        return Fraction(_TENS[word])
    head, _, tail = word.partition("-")
    if head in _TENS and 1 <= _SMALL.get(tail, 0) <= 9:
        return Fraction(_TENS[head] + _SMALL[tail])
    if head in _SMALL and tail in _PARTS:
        return Fraction(_SMALL[head], _PARTS[tail])
    return None


class Mentions(Spans):
    """The spans of a content and the questions that the rules ask about a place in it."""

    series = 0
    """How many sums and products over an index have been compared."""

    def words_before(self, index: int, count: int = 4) -> list[str]:
        """Up to `count` lower-case words right before a token, nearest last; math signs between them end it."""
        found: list[str] = []
        for token in reversed(self.tokens[max(0, index - 8) : index]):
            if token.kind == "word":
                found.append(token.text.lower())
            elif token.kind != "sep" or token.text not in ("$", "text", '"', ":"):
                break
            if len(found) == count or (token.kind == "sep" and token.text == ":" and found):
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
        tokens = self.tokens
        first = tokens[start]
        after = tokens[end] if end < len(tokens) else None
        opened = start > 0 and tokens[start - 1].kind == "open" and tokens[start - 1].text == "("
        closed = after is not None and after.kind == "close" and after.text == ")"
        at_line_start = first.kind == "num" and (first.line_start or (opened and tokens[start - 1].line_start))
        marked = after is not None and after.tight and (closed or after.text in (".", ":"))
        if at_line_start and marked and self._line_goes_on(end + 1):
            return True
        i = start - 1
        for _ in range(8):  # back over "1, 2 and" and "(", "#", "**" to a label word
            while i >= 0 and (
                tokens[i].text in ("(", "#", "$", "text", '"', "{", "[") or (tokens[i].text == "." and tokens[i].tight)
            ):
                i -= 1
            if i >= 0 and tokens[i].kind == "word" and tokens[i].text.lower() in _LABELS:
                return True
            if i >= 1 and (
                tokens[i].kind == "comma" or tokens[i].text.lower() in _JOINERS or tokens[i].text in ("-", "&")
            ):
                i -= 1
                if tokens[i].kind == "comma":
                    i -= 1
                while i >= 0 and tokens[i].text in (")", "}", "]", "$"):
                    i -= 1
                if i >= 0 and tokens[i].kind in ("num", "var"):
                    i -= 1
                    continue
            break
        if opened and closed and start >= 2 and end - start == 1:
            before = tokens[start - 2]
            return before.kind == "word" and before.text.lower() not in _ASSERTING and not tokens[start - 1].tight
        return False

    def _line_goes_on(self, index: int) -> bool:
        """Whether something readable follows on the same line."""
        for token in self.tokens[index : index + 4]:
            if token.kind != "sep":
                return True
            if token.text == "\n":
                return False
        return False

    def is_operand(self, start: int, end: int) -> bool:
        """Named in words as part of a computation or as a parameter: times 9, divisible by 2, mod 7."""
        tokens = self.tokens
        i = start - 1
        while i >= 0 and tokens[i].text in ("(", "{", "$"):
            i -= 1
        if i >= 0 and tokens[i].kind == "word" and tokens[i].text.lower() in _OPERATORS:
            return True
        words = self.words_before(start)
        if any(tuple(words[-len(phrase) :]) == phrase for phrase in _OPERAND_PHRASES):
            return True
        after = self.word_after(end)
        if after in ("plus", "minus", "over", "choose") or after in _STRUCTURE:
            return True
        if after == "times":
            following = tokens[end + 1] if end + 1 < len(tokens) else None
            if following is not None and (
                following.kind in ("num", "var") or following.text.lower() in ("as", "the", "a", "that")
            ):
                return True
        token = tokens[end] if end < len(tokens) else None
        return bool(token is not None and token.kind == "word" and token.tight and token.text.startswith(("-", "D")))

    def is_range(self, side: Side) -> bool:
        """A bound, an index set, a list with an ellipsis, an excluded value, a limit point."""
        tokens = self.tokens
        if "!=" in (side.before, side.after) or "mid" in (side.before, side.after):
            return True
        inequalities = [r for r in side.chain[:8] if r == "<"]
        if "<" in (side.before, side.after):
            if len(inequalities) > 1:
                return True
            words = self.words_before(side.chain_start)
            if any(w in _CONDITION for w in words):
                return True
        for i in (side.start - 2, side.end + 1):
            if 0 <= i < len(tokens) and tokens[i].kind == "ellipsis":
                return True
        comma_after = side.end < len(tokens) and tokens[side.end].kind == "comma"
        comma_before = side.start > 0 and tokens[side.start - 1].kind == "comma"
        if comma_after or comma_before:
            near = tokens[max(0, side.start - 6) : side.end + 8]
            if any(t.kind == "ellipsis" for t in near):
                return True
            if side.before == "=" and comma_after and side.end + 2 < len(tokens):
                words = self.words_before(side.chain_start)
                numeral_next = tokens[side.end + 1].kind == "num" and tokens[side.end + 2].kind != "rel"
                if numeral_next and words and words[-1] in ("for", "with", "where", "when", "each"):
                    return True
        if side.before == "=" and len(side.tokens) == 1 and side.tokens[0].text == "0" and self._is_sum(side.start - 2):
            return True  # p(x) = 0 is an equation to solve
        if side.before == "in" or side.bracket in ("args", r"\{\}", "{}", "[]", "[)", "(]"):
            return True
        if side.bracket == "()":
            opened = side.group_start
            return not (opened > 0 and tokens[opened - 1].text == "=")
        if side.before == "->" and side.start >= 2 and tokens[side.start - 2].kind == "var":
            words = self.words_before(side.start - 2, 1)
            return bool(words) and words[-1] in ("as", "when", "letting")
        return False

    def _is_sum(self, index: int) -> bool:
        """Whether the expression that ends at a token adds or subtracts terms with a variable."""
        tokens, depth = [], 0
        while index >= 0 and self.tokens[index].kind in MATH_KINDS:
            tokens.append(self.tokens[index])
            index -= 1
        has_sign = False
        for token in tokens:
            depth += (token.kind == "close") - (token.kind == "open")
            has_sign = has_sign or (depth == 0 and token.text in ("+", "-"))
        return has_sign and any(token.kind == "var" for token in tokens)

    def is_stated(self, side: Side) -> bool:
        """Given as a result: after an equals sign or arrow, after "is", in a box."""
        if side.before in ("=", "->"):
            return True
        i = side.start - 1
        while i >= 0 and self.tokens[i].text in ("$", "text", "(", "{", ":"):
            i -= 1
        if i < 0:
            return False
        token = self.tokens[i]
        return token.kind == "box" or (token.kind == "word" and token.text.lower() in _ASSERTING)

    def numbers(self) -> Iterator[tuple[str, Side]]:
        """Constants that stand alone, as written; labels, operands and ranges left out."""
        for side in self.sides:
            if not any(t.kind == "num" or t.text == r"\pi" for t in side.tokens):
                continue
            if any(t.kind == "var" and t.text not in ("e", "i") for t in side.tokens):
                continue
            first, last = self._core(side)
            if self.is_label(first, last) or self.is_operand(side.start, side.end) or self._compound(side):
                continue
            if self.is_range(side):
                continue
            end = side.end
            if side.tokens[-1].text in ("-", "*", "/", "+", r"\cdot", r"\times"):
                if len(side.tokens) != 2 or side.tokens[-1].text != "-" or side.tokens[-1].tight:
                    continue
                end -= 1
            written = self.written(side.start, end)
            if side.start > 0 and self.tokens[side.start - 1].text.lower() == "negative":
                written = "-" + written
            if self.word_after(side.end) in ("percent", "per-cent"):
                written += "%"
            yield written, side

    def _core(self, side: Side) -> tuple[int, int]:
        """The side's bounds without brackets around all of it."""
        first, last = side.start, side.end
        while last - first > 2 and self.tokens[first].kind == "open" and self.tokens[last - 1].kind == "close":
            first, last = first + 1, last - 1
        return first, last

    def _compound(self, side: Side) -> bool:
        """2-digit, 3-colouring: a number and a hyphen before a word."""
        if len(side.tokens) < 2 or side.tokens[-1].text != "-" or not side.tokens[-1].tight:
            return False
        following = self.tokens[side.end] if side.end < len(self.tokens) else None
        return following is not None and following.kind in ("word", "sep") and following.tight

    def number_words(self) -> Iterator[Fraction]:
        """Number words that state a number: not "one can", "the two", "two cases", "two-digit"."""
        tokens = self.tokens
        for i, token in enumerate(tokens):
            if token.kind != "word":
                continue
            value = word_value(token.text)
            following = self.word_after(i + 1)
            previous = self.words_before(i, 2)
            before = previous[-1] if previous else ""
            if value is None:
                if token.text.lower() == "half" and before in ("a", "is", "equals"):
                    yield Fraction(1, 2)
                continue
            if before in ("negative", "minus") and (len(previous) < 2 or previous[0] in _ASSERTING):
                yield -value
                continue
            if following in _PARTS and token.text.lower() in _SMALL:
                yield value / _PARTS[following]
                continue
            if following in ("hundred", "thousand", "million"):
                continue
            if self.is_label(i, i + 1) or self.is_operand(i, i + 1) or before in _DETERMINERS:
                continue
            if value == 1 and not (before in _ASSERTING or before in ("only", "just", "answer")):
                continue
            if value == 1 and following in _AFTER_PRONOUN:
                continue
            if value == 0 and (before in ("a", "no") or following in ("of", "at")):
                continue
            if following in ("percent", "per-cent"):
                yield value / 100
            yield value
