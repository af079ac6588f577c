"""Means over seeds, and orders against the paper's."""

from __future__ import annotations

import pytest

from int_verl.evaluate.seeds import mean_and_spread, order_against, seed_cells


@pytest.mark.parametrize(
    ("values", "scale", "digits", "shown"),
    [
        ({0: 0.2, 1: 0.4}, 100, 1, "30.0 ± 14.1"),
        ({3: 0.25}, 1, 3, "0.250"),
        ({}, 1, 3, "-"),
        ({0: 1.0, 1: 2.0, 2: 3.0}, 1, 0, "2 ± 1"),
    ],
)
def test_mean_and_spread(values: dict[int, float], scale: float, digits: int, shown: str) -> None:
    assert mean_and_spread(values, scale, digits) == shown


def test_only_seeds_that_both_have_are_compared() -> None:
    """a is below b in the seed that both have, though not in the mean of each; nobody has d."""
    ours = {"a": {0: 1.0, 1: 9.0}, "b": {0: 2.0}, "c": {0: 3.0, 1: 3.0}}
    paper = {"a": 1, "b": 2, "c": 3, "d": 4}
    assert order_against(paper, ours) == "2 of 3 pairs in the paper's order; not so: a / c (in 1 of 2 seeds)"
    cells = seed_cells("NLL", ours, paper)
    assert cells.rows[0] == ["a", "5.000 ± 5.657", "1"]
    assert cells.rows[3] == ["d", "-", "4"]


def test_equal_figures_of_the_paper_have_no_order() -> None:
    assert order_against({"a": 1, "b": 1}, {"a": {0: 2.0}, "b": {0: 1.0}}) == "nothing to order yet"
