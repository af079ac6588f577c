r"""Where mathematics stands in a text: the spans that its tokens make up.

- A *side* is a longest expression between relation signs, commas, words and math delimiters: in "so $x^2 = 2x + 1$,"
  the sides are ``x^2`` and ``2x + 1``.
- A *formula* is a longest run without words: sides with their relation signs, tuples and sets with their brackets.
- A *list* is a run of formulas with commas, "and" or "or" between them.

What a span means is for the reader (`read_answer`), which gets the text between its offsets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from int_verl.maths.text_tokens import Token, math_flags, tokens_of


@dataclass(slots=True)
class Side:
    """A longest expression: the tokens from `start` to before `end`, with what stands around them."""

    tokens: list[Token]
    start: int
    end: int
    before: str
    """Kind of the relation sign right before, or empty."""
    after: str
    chain: list[str]
    """All relation signs of the chain it belongs to."""
    chain_start: int
    bracket: str = ""
    """Around a member of a comma-separated group: its opening and closing mark; ``args`` for a function's."""
    group_start: int = -1

    @property
    def letters(self) -> frozenset[str]:
        """Variables, with their subscripts; commands for Greek letters."""
        return frozenset(token.text for token in self.tokens if token.kind == "var")


MATH_KINDS = frozenset(("num", "var", "cmd", "op", "open", "close"))
_MODULO = frozenset(("mod", "modulo", r"\mod", r"\pmod", r"\bmod", r"\pod"))
_CONGRUENT = frozenset(("is", "are", "be", "congruent", "to", "and", "or"))
_FORMULA_KINDS = MATH_KINDS | {"rel", "comma", "ellipsis"}


class Spans:
    """The spans of one text: `tokens` and `sides` at once, the others when asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self._partner = _partners(self.tokens)
        self.sides = list(self._cut_sides())
        self._mark_groups()

    def written(self, start: int, end: int) -> str:
        """The text of the tokens from `start` to before `end`."""
        return self.text[self.tokens[start].start : self.tokens[end - 1].end]

    def _cut_sides(self) -> Iterator[Side]:
        """Cut at relations, commas, words and punctuation; brackets that a cut leaves open are stripped."""
        chain: list[str] = []
        chain_start = 0
        for start, end in self._runs(MATH_KINDS):
            before = self.tokens[start - 1] if start else None
            after = self.tokens[end] if end < len(self.tokens) else None
            relation_before = before.text if before is not None and before.kind == "rel" else ""
            relation_after = after.text if after is not None and after.kind == "rel" else ""
            for first, last in self._balanced(start, end):
                yield Side(self.tokens[first:last], first, last, relation_before, relation_after, chain, chain_start)
            if relation_after and relation_after != "->":
                chain.append(relation_after)
            else:
                chain, chain_start = [], end + 1

    def _runs(self, kinds: frozenset[str]) -> Iterator[tuple[int, int]]:
        """Longest runs of tokens of some kinds, as ranges; empty ones between two other tokens too."""
        start = 0
        for i in range(len(self.tokens) + 1):
            if i == len(self.tokens) or self.tokens[i].kind not in kinds:
                yield start, i
                start = i + 1

    def _balanced(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Pieces of tokens[start:end] without the brackets whose partner lies outside."""
        first = start
        for i in range(start, end):
            if self.tokens[i].kind in ("open", "close") and not start <= self._partner.get(i, -1) < end:
                if first < i:
                    yield first, i
                first = i + 1
        if first < end:
            yield first, end

    def _mark_groups(self) -> None:
        """Note for every side inside a bracket with commas what kind of bracket that is."""
        tokens, partner = self.tokens, self._partner
        around: list[int] = []  # for each token the innermost bracket around it, or -1
        current = -1
        for i, token in enumerate(tokens):
            if token.kind == "close" and i in partner:
                current = around[partner[i]]
            around.append(current)
            if token.kind == "open" and i in partner:
                current = i
        lists = {around[i] for i, token in enumerate(tokens) if token.kind == "comma"}
        lists -= {around[i] for i, token in enumerate(tokens) if token.kind == "word"}  # prose in brackets
        groups: dict[int, tuple[str, int]] = {-1: ("", -1)}
        for opened, token in enumerate(tokens):
            if token.kind != "open" or opened not in partner:
                continue
            before = tokens[opened - 1].kind if opened else ""
            attached = (before in ("var", "cmd") and token.text in "([") or (before == "word" and token.tight)
            if attached and (opened in lists or before != "var"):
                groups[opened] = ("args", opened)
            elif opened in lists:
                groups[opened] = (token.text + tokens[partner[opened]].text, opened)
            else:
                groups[opened] = groups[around[opened]]
        for side in self.sides:
            side.bracket, side.group_start = groups[around[side.start]]

    def formulas(self) -> Iterator[tuple[int, int]]:
        """Longest runs of sides and relation signs between words and commas outside of brackets, as ranges."""
        for start, end in self._runs(_FORMULA_KINDS):
            for first, last in self._balanced(start, end):
                depth = 0
                for i in range(first, last):
                    kind = self.tokens[i].kind
                    depth += (kind == "open") - (kind == "close")
                    if kind == "comma" and depth == 0:
                        if first < i:
                            yield first, i
                        first = i + 1
                if first < last:
                    yield first, last

    def lists(self) -> Iterator[list[tuple[int, int]]]:
        """Runs of formulas that commas, "and" and "or" join."""
        run: list[tuple[int, int]] = []
        for formula in self.formulas():
            between = self.tokens[run[-1][1] : formula[0]] if run else []
            if not all(t.kind == "comma" or t.text.lower() in ("and", "or", "$", "text") for t in between):
                yield run
                run = []
            run.append(formula)
        yield run

    def in_math(self) -> Iterator[str]:
        """What stands between each two math delimiters, as a whole."""
        flags = math_flags(self.text)
        for (start, _), (end, _) in zip(flags[::2], flags[1::2], strict=True):
            yield self.text[start:end].lstrip("$").removeprefix("\\(").removeprefix("\\[")

    def congruences(self) -> Iterator[str]:
        """Each run of formulas with the modulus behind it: "n is congruent to 1 or 3 modulo 8"."""
        formulas = list(self.formulas())
        for index, ((_, end), (modulus, last)) in enumerate(pairwise(formulas)):
            if not any(token.text.lower() in _MODULO for token in self.tokens[end:modulus]):
                continue
            first = index
            while first and self._are_joined(formulas[first - 1][1], formulas[first][0]):
                first -= 1
            closed = last < len(self.tokens) and self.tokens[last].kind == "close"
            yield self.written(formulas[first][0], last + closed)

    def _are_joined(self, end: int, start: int) -> bool:
        """Whether only commas, "and", "or" and "is congruent to" stand between."""
        between = self.tokens[end:start]
        return all(token.kind in ("comma", "sep") or token.text.lower() in _CONGRUENT for token in between)

    def equations(self, start: int, end: int) -> Iterator[str]:
        """Each two sides that one of several relation signs of a formula joins."""
        edges = [start - 1, *(i for i in range(start, end) if self.tokens[i].kind == "rel"), end]
        for left, right in zip(edges, edges[2:], strict=False):
            if left + 1 < right and len(edges) > 3:
                yield self.written(left + 1, right)


def _partners(tokens: list[Token]) -> dict[int, int]:
    """For each bracket that has one, the index of the other."""
    partner: dict[int, int] = {}
    opened: list[int] = []
    for i, token in enumerate(tokens):
        if token.kind == "open":
            opened.append(i)
        elif token.kind == "close" and opened:
            partner[opened[-1]], partner[i] = i, opened[-1]
            opened.pop()
    return partner
