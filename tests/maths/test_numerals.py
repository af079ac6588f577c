# ruff: noqa: E501
"""Numerals in a base: its spellings, and what equals one."""

from __future__ import annotations

import pytest

from int_verl.maths.numerals import with_subscripts
from tests.maths.engine import same_by_engine

SPELLINGS = [
    "314_5", "314_{5}", "(314)_5", "{314}_{5}", "314_{(5)}", r"314_{\text{five}}", "314_{five}", r"314_{\mathrm{five}}", "314 (base 5)",
    r"314 \text{ (base 5)}", r"314_{\text{base }5}", "314 in base five", "314, base 5", r"314\text{ in base }5", r"\text{314 base 5}",
    r"314_{\text{base-}5}", r"314_\text{five}", r"314_{\text{base five}}",
]  # fmt: skip


@pytest.mark.parametrize("answer", SPELLINGS)
@pytest.mark.parametrize("gold", ["314_5", r"314_{\text{five}}", "314 (base 5)"])
def test_spellings(gold: str, answer: str) -> None:
    assert same_by_engine(gold, answer)
    assert not same_by_engine(gold.replace("314", "413"), answer)
    assert not same_by_engine(gold.replace("5", "6").replace("five", "six"), answer)


def test_what_is_around_stays() -> None:
    assert with_subscripts("(3, 101_{two})") == "(3, 101_{2})"
    assert with_subscripts("(314 in base five, 2)") == "(314_{5}, 2)"
    assert with_subscripts(r"r_1r_2, \mathrm{PQ}_{1}, \text{AB}_{9}") == r"r_1r_2, \mathrm{PQ}_{1}, \text{AB}_{9}"
    assert with_subscripts("12 in total, f(x_{two})") == "12 in total, f(x_{two})"


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        ("1011_2", "1011", True), ("AB_{16}", "AB", True), ("2A_{16}", r"\text{2A}", True), ("314_{10}", "314", True), ("314", "314_{10}", True),
        ("101_2, 11_2", r"11_{\text{two}}, 101_{\text{two}}", True), ("1011 in binary", "1011_2", True), (r"1011 \text{ (binary)}", "1011_2", True), ("12_b", "12_{b}", True),
        ("1011_2", "11", False), ("1011", "1011_2", False), ("AB_{16}", "BA", False), ("2A_{16}", "2B_{16}", False), ("12_b", "12_c", False),
        ("AB_{16}", "AB_{12}", False), ("314_5", "314, 5", False),
    ],
)  # fmt: skip
def test_a_base_left_out(gold: str, answer: str, same: bool) -> None:
    assert same_by_engine(gold, answer) is same
