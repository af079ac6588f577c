# ruff: noqa: E501
"""Remarks beside a value change nothing; a doubt or a contradiction makes it no answer."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader

SAME = [
    ("8", r"8 \text{ (because } k>0)"), ("8", r"8 \text{ (since } k>0\text{)}"), ("8", r"8\text{ (since k > 0)}"), ("8", "8 (approximately)"),
    ("8", r"8 \text{ (approx.)}"), ("8", r"8\text{ (exactly)}"), ("8", r"8\text{ (the smallest one)}"), ("8", r"8 \text{ (see above)}"),
    ("k+1", r"k+1 \text{ (where } k>0)"), (r"\frac12", r"\frac12\text{ (in lowest terms)}"), ("8", "exactly 8"), ("8", r"\text{about } 8"), ("8", r"\approx 8"), ("8", r"x \approx 8"),
    (r"\frac17", r"\frac17 \approx 0.1428"), (r"\frac17", r"\frac17 \approx 0.1429"), (r"\sqrt2", r"\sqrt2\approx1.415"), (r"\sqrt2", r"\sqrt{2} = 1.41421\ldots"),
    (r"\sqrt2", r"x = \sqrt{2} \approx 1.41"), (r"\frac13", r"\frac13 \approx 33.3\%"), (r"10\pi", r"10\pi \approx 31"), (r"\frac{737}{39}", r"\frac{737}{39}\;\text{(about }18.9\text{ cards)}"),
    (r"\frac13", "0.333..."), (r"\frac16", r"0.1666\ldots"), ("8", "8."), ("8", r"8 \text{ exactly}"), ("1,2,3,\\ldots", "1,2,3,\\ldots"),
    (r"2\sqrt3", r"2\sqrt{3}\text{ cm}\approx 3.46\text{ cm}"), ("8", r"8 \text{ or } 8.0"), ("8", "≈8"),
    ("8", "8 because every other case was counted twice"), ("8", "The answer is 8 because of symmetry."), ("8", r"8, \text{ since } k>0"), ("x=8", "x=8, since $x>0$"),
    ("8", "8 (maximal)"), ("8", r"8 	ext{ (attained at } t = -1	ext{)}"), ("8", "8 (at x = 2)"), (r"rac{1}{4}", r"rac14\ (	ext{when } p=rac12)"), ("8", "8 (the least)"),
]  # fmt: skip
DIFFERENT = [
    ("8", "9 because 8 is too small"), ("8", "8 because it cannot be 9, or 9"), ("8", "because 8"), ("8", "8 since 9 was wrong"),
    *[("8", answer) for answer in (
        r"8 \approx 11", "8?", "8??", "8 (?)", r"8\ldots", "8...", r"8\cdots", "8, ...", "8 or so", r"8\text{ or so}", "8+", "8-ish", r"8 \ne 9", ">8", r"\ge 8", "at least 8",
        r"\text{at most } 8", "8 or more", "not 8", r"\neq 8", r"8 \text{ is wrong}", r"8\text{ (wrong)}", r"8 \text{ (incorrect)}", r"8 \text{ (or } 9)", r"8 \text{ (or 9)}",
        r"8\text{ (not 9, actually 9)}", r"8 \text{ (approximately 11)}", r"8 \approx 8.3", r"x = 8 \approx 9", "8 = 8.3", r"8 \text{ (about } 11)", "8 (9)", r"8 \text{ if } k>0 \text{, else } 9",
    )],
    (r"\frac17", r"\frac17 \approx 0.25"), (r"\sqrt2", r"\sqrt2\approx1.5"), ("100", r"100 \approx 101"), (r"\pi", r"3.14159\ldots"), (r"\frac13", "0.33..."), ("k+1", r"k+2 \text{ (where } k>0)"), ("n+c", r"n + d, where d = 3"), ("8", r"k \text{ where } k = 9"),
    (r"\sqrt2", r"\sqrt2 = 1.73\ldots"),
    (r"2\sqrt3", r"2\sqrt{3}\approx 4.46\text{ cm}"), ("8", "8 (maybe)"), ("8", "nearly 8"), ("8", "between 7 and 9"), ("8", r"8 \text{ (rejected)}"), ("8", r"8 \text{ (also } 9)"),
    ("8", "8 (min(3, 5))"), ("8", "8 (at x = 2, but 9 at x = 3)"), ("8", r"8 \text{ (when } k=1 \text{ or } 2)"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize("gold", ["8?", r"3.14159\ldots", "x = 2?"])
def test_an_open_gold_is_unusable(pair_grader: Grader, gold: str) -> None:
    assert "question" in str(pair_grader.check_gold(gold))
