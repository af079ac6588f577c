"""Who decides: one text, our own reading, or math-verify, and that the last has no say where the second has one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from int_verl.maths import thorough_comparison
from int_verl.maths.normal_form import normalise
from int_verl.maths.thorough_comparison import Cold, judge, judge_by_engine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _with_math_verify() -> Iterator[None]:
    from sympy.parsing import sympy_parser

    with pytest.MonkeyPatch.context() as patch:
        # What is right in a worker, other tests of this process would miss.
        patch.setattr("logging.disable", lambda _: None)
        patch.setattr(sympy_parser, "eval_expr", sympy_parser.eval_expr)
        thorough_comparison.warm_up()
        yield
        patch.setattr(thorough_comparison, "_warm", False)


def judged(gold: str, answer: str) -> tuple[str, str]:
    return judge(normalise(gold), normalise(answer))


@pytest.mark.parametrize(
    ("gold", "answer", "verdict"),
    [
        (r"\int_0^1 x\,dx", r"\frac12", "correct"),
        (r"\int_0^1 x\,dx", "0.5", "correct"),
        (r"\int_0^1 x^9\,dx", "0.1", "correct"),
        (r"\lim_{x\to0}\frac{\sin 3x}{x}", "3", "correct"),
        ("1.00", r"\lim_{x\to0}\frac{\sin x}{x}", "correct"),
        ("0.0476", r"\int_0^1 x^{20}\,dx", "correct"),
        ("0.0477", r"\int_0^1 x^{20}\,dx", "incorrect"),
        # Neither what agrees to six decimals nor what agrees to fifteen digits is equal.
        (r"\int_0^1 x^{20}\,dx", "0.047619", "incorrect"),
        (r"\int_0^2 x^2\,dx", "2.666666666666667", "incorrect"),
        (r"\lim_{x\to0}\frac{\sin x}{x}", "0.99999999", "incorrect"),
        (r"\int_0^1 x\,dx", r"\frac13", "incorrect"),
    ],
)
def test_math_verify_has_a_say_where_a_side_cannot_be_read(gold: str, answer: str, verdict: str) -> None:
    assert judge_by_engine(normalise(gold), normalise(answer)) is None
    assert judged(gold, answer) == (verdict, "math-verify")


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"\oint_C \vec F\cdot d\vec r", r"\oint_{C} \vec{F} \cdot d \vec{r}"),
        (r"\mathcal{O}(n^{2}) \star k", r"\mathcal O(n^2)\star k"),
        (r"\int f", r"\int  f"),
    ],
)
def test_one_text_is_right_whatever_it_means(gold: str, answer: str) -> None:
    assert judged(gold, answer) == ("correct", "text")
    assert judged(gold + " + 1", answer)[0] != "correct"


@pytest.mark.parametrize(
    ("gold", "answer"), [(r"\frac{1}{23}", r"\frac{12}{3}"), ("x^{12}", "x^1 2"), (r"\oint ab", r"\oint a{cb}")]
)
def test_braces_around_more_than_a_token_say_something(gold: str, answer: str) -> None:
    assert judged(gold, answer)[0] != "correct"


def test_what_cannot_be_read_is_one_text_among_others_too() -> None:
    assert judged(r"\{\oint f, 2\}", r"2, \oint f") == ("correct", "engine")
    assert judged(r"\{\oint f, 2\}", r"3, \oint f")[0] != "correct"


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"10^{-9}", r"10^{-8}"),  # six decimals
        ("101_2", "101_3"),  # the base
        ("5", "I think that it is 7, no, 5"),  # a number in prose
        ("4", "3 = 4"),  # the end of a chain
        (r"\frac{1}{3}", "0.333333"),
        ("7", r"\max(7, x)"),
    ],
)
def test_what_math_verify_takes_for_equal_and_we_can_read_is_ours_to_say(gold: str, answer: str) -> None:
    assert judged(gold, answer) == ("incorrect", "engine")


def test_a_gold_that_contradicts_itself_has_no_answer_but_its_own_text() -> None:
    assert judged("x = 3 = 4", "4") == ("gold_unparsable", "engine")
    assert judged("x = 3 = 4", "x=3 = 4") == ("correct", "text")


def test_before_the_imports_a_worker_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thorough_comparison, "_warm", False)
    assert judged(r"\frac{\sqrt8}{2}", r"\sqrt2") == ("correct", "engine")
    with pytest.raises(Cold):
        judged(r"\int_0^1 x\,dx", r"\frac12")
