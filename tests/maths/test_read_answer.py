"""What kinds of items answers are read as."""

from __future__ import annotations

import pytest

from int_verl.maths import answer_items
from int_verl.maths.answer_items import NamedGroup, Set, Tuple, Value
from int_verl.maths.normal_form import normalise
from int_verl.maths.read_answer import ambiguous, read

EXAMPLES = [
    ("5", "Value"), ("x = 5", "Value"), (r"50\%", "Value"), ("2x + 3", "Value"), ("a = b = 3", "Value"),
    ("(1, 2)", "Tuple"), ("[0, 1]", "Tuple"), (r"\langle 1, 2, 3 \rangle", "Tuple"),
    (r"(0, \infty)", "Region"), ("x > 3", "Region"), (r"[0, 1] \cup [2, 3]", "Region"),
    (r"\text{no solution}", "Region"),
    ("x^2 + y^2 = 1", "Equation"), ("x + y < 1", "Inequality"), ("1 : 2", "Ratio"), ("1101_2", "NumeralInBase"),
    ("a = 1, b = 2", "NamedGroup"), (r"\text{even}", "Text"), ("2 = 3", "Contradiction"),
    (r"\int_0^1 f", "NotUnderstood"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind"), EXAMPLES)
def test_kinds(text: str, kind: str) -> None:
    (item,) = read(normalise(text))
    assert type(item) is getattr(answer_items, kind)


def test_a_set_is_one_item() -> None:
    (whole,) = read(r"\{1, 2\}")
    assert isinstance(whole, Set)
    assert [type(item) for item in whole.members] == [Value, Value]
    (item,) = read(r"(\{1, 2\}, 3)")
    assert isinstance(item, Tuple)
    assert isinstance(item.entries[0], Set)


def test_names_and_groups() -> None:
    both = read("x = 1, 2")
    assert [item.name for item in both] == ["x", "x"]
    groups = read("p = 5, q = 2, p = 7, q = 3")
    assert all(isinstance(group, NamedGroup) and [m.name for m in group.entries] == ["p", "q"] for group in groups)


def test_thousands_are_values_too() -> None:
    assert ambiguous("1,234")
    assert len(read("1,234")) == 1
    assert len(read("1,234", grouped=False)) == 2
