"""Problem sets in: what is read, and what is refused with the row and column named."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from int_verl.errors import UserError
from int_verl.problems import Problem, load_problems, unusable_answers

ROW = {"problem": "6 times 7?", "answer": "42", "reference_solution": "It is 42."}


def write(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_every_kind_of_file_reads_the_same(tmp_path: Path) -> None:
    rows = [ROW | {"id": "a", "source": "s"}, ROW | {"problem": "7 times 6?", "id": "b", "source": "s"}]
    jsonl = write(tmp_path / "p.jsonl", rows)  # type: ignore[arg-type]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    (tmp_path / "p.csv").write_text(
        "id,source,problem,answer,reference_solution\n"
        + "".join(f"{r['id']},{r['source']},{r['problem']},{r['answer']},{r['reference_solution']}\n" for r in rows)
    )
    expected = [Problem("a", "6 times 7?", "42", "It is 42.", "s"), Problem("b", "7 times 6?", "42", "It is 42.", "s")]
    for file in (jsonl, str(tmp_path / "p.parquet"), str(tmp_path / "p.csv")):
        assert load_problems(file) == expected


def test_columns_are_mapped_and_ids_made_up(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", [{"question": "6 times 7?", "answer": 42, "solution": "It is 42."}])
    columns = {"problem": "question", "reference_solution": "solution"}
    (problem,) = load_problems(file, columns)
    assert problem.answer == "42"
    assert problem.id == load_problems(file, columns)[0].id


def test_an_evaluation_set_does_without_references(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", [{"problem": "6 times 7?", "answer": "42"}])
    assert load_problems(file, need_reference=False)[0].reference_solution == ""
    with pytest.raises(UserError, match=r"row 1 has no column 'reference_solution'.*problems\.columns"):
        load_problems(file)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW, ROW | {"answer": " "}], "row 2, column answer: empty"),
        ([ROW | {"answer": None}], "row 1, column answer: expected text, found NoneType"),
        ([ROW | {"problem": ["x"]}], "row 1, column problem: expected text, found list"),
        ([ROW, ROW], "row 2, column problem: the same text as row 1"),
        ([ROW | {"id": "a"}, ROW | {"id": "a", "problem": "x"}], "row 2, column id: 'a' is also the id of row 1"),
        ([], "no rows"),
    ],
)
def test_faulty_rows_are_named(tmp_path: Path, rows: list[dict[str, object]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_problems(write(tmp_path / "p.jsonl", rows))


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text(json.dumps(ROW) + "\n{broken\n")
    with pytest.raises(UserError, match="row 2 is not JSON"):
        load_problems(str(tmp_path / "p.jsonl"))


def test_missing_and_unknown_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load_problems(str(tmp_path / "none.jsonl"))
    (tmp_path / "p.txt").write_text("x")
    with pytest.raises(UserError, match="unknown kind of file"):
        load_problems(str(tmp_path / "p.txt"))
    (tmp_path / "p.parquet").write_text("x")
    with pytest.raises(UserError, match="not a parquet file"):
        load_problems(str(tmp_path / "p.parquet"))


def test_unusable_answers_are_listed_with_their_rows() -> None:
    problems = [Problem("a", "p", "42", "r", "s"), Problem("b", "q", "??", "r", "s")]
    faults = unusable_answers(problems, lambda answer: None if answer.isdigit() else "not a number")
    assert [str(fault) for fault in faults] == ["row 2, column answer: not a number"]
