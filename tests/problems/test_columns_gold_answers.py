"""Gold answers of any file: whose column is guessed, of verl's own rows, behind a mark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from int_verl.errors import UserError
from int_verl.problems.columns import gold_answers


@pytest.mark.parametrize(
    ("rows", "column", "golds"),
    [
        ([{"Final Answer": "y #### 4"}, {"Final Answer": "x\n#### 5"}], None, [(1, "4"), (2, "5")]),
        ([{"Final Answer": 4}, {"Final Answer": "x\n#### 5"}], None, [(1, 4), (2, "x\n#### 5")]),
        ([{"reward_model": {"ground_truth": ["a", "b"]}, "answer": "c"}], None, [(1, ["a", "b"])]),
        ([{"reward_model": {"ground_truth": "a"}, "answer": "c"}], "answer", [(1, "c")]),
    ],
)
@pytest.mark.parametrize("name", ["p.jsonl", "p.json"])
def test_golds_are_found(tmp_path: Path, name: str, rows: list[Any], column: str | None, golds: list[Any]) -> None:
    (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
    assert list(gold_answers(str(tmp_path / name), column)) == golds


def test_a_file_without_answers_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("problem,x\np,1\n")
    with pytest.raises(UserError, match="no column of answers; pass --answer-column, one of: problem, x"):
        list(gold_answers(str(tmp_path / "p.csv")))
