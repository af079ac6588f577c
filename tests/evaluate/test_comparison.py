"""Evaluations side by side."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from int_verl.evaluate import bootstrap, pass_at_k
from int_verl.evaluate.benchmark import TRAIN
from int_verl.evaluate.benchmark_text import comparison_cells
from int_verl.evaluate.comparison import Entry, comparison_table
from tests.evaluate.rows import evaluated

CORRECT = st.lists(st.integers(0, 4), min_size=3, max_size=12)


@given(CORRECT, CORRECT)
@settings(deadline=None, max_examples=20)
def test_differences_are_paired_over_the_problems_in_common(ours, theirs):
    table = comparison_table(
        [Entry("a", evaluated("s", theirs, samples=4)), Entry("b", evaluated("s", ours, samples=8), "a")], {"s": 4}
    )
    (one,) = table["sets"]
    both = list(zip(ours, theirs, strict=False))
    assert one["problems"] == len(both)
    (difference,) = one["differences"]
    assert list(difference["pass_at"]) == ["1", "2", "4"]
    order = sorted(range(len(both)), key=str)
    gains = [pass_at_k(8, both[i][0], 4) - pass_at_k(4, both[i][1], 4) for i in order]
    assert difference["pass_at"]["4"] == bootstrap(gains, signed=True)
    assert table["columns"][0]["differences"][0]["pass_at_k"] == difference["pass_at"]["4"]


def test_a_model_against_itself_gains_nothing_and_a_better_one_gains_for_sure():
    worse, better = evaluated("s", [1] * 40), evaluated("s", [6] * 40)
    entries = [Entry("a", worse), Entry("same", worse, "a"), Entry("better", better, "a")]
    same, gain = comparison_table(entries, {})["sets"][0]["differences"]
    assert same["pass_at"]["1"]["value"] == 0
    assert gain["pass_at"]["1"]["low"] > 0.5


def test_the_average_is_over_the_columns_that_all_have_but_the_training_problems():
    a = [*evaluated("x", [8, 8]), *evaluated("y", [0, 0, 0]), *evaluated(TRAIN, [8])]
    b = [*evaluated("x", [0, 0]), *evaluated("y", [0, 0, 8]), *evaluated(TRAIN, [0]), *evaluated("only b", [8])]
    table = comparison_table([Entry("a", a), Entry("b", b, "a")], {"y": 8})
    assert [column["source"] for column in table["columns"]] == ["x", "y", TRAIN, "only b"]
    values = {name: estimate["value"] for name, estimate in table["average"]["pass_at_k"].items()}
    assert values == {"a": 0.5, "b": pytest.approx(1 / 6)}
    assert table["average"]["differences"][0]["pass_at_k"]["value"] == pytest.approx(1 / 6 - 1 / 2)


def test_a_source_without_samples_for_its_k_is_named():
    table = comparison_table([Entry("a", evaluated("x", [1])), Entry("b", evaluated("x", [1]), "a")], {"x": 64})
    assert (table["left_out"], table["columns"], table["average"]) == (["x"], [], None)


def test_one_id_with_two_texts_is_refused():
    theirs = [row | {"text_hash": "other"} for row in evaluated("s", [1])]
    with pytest.raises(ValueError, match="problem 0 of s is not the same one in a and b"):
        comparison_table([Entry("a", evaluated("s", [1])), Entry("b", theirs, "a")], {})


def test_on_a_terminal_and_as_markdown():
    entries = [Entry("a", evaluated("amo", [1, 2, 3])), Entry("b", evaluated("amo", [4, 2, 3]), "a")]
    console = Console(width=200, record=True)
    cells = comparison_cells(comparison_table(entries, {"amo": 8}))
    for one in cells:
        console.print(one.rich())
    assert "b minus a" in console.export_text()
    assert "amo pass@8" in cells[0].markdown()
