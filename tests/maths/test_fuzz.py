# ruff: noqa: E501
"""Arbitrary text and the reader's whole grammar: nothing raises, nothing hangs, and equality is symmetric where it should be.

`python -m tests.maths.fuzz` does more of the last test.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from int_verl.grading import VERDICTS, Grader, extract_answer
from int_verl.maths.normal_form import key, normalise
from int_verl.maths.quantities import quantity
from int_verl.maths.quick_comparison import decide
from int_verl.maths.thorough_comparison import judge_by_engine
from tests.maths.fuzz import Found, try_pair

LIMIT = 1.0
relaxed = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

numbers = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.tuples(st.integers(0, 99), st.integers(1, 99)).map(lambda p: rf"\frac{{{p[0]}}}{{{p[1]}}}"),
    st.decimals(-1000, 1000, places=2, allow_nan=False).map(str),
)
atoms = st.one_of(numbers, st.sampled_from(["x", "n", r"\pi", "e", "i", r"\sqrt{2}", r"\theta", "a_{1}", "2^{10}"]))


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    return st.one_of(
        two.map(lambda p: f"{p[0]}+{p[1]}"),
        two.map(lambda p: f"({p[0]})-({p[1]})"),
        two.map(lambda p: rf"{p[0]}\cdot ({p[1]})"),
        two.map(lambda p: rf"\frac{{{p[0]}}}{{{p[1]}}}"),
        two.map(lambda p: f"({p[0]})^{{{p[1]}}}"),
        inner.map(lambda s: rf"\sqrt{{{s}}}"),
        inner.map(lambda s: rf"\left({s}\right)!"),
        inner.map(lambda s: rf"\sin\left({s}\right)"),
        inner.map(lambda s: rf"\lfloor {s} \rfloor"),
        inner.map(lambda s: rf"\left|{s}\right|"),
    )


expressions = st.recursive(atoms, compound, max_leaves=8)
answers = st.one_of(
    expressions,
    st.lists(expressions, min_size=1, max_size=4).map(", ".join),
    st.lists(expressions, min_size=2, max_size=3).map(lambda parts: r"\{" + ", ".join(parts) + r"\}"),
    st.tuples(st.sampled_from("(["), expressions, expressions, st.sampled_from(")]")).map(
        lambda p: f"{p[0]}{p[1]}, {p[2]}{p[3]}"
    ),
    st.tuples(expressions, st.sampled_from(["=", "<", r"\le", r"\ge", r"\in", r"\pm", ":", r"\cup"]), expressions).map(
        " ".join
    ),
    expressions.map(lambda s: rf"{s}\text{{ cm}}"),
    expressions.map(lambda s: rf"x = {s}"),
    expressions.map(lambda s: rf"{s}\%"),
)
fragments = st.sampled_from(
    ["{", "}", "(", ")", "[", "]", "\\", "$", "^", "_", "&", "|", ",", "=", "<", "!", "%", "'", " ", "\\\\", r"\frac", r"\sqrt", r"\boxed{",
     r"\text{", r"\left(", r"\begin{pmatrix}", r"\end{pmatrix}", r"\sum_{k=1}^{n}", r"\int", r"\cup", r"\pm", "1", "23", "x", "and", "or", "\u200b",
     r"\mathbb{R}", r"\infty", "°", "½", "√", r"\lfloor", r"\log_", "<think>", "</think>"]
)  # fmt: skip
junk = st.one_of(st.text(max_size=60), st.lists(fragments, max_size=25).map("".join))


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=2, timeout=LIMIT) as shared:
        shared.warm()
        yield shared


@relaxed
@given(text=junk)
def test_extraction_takes_anything(text: str) -> None:
    for unboxed in (False, True):
        answer = extract_answer(text, unboxed=unboxed)
        assert answer is None or answer.strip() == answer != ""
    boxed = extract_answer(rf"\boxed{{{text}}}")
    assert boxed is None or isinstance(boxed, str)


@relaxed
@given(text=st.one_of(junk, answers))
def test_normal_form(text: str) -> None:
    normal = normalise(text)
    assert normal == normal.strip()
    assert decide(normal, normal) is True
    assert isinstance(key(normal), str)
    quantity(normal)


@relaxed
@given(gold=st.one_of(junk, answers), answer=st.one_of(junk, answers))
def test_never_raises_never_hangs(grader: Grader, gold: str, answer: str) -> None:
    start = time.monotonic()
    grade = grader.grade(answer, gold)
    assert grade.verdict in VERDICTS
    assert grade.verdict != "error", grade
    assert time.monotonic() - start < 10 * LIMIT


@relaxed
@given(answer=answers)
def test_reflexive(grader: Grader, answer: str) -> None:
    assert grader.grade(answer, answer).correct
    assert grader.grade(rf"  \boxed{{{answer}}} ", f"${answer}$").correct


@relaxed
@given(gold=expressions, answer=expressions)
def test_expressions_are_symmetric(grader: Grader, gold: str, answer: str) -> None:
    """Exact expressions: no decimal gold, whose tolerance goes one way."""
    if "." in gold or "." in answer:
        return
    there, back = grader.grade(answer, gold), grader.grade(gold, answer)
    if {there.verdict, back.verdict} <= {"correct", "incorrect"}:
        assert there.verdict == back.verdict, (there, back)


@relaxed
@given(parts=st.lists(expressions, min_size=2, max_size=4), data=st.data())
def test_lists_have_no_order(grader: Grader, parts: list[str], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(parts))
    grade = grader.grade(", ".join(shuffled), r"\{" + ", ".join(parts) + r"\}")
    assert grade.verdict in ("correct", "timeout", "too_large", "gold_unparsable") or _undefined(grader, parts), grade


def _undefined(grader: Grader, parts: list[str]) -> bool:
    """Whether some part has no value, so that it equals nothing but its own spelling."""
    return any(
        grader.check_gold(f"{part}") is not None or not grader.grade(f"({part})+0", part).correct for part in parts
    )


@relaxed
@given(a=st.integers(-(10**12), 10**12), b=st.integers(-(10**12), 10**12))
def test_integers_are_exact(grader: Grader, a: int, b: int) -> None:
    assert grader.grade(str(a), str(b)).correct == (a == b)
    assert grader.grade(f"{a:,}", str(b)).correct == (a == b)
    assert grader.grade(rf"\frac{{{a}}}{{7}}", rf"\frac{{{b}}}{{7}}").correct == (a == b)
    assert grader.grade(rf"{a}+\sqrt{{2}}", rf"\sqrt{{2}}+{b}").correct == (a == b)


@settings(relaxed, max_examples=300)
@given(random=st.randoms(use_true_random=False))
def test_the_whole_grammar(random: Random) -> None:
    """No exception with no net under the reader, and equality as it should be."""
    found = Found()
    try_pair(found, random)
    assert found.faults == {}


def test_what_the_fuzz_has_found() -> None:
    assert normalise(r"$\frac12\\$") == normalise(r"\frac12")
    assert normalise(r"$5\$") != "5"
    assert normalise(r"$\displaystyle ]0, 1[$") == "(0, 1)"
    for damaged in (r"\frac 2.", r"\frac .5 3", r"\floor(1, 2)"):
        assert judge_by_engine(normalise(damaged), "2") in (None, ("incorrect", "engine"))
