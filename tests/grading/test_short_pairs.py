"""What is judged in the caller's own thread: that it is bounded, agrees with the workers, and yields to company."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from int_verl.grading import Grader
from int_verl.grading.short_pairs import Turnstile, judge_short
from int_verl.maths import thorough_comparison as judge
from int_verl.maths.normal_form import normalise
from int_verl.maths.short_arithmetic import compare, is_short

number = st.integers(0, 99_999).map(str)
letter = st.sampled_from("nkxyei")
term = st.recursive(
    number | letter | st.just(r"\pi"),
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from(["+", "-", r"\cdot ", "/"]), part).map("".join),
        st.tuples(part, part).map(lambda two: rf"\frac{{{two[0]}}}{{{two[1]}}}"),
        st.tuples(part, part).map(lambda two: f"({two[0]})^{{{two[1]}}}"),
        st.tuples(part, part).map(lambda two: rf"\binom{{{two[0]}}}{{{two[1]}}}"),
        part.map(lambda inner: f"({inner})!"),
        part.map(lambda inner: rf"\sqrt{{{inner}}}"),
        part.map(lambda inner: rf"\ln({inner})"),
        part.map(lambda inner: rf"\sin({inner})"),
        part.map(lambda inner: f"|{inner}|"),
        st.tuples(part, part).map(lambda two: rf"\log_{{{two[0]}}}({two[1]})"),
        st.tuples(part, part).map(lambda two: rf"\{{{two[0]}, {two[1]}\}}"),
        part.map(lambda inner: rf"\lfloor {inner} \rfloor"),
    ),
    max_leaves=12,
)


@given(term, term)
@settings(max_examples=200)
@example("9^{9^{9^{9}}}", "9^{9^{9^{8}}}")
@example(r"((((9!)!)!)!)!", "1")
@example(r"(x+y)^{9999}\cdot\ln(x^{9999})", r"(y+x)^{9999}\cdot 9999\ln x")
@example(r"\{\binom{i\cdot 999}{(k)^{67782}}, \pi \pm k, n+i\}", r"\sqrt[98]{e}")
@example(r"\binom{99999}{49999}^{99}", r"\binom{99999}{50000}^{99}")
def test_short_pairs_are_quick(gold: str, answer: str) -> None:
    gold, answer = normalise(gold), normalise(answer)
    if not is_short(gold, answer):
        return
    start = time.thread_time()
    judge_short(gold, answer)
    # Far above what any of them takes, far below the time limit of a worker.
    assert time.thread_time() - start < 1.0


@pytest.mark.parametrize(
    "text",
    [r"\sum_{k=1}^{9} k", r"\prod_{k=1}^n k", r"\int_0^1 x dx", r"\gcd(4, 6)", "1" * 31, "(" * 9 + "1" + ")" * 9, "é"],
)
def test_large_and_unusual_is_for_the_workers(text: str) -> None:
    assert not is_short(text, "1")
    assert not is_short("1", text)


@given(term, term)
@settings(max_examples=60)
def test_same_verdict_as_in_a_worker(gold: str, answer: str) -> None:
    gold, answer = normalise(gold), normalise(answer)
    judged = judge_short(gold, answer)
    if judged is not None:
        assert judged == judge.judge_by_engine(gold, answer)


def test_precision_belongs_to_the_engine_alone() -> None:
    """Whoever else uses mpmath neither changes a verdict nor finds its precision changed."""
    from mpmath import mp

    with mp.workprec(20):
        assert compare(r"\sqrt{2}+\sqrt{3}", r"\sqrt{5+2\sqrt{6}}") == ("correct", "engine")
        assert compare(r"\sqrt{2}+\sqrt{3}", "3.14626436994197234232913506571557") == ("incorrect", "engine")
        assert mp.prec == 20


def test_company_sends_all_to_the_workers() -> None:
    turnstile = Turnstile()
    with turnstile.pass_through() as first, turnstile.pass_through() as second:
        assert first
        assert not second
    with turnstile.pass_through() as alone:
        assert not alone  # for a while


def test_alone_it_needs_no_worker() -> None:
    with Grader(workers=1) as grader:
        assert grader.grade(r"\frac{\sqrt{8}}{2}", r"\sqrt{2}").means == "engine"
        assert grader._pool.pids() == []


def test_many_threads_agree() -> None:
    wrong: list[int] = []

    def grade(k: int) -> None:
        if not grader.grade(rf"{k}+\sqrt{{8}}", rf"2\sqrt{{2}}+{k}").correct:
            wrong.append(k)

    with Grader(workers=2) as grader:
        threads = [threading.Thread(target=lambda i=i: [grade(i * 50 + k) for k in range(50)]) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
