# ruff: noqa: E501
"""Congruences: their spellings, and which of them are the same."""

from __future__ import annotations

import pytest

from tests.maths.engine import same_by_engine

SPELLINGS = [
    r"n \equiv 2 \pmod 5", r"n \equiv 2 \bmod 5", r"n \equiv 2 \mod{5}", r"n\equiv 2\ (\mathrm{mod}\ 5)", r"n\equiv 2\ (\text{mod } 5)",
    "n ≡ 2 (mod 5)", r"n \equiv 2 \text{ (mod } 5)", r"n \equiv 2 \text{ (mod 5)}", r"n\equiv 2\;\left(\bmod\, 5\right)", r"n \equiv 2 \text{ modulo } 5",
    "n is congruent to 2 modulo 5", r"n \equiv 2\ [5]", r"n \bmod 5 = 2", r"n = 2 \pmod{5}", r"n\equiv -3 \pmod 5", r"n\equiv 12\pmod{5}",
    r"n \equiv 2^9 \pmod 5", r"2 \pmod 5", r"n\equiv 2, 7\pmod{10}", "n = 5k+2", "5m-3",
    r"5 \mid n-2", r"n-2\equiv 0\pmod 5", r"2n\equiv 4\pmod{10}", r"\text{all } n \text{ such that } n\equiv 2\pmod 5", "n = 2 mod 5",
]  # fmt: skip
OTHERS = [
    "2", "n=2", r"n\equiv 2\pmod 7", r"n\not\equiv 2\pmod 5", r"n ≢ 2 (mod 5)", r"n\equiv 3\pmod 5", r"n\equiv 2\pmod{10}", r"k\equiv 2\pmod 5",
    r"n\equiv 2,3\pmod 5", "n=5k+3", r"\text{two mod five}", r"(2, 5)", r"n \equiv 2",
]  # fmt: skip


@pytest.mark.parametrize("answer", SPELLINGS)
def test_spellings(answer: str) -> None:
    assert same_by_engine(r"n\equiv 2\pmod 5", answer)
    assert same_by_engine(answer, r"n\equiv 2\pmod 5")


@pytest.mark.parametrize("answer", OTHERS)
def test_others(answer: str) -> None:
    assert not same_by_engine(r"n\equiv 2\pmod 5", answer)


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        (r"n\equiv 1,4\pmod 5", r"n\equiv 4 \text{ or } 1 \pmod 5", True), (r"n\equiv 1,4\pmod 5", r"n\equiv\pm1\pmod 5", True),
        (r"n\equiv 1,4\pmod 5", r"n\equiv 1\pmod 5 \text{ or } n\equiv 4\pmod 5", True), (r"n\equiv 1,4\pmod 5", "1 or 4 mod 5", True),
        (r"n\equiv 1,4\pmod 5", r"n\equiv 1, n\equiv 4\pmod 5", True), (r"n\equiv 1,4\pmod 5", r"n\equiv 1\pmod 5", False),
        (r"n\equiv 1,4\pmod 5", r"n\equiv 1,3\pmod 5", False), (r"n\equiv 0,3\pmod 6", r"n\equiv 0\pmod 3", True),
        (r"n\equiv 0\pmod 3", r"n\equiv 0,2\pmod 6", False), (r"n\not\equiv 0\pmod 3", r"n\equiv 1,2\pmod 3", True),
        (r"n\not\equiv 0\pmod 3", r"n\equiv 1\pmod 3", False), (r"n\not\equiv 2\pmod 5", r"n\nequiv 7\pmod 5", True),
        (r"n\not\equiv 2\pmod 5", r"n\not\equiv 2\pmod 7", False), (r"p^2\equiv 1\pmod{24}", r"p^2 \equiv 25 \pmod{24}", True),
        (r"a+b\equiv 0\pmod 3", r"a\equiv -b\pmod 3", True), (r"a+b\equiv 0\pmod 3", r"a\equiv b\pmod 3", False),
        (r"n\equiv a\pmod m", r"n\equiv a\pmod{m}", True), (r"n\equiv 2\pmod m", r"n\equiv 2\pmod k", False),
        (r"x\equiv 11\pmod{24}", r"11\bmod 24", True), (r"x\equiv 11\pmod{24}", r"x\equiv 35\pmod{48}", False),
        (r"x\equiv 1\pmod 2, y\equiv 2\pmod 3", r"y\equiv 2\pmod 3, x\equiv 1\pmod 2", True),
        (r"x\equiv 1\pmod 2, y\equiv 2\pmod 3", r"x\equiv 2\pmod 3, y\equiv 1\pmod 2", False),
        ("2", r"17\bmod 5", True), ("17", r"17\bmod 5", False), ("4", r"4\pmod 7", True), ("4", r"3\pmod 7", False), ("2", r"2^{10}\equiv 2\pmod 7", True),
        ("3", r"2^{10}\equiv 3\pmod 7", False), ("4", r"x\equiv 4\pmod 7", False), (r"10^{20}x\equiv 3\pmod{10^{30}}", r"10^{20}x\equiv 3\pmod{10^{30}}", True),
        (r"x\equiv 3\pmod{10^{30}}", r"x\equiv 3\pmod{10^{29}}", False),
        (r"n\not\equiv 0\pmod 3", r"3\nmid n", True), (r"n\equiv 0\pmod 3", r"3\nmid n", False), (r"n\equiv\pm1\pmod 5", r"n^2\equiv 1\pmod 5", True),
        (r"n\equiv\pm1\pmod 5", r"n^2\equiv 4\pmod 5", False), ("3|x|", "3|x|", True), ("3|x|", "3|y|", False),
        (r"n\equiv 0,1\pmod 4", r"n=4k \text{ or } n=4k+1", True), ("4k, 4k+1", r"n\equiv 0,1\pmod 4", True), (r"n\equiv 0,1\pmod 4", "4k, 4k+2", False),
        (r"n\equiv 0\pmod 3", "6k, 6k+3", True), (r"n\equiv 0,1\pmod 4", "n=4k, m=4k+1", False), (r"n\equiv 2\pmod 3", r"\{3k+2 : k\in\mathbb{Z}\}", True),
        (r"a\equiv b\pmod n", r"a-b\equiv 0\pmod n", True),
    ],
)  # fmt: skip
def test_pairs(gold: str, answer: str, same: bool) -> None:
    assert same_by_engine(gold, answer) is same
