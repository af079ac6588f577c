"""The figures of an evaluation, by set and by source."""

from __future__ import annotations

import pytest
from rich.console import Console

from int_verl.evaluate.benchmark import TRAIN, evaluation_table, figure_rows
from int_verl.evaluate.benchmark_text import evaluation_cells, source_cells
from tests.evaluate.rows import evaluated


def test_every_source_at_its_own_k_and_the_average_without_the_training_problems():
    rows = [*evaluated("imo", [0, 8]), *evaluated("amo", [1, 0, 0, 0]), *evaluated(TRAIN, [0, 0], source="polaris")]
    table = evaluation_table(rows, {"amo": 8, TRAIN: 4})
    columns = {column["source"]: (column["k"], column["pass_at_k"]["value"]) for column in table["columns"]}
    assert columns == {"imo": (1, 0.5), "amo": (8, 0.25), TRAIN: (4, 0.0)}
    assert table["average"]["value"] == pytest.approx((0.5 + 0.25) / 2)
    assert [row[0] for row in source_cells(table).rows] == ["imo", "amo", "average", "D_train"]


def test_a_set_of_several_sources_is_one_set_and_several_columns():
    rows = [*evaluated("all", [8, 8], source="a"), *evaluated("all", [0], source="b", problem_id="9")]
    table = evaluation_table(rows, {})
    assert [(one["set"], one["problems"]) for one in table["sets"]] == [("all", 3)]
    assert [column["source"] for column in table["columns"]] == ["a", "b"]
    assert table["average"]["value"] == 0.5


def test_figures_of_a_set():
    rows = evaluated("amo", [4, 2], samples=12, wrong_votes=[3, 2], tokens=1200)
    (one,) = evaluation_table(rows, {})["sets"]
    assert list(one["pass_at"]) == list(one["majority_at"]) == ["1", "2", "4", "8", "12"]
    assert one["pass_at"]["1"]["value"] == one["majority_at"]["1"]["value"] == 6 / 24
    assert one["majority_at"]["12"]["value"] == 0.5
    assert one["truncated"]["value"] == pytest.approx((3 + 5) / 24)
    assert one["tokens"] == {"value": 100, "low": 100, "high": 100}


def test_what_the_rows_do_not_know_is_no_figure():
    unknown = {"truncated": None, "wrong_votes": None, "tokens": None}
    rows = evaluated("dump", [1, 2]) + [row | unknown for row in evaluated("dump", [3], problem_id="9")]
    (one,) = evaluation_table(rows, {})["sets"]
    assert one["majority_at"] is one["tokens"] is one["truncated"] is None
    console = Console(width=160, record=True)
    for cells in evaluation_cells(evaluation_table(rows, {})):
        console.print(cells.rich())
        assert cells.markdown().startswith("| ")
    assert "maj@" not in console.export_text()


def test_figures_as_rows():
    table = evaluation_table(evaluated("amo", [4, 2]), {"amo": 4})
    rows = {(row["problem_set"], row["figure"], row["k"]): row for row in figure_rows("m", table)}
    assert (
        rows["amo", "pass_at", 4]["value"]
        == rows["amo", "column", 4]["value"]
        == rows["average", "column", None]["value"]
    )
    assert rows["amo", "truncated", None]["problems"] == 2
    assert {row["model"] for row in rows.values()} == {"m"}


def test_a_k_without_samples_and_no_rows_are_refused():
    with pytest.raises(ValueError, match="draw more samples"):
        evaluation_table(evaluated("amo", [1]), {"amo": 16})
    with pytest.raises(ValueError, match="no rows"):
        evaluation_table([], {})


def test_a_problem_that_lost_a_sample_is_left_out_of_the_column_whose_k_it_has_no_samples_for():
    rows = evaluated("amo", [8, 0]) + [row | {"problem_id": "9", "lost": 1} for row in evaluated("amo", [7], samples=7)]
    table = evaluation_table(rows, {"amo": 8})
    assert [(column["problems"], column["pass_at_k"]["value"]) for column in table["columns"]] == [(2, 0.5)]
    assert (table["sets"][0]["problems"], table["sets"][0]["samples"]) == (3, 7)
    assert list(table["sets"][0]["pass_at"]) == ["1", "2", "4", "7"]
