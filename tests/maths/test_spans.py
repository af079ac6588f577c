"""Where mathematics stands in a text: sides, formulas and lists with their offsets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from int_verl.maths.spans import Spans


def sides(text: str) -> list[str]:
    spans = Spans(text)
    return [spans.written(side.start, side.end) for side in spans.sides]


def formulas(text: str) -> list[str]:
    spans = Spans(text)
    return [spans.written(*formula) for formula in spans.formulas()]


def lists(text: str) -> list[list[str]]:
    spans = Spans(text)
    return [[spans.written(*formula) for formula in run] for run in spans.lists() if len(run) > 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"so $x^2 = 2x + 1$, and 3 apples", ["x^2", "2x + 1", "3"]),
        (r"\(\dfrac{1}{2}\) or ½", [r"\dfrac{1}{2}", "½"]),
        ("it costs $5 and she has $10", ["5", "10"]),
        (r"the height is $12\text{ cm}$", ["12"]),
        (r"in all $15 \mathrm{~mm}^{2}$", ["15", "^{2}"]),
        (r"$\mathbf{2520}$ and $\mathrm{P}(A)$", [r"\mathbf{2520}", r"\mathrm{P}(A)"]),
        (r"the sum 1{,}234{,}567 or 1,\!234 or 14 400", ["1{,}234{,}567", r"1,\!234", "14 400"]),
        ("x² + y₁ ≤ √2·π", ["x² + y₁", "√2·π"]),
        (r"a \le b \Rightarrow b \geq a", ["a", "b", "b", "a"]),
        ("4!=24 and x**2", ["4!", "24", "x**2"]),
        ("the **bold** 7", ["7"]),
        (r"so \boxed{n = 7}", ["n", "7"]),
        ("ratio 3:2 at 10: 5", ["3:2", "10", "5"]),
        (r"$101_2$ and $a_{n+1}$", ["101_2", "a_{n+1}"]),
        ("c^2-nc-c", ["c^2-nc-c"]),
        ("2^{mn}", ["2^{mn}"]),
    ],
)
def test_sides(text: str, expected: list[str]) -> None:
    assert sides(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"so $(x, y) = (3, 4)$.", ["(x, y) = (3, 4)"]),
        (r"for $x \in (-\infty,1) \cup (3,\infty)$", [r"x \in (-\infty,1) \cup (3,\infty)"]),
        ("a = 1, b = 2 give c", ["a = 1", "b = 2", "c"]),
        (r"$\begin{pmatrix}1 & 2\\3 & 4\end{pmatrix} = A$", [r"\begin{pmatrix}1 & 2\\3 & 4\end{pmatrix} = A"]),
        ("(see 7 here)", ["7"]),
    ],
)
def test_formulas(text: str, expected: list[str]) -> None:
    assert formulas(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the roots 1, 2, and 3 are real", [["1", "2", "3"]]),
        (r"$x = 1$ or $x = 2$", [["x = 1", "x = 2"]]),
        (r"$x<1 \text{ or } x>3$", [["x<1", "x>3"]]),
        ("1 but 2", []),
    ],
)
def test_lists(text: str, expected: list[list[str]]) -> None:
    assert lists(text) == expected


def test_two_sides_of_a_chain() -> None:
    spans = Spans("$a = b = c$")
    ((start, end),) = spans.formulas()
    assert list(spans.equations(start, end)) == ["a = b", "b = c"]


def test_what_stands_around_a_side() -> None:
    spans = Spans(r"$f(1, 2) < x \in \{3, 4\}$")
    assert [(side.before, side.after, side.bracket) for side in spans.sides if side.tokens[0].kind == "num"] == [
        ("", "", "args"),
        ("", "<", "args"),
        ("in", "", r"\{\}"),
        ("", "", r"\{\}"),
    ]
    (x,) = [side for side in spans.sides if "x" in side.letters]
    assert (x.before, x.after, x.chain, x.bracket) == ("<", "in", ["<", "in"], "")


PIECES = ["2", "x", "^", "_", "{", "}", "(", ")", "$", "\\frac", "\\text{", "\\mathrm{ab", "=", ",", "½", "²", "—",
          "中", "\n", " and "]  # fmt: skip


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
@settings(max_examples=300)
def test_offsets_are_in_order_and_inside_the_text(text: str) -> None:
    spans = Spans(text)
    for token, following in zip(spans.tokens, spans.tokens[1:], strict=False):
        assert 0 <= token.start < token.end <= len(text)
        assert token.start <= following.start
    for side in spans.sides:
        assert spans.written(side.start, side.end) in text
    for formula in spans.formulas():
        assert spans.written(*formula)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"Every $n \equiv 1 \pmod 4$ works.", [r"n \equiv 1 \pmod 4"]),
        ("so $n$ is congruent to $0$ or $1$ modulo $4$", ["n$ is congruent to $0$ or $1$ modulo $4"]),
        ("we have x = 3 (mod 7), and more", ["x = 3 (mod 7)"]),
        ("work modulo 4 with n odd", []),
    ],
)
def test_congruences(text: str, expected: list[str]) -> None:
    assert list(Spans(text).congruences()) == expected


def test_what_stands_between_delimiters() -> None:
    assert list(Spans(r"So $x = 1$, \(y\) and \[ z \] cost \$5.").in_math()) == ["x = 1", "y", " z "]


def test_a_repeating_decimal_is_a_number() -> None:
    assert sides(r"so it is $0.1\overline{6}$ or 2.\dot{3}") == [r"0.1\overline{6}", r"2.\dot{3}"]
