# ruff: noqa: E501
"""The leak test against its labelled cases, as a rate and case by case; speed; hostile text."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from int_verl.generate.filters import leaks_answer
from tests.generate import fresh_leaks
from tests.generate.leak_corpus import LEAKS, SAFE

# Labelled leaks that the rules cannot tell apart: (answer, content).
KNOWN = {("2", "2,4-diene")}


def test_the_corpus_is_large_enough() -> None:
    assert len(LEAKS) + len(SAFE) >= 200
    assert len(set(LEAKS) | set(SAFE)) == len(LEAKS) + len(SAFE)


@pytest.mark.parametrize(("answer", "content"), LEAKS)
def test_leaks_are_found(answer: str, content: str) -> None:
    assert leaks_answer(content, answer)


@pytest.mark.parametrize(("answer", "content"), [case for case in SAFE if case not in KNOWN])
def test_what_does_not_leak_is_kept(answer: str, content: str) -> None:
    assert not leaks_answer(content, answer)


SPELLINGS = [
    r"\frac{1}{2}",
    r"\frac12",
    r"\dfrac{1}{2}",
    "1/2",
    "0.5",
    "50%",
    r"50\%",
    "½",
    r"\boxed{\frac{1}{2}}",
    "$0.50$",
]


@pytest.mark.parametrize("answer", SPELLINGS)
@pytest.mark.parametrize("mention", SPELLINGS)
def test_every_spelling_of_a_half_is_the_same_answer(answer: str, mention: str) -> None:
    assert leaks_answer(f"Hence the probability is {mention}.", answer)


WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
    " nineteen twenty"
)


@pytest.mark.parametrize(("number", "word"), list(enumerate(WORDS.split(), 1)))
def test_number_words_up_to_twenty(number: int, word: str) -> None:
    assert leaks_answer(f"Therefore the count is {word}.", str(number))
    assert not leaks_answer(f"Therefore the count is {word}.", str(number + 1))
    assert not leaks_answer(f"A {word}-digit number is needed.", str(number))


@given(st.integers(-(10**6), 10**6))
def test_a_stated_integer_leaks_itself_and_nothing_next_to_it(number: int) -> None:
    for content in (f"Hence $x = {number}$.", f"so \\boxed{{{number}}}", f"We get {number}."):
        assert leaks_answer(content, str(number))
        assert not leaks_answer(content, str(number + 1))
        assert not leaks_answer(content, f"{number}5")


@given(st.integers(2, 99))
def test_a_number_inside_something_else_does_not_leak(number: int) -> None:
    for content in (
        f"$x^{{{number}}}$", f"$x_{{{number}}}$", f"${number}x + 1$", f"By Step {number}, go on.", f"equation ({number}) holds",
        f"{number}. Expand the product.", f"1{number}7", f"0.{number}1", f"$f({number})$ is even", f"modulo {number}",
    ):  # fmt: skip
        assert not leaks_answer(content, str(number)), content


@given(st.text(max_size=60), st.text(max_size=20))
@settings(max_examples=150)
def test_any_text_gets_a_verdict(content: str, answer: str) -> None:
    assert leaks_answer(content, answer) in (True, False)


PIECES = ["2", "x", "^", "_", "{", "}", "(", ")", "[", "]", "$", "\\frac", "\\sqrt", "\\le", "=", ",", "!", "%", "|", "\\lfloor",
          "\\pi", "10^", "1/", "0", "\\binom", "two ", "Step ", "\n", ".", "\\{", "\\}", "-", "**"]  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
)
@settings(max_examples=200)
def test_any_mathematics_gets_a_verdict(content: str, answer: str) -> None:
    assert leaks_answer(content, answer) in (True, False)


@pytest.mark.parametrize(
    "unit",
    [
        "(a,",
        "{",
        "$",
        "x_{",
        "\\text{",
        "2 = ",
        "Step 1, ",
        "^",
        "1,",
        "(((1)))",
        "2^",
        "9",
        "one ",
        "no ",
        "1 mod 1, ",
        "is ",
        "so $1$ ",
    ],
)
def test_time_is_linear_in_hostile_content(unit: str) -> None:
    content = unit * (12_000 // len(unit))
    for answer in ("2", "3", r"\frac{n}{2}", "(1, 2)", "[0, 1)", "no", "|V|^{2016}"):
        start = time.process_time()
        leaks_answer(content, answer)
        assert time.process_time() - start < 1.0


def test_a_typical_content_takes_about_a_millisecond() -> None:
    content = (
        "Let me recount. Since $x^2 + y^2 = 25$ and $x_2 = \\frac{3}{4}y$, the sum $\\sum_{i=1}^n i = \\frac{n(n+1)}{2}$ "
        "counts every pair twice, so halve it first. Then the number of admissible words satisfies $a_{n+1} = 3a_n - 2$, "
        "and it remains to solve this recurrence with $a_1 = 4$ and to evaluate it at $n = 10$."
    )
    start = time.process_time()
    for _ in range(50):
        leaks_answer(content, "59050")
    assert (time.process_time() - start) / 50 < 0.01  # 0.5 ms on an idle core


def test_no_heavy_import() -> None:
    code = (
        "import sys, int_verl.generate.filters, int_verl.interventions.parse, int_verl.generate.prompts;"
        "print([m for m in ('sympy', 'math_verify', 'torch', 'verl', 'transformers', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_set_that_the_rules_were_not_made_for() -> None:
    """6 missed and 4 flagged when it was measured, once; a change of the rules may only lower that."""
    missed = [case for case in fresh_leaks.LEAKS if not leaks_answer(case[1], case[0])]
    flagged = [case for case in fresh_leaks.SAFE if leaks_answer(case[1], case[0])]
    assert not missed
    assert not flagged


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ("x", "a" * 60 + "1"),
        ("x", "ab" * 30 + "$"),
        ("The answer is" + " " * 12_000 + "x", "one two"),
        ("The answer" + " " * 12_000, "B"),
        (", ".join(rf"$\sum_{{k=1}}^{{{1900 + k}}} k^k$" for k in range(300)), r"\frac{n}{2}"),
        (", ".join(rf"$2^{{3^{{{k % 9}}}}} + \sqrt{{{k}}}$" for k in range(400)), "2"),
        (", ".join(rf"$\binom{{{6000 - k}}}{{{2500 + k}}}$" for k in range(200)), r"\{1, 2\}"),
    ],
)
def test_time_is_bounded_for_what_is_costly_to_read_or_compute(content: str, answer: str) -> None:
    start = time.process_time()
    leaks_answer(content, answer)
    assert time.process_time() - start < 1.0


def test_a_content_that_nobody_foresaw_leaks_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    class Hostile(str):
        def strip(self, *_: object) -> str:
            raise KeyError("unforeseen")

    assert leaks_answer(Hostile("So $x = 3$."), "5")
    assert leaks_answer("So $x = 3$.", Hostile("5"))
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "KeyError" in said[0]
    assert "So $x = 3$." in said[0]
