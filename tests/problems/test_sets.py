"""Problem sets in: what is read, and what is refused with the row and column named."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from int_verl.errors import UserError
from int_verl.problems.sets import Problem, ProblemSet, load_problems

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
    with pytest.raises(UserError, match=r"no column of reference solutions.*say problems\.columns\.ref"):
        load_problems(file)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW, ROW | {"answer": " "}], "row 2, column answer: empty"),
        ([ROW | {"answer": None}], "row 1, column answer: expected text, found NoneType"),
        ([ROW | {"problem": ["x"]}], "row 1, column problem: expected text, found list"),
        ([ROW, ROW], "row 2, column problem: the same text as row 1"),
        ([*[ROW | {"problem": str(n)} for n in range(3)], ROW, ROW], "row 5, column problem: the same text as row 4"),
        ([ROW | {"id": "a"}, ROW | {"id": "a", "problem": "x"}], "row 2, column id: the same as that of row 1"),
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
    with pytest.raises(UserError, match="cannot be read as parquet"):
        load_problems(str(tmp_path / "p.parquet"))


def test_a_set_is_read_anew_at_every_iteration_and_knows_its_content(tmp_path: Path) -> None:
    rows = [ROW | {"problem": f"{number} times 7?", "id": str(number)} for number in range(10)]
    file = write(tmp_path / "p.jsonl", rows)  # type: ignore[arg-type]
    problems = ProblemSet(file)
    assert len(problems) == 10
    assert list(problems) == list(problems) == load_problems(file)
    assert problems.digest == ProblemSet(file).digest
    assert len({problems.digest, ProblemSet(file, limit=9).digest}) == 2
    for name in ("id", "problem", "answer", "reference_solution", "source"):
        changed = write(tmp_path / "q.jsonl", [*rows[:9], rows[9] | {name: "x"}])  # type: ignore[list-item]
        assert ProblemSet(changed).digest != problems.digest
    write(tmp_path / "p.jsonl", [*rows[:9], rows[9] | {"answer": ""}])  # type: ignore[list-item]
    with pytest.raises(UserError, match="row 10 was changed since it was checked"):
        list(problems)


def test_gsm8k_is_read_as_it_is(tmp_path: Path) -> None:
    rows = [
        {"question": f"What is {n} and {n}?", "answer": f"It is {n}+{n} = <<{n}+{n}={2 * n}>>{2 * n}.\n#### {2 * n}"}
        for n in (3, 4)
    ]
    file = write(tmp_path / "p.jsonl", rows)  # type: ignore[arg-type]
    first = load_problems(file)[0]
    assert (first.problem, first.answer) == ("What is 3 and 3?", "6")
    assert first.reference_solution == "It is 3+3 = <<3+3=6>>6."
    without = next(iter(ProblemSet(file, calculator_marks="remove")))
    assert without.reference_solution == "It is 3+3 = 6."
    assert str(ProblemSet(file).columns).startswith("problem = question, answer = answer after ####")


def test_an_answer_without_the_mark_is_a_fault_where_the_mark_is_said(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", [ROW | {"answer": "so => 42"}, ROW | {"problem": "b", "answer": "41"}])
    with pytest.raises(UserError, match="row 2, column answer: no '=>' in it"):
        load_problems(file, answer_after="=>")


def test_verls_own_rows_are_problems(tmp_path: Path) -> None:
    row = {
        "data_source": "openai/gsm8k",
        "prompt": [{"role": "system", "content": "Think."}, {"role": "user", "content": "6 times 7?"}],
        "reward_model": {"style": "rule", "ground_truth": "42"},
        "extra_info": {"index": 0, "answer": "It is 42.\n#### 42"},
    }
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "p.parquet")
    (problem,) = load_problems(str(tmp_path / "p.parquet"))
    assert (problem.problem, problem.answer, problem.source) == ("6 times 7?", "42", "openai/gsm8k")
    assert problem.reference_solution == "It is 42.\n#### 42"
    row["extra_info"] |= {"question": "What is 6 times 7?"}  # type: ignore[operator]
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "p.parquet")
    assert load_problems(str(tmp_path / "p.parquet"))[0].problem == "What is 6 times 7?"


def test_a_column_that_only_later_rows_have_counts(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", [ROW, ROW | {"problem": "b", "source": "elsewhere"}])  # type: ignore[list-item]
    assert [problem.source for problem in load_problems(file)] == ["problems", "elsewhere"]


def test_a_row_that_is_also_in_another_set_is_found(tmp_path: Path) -> None:
    train = ProblemSet(write(tmp_path / "p.jsonl", [ROW | {"problem": str(number)} for number in range(10)]))
    other = ProblemSet(write(tmp_path / "q.jsonl", [ROW | {"problem": str(number)} for number in (12, 11, 7, 8)]))
    assert other.row_also_in(train) == 3
    assert train.row_also_in(other) == 8
    assert ProblemSet(write(tmp_path / "r.jsonl", [ROW])).row_also_in(train) is None


def test_many_faults_are_counted_and_few_are_shown(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"row 5, column answer: empty; and 2 more; mend"):
        load_problems(write(tmp_path / "p.jsonl", [ROW | {"answer": ""}] * 7))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", "problem,answer,reference_solution\nf(x, y)?,2,3,it is 3\n", "row 1, column 4: more fields than"),
        ("p.csv", "problem,answer,answer,reference_solution\na,1,2,b\n", "two columns are named 'answer'"),
        ("p.csv", 'problem,answer,reference_solution\n"a",2,"yes\n"b",3,z\nc,4,w\n', "row 1, column 4"),
        ("p.jsonl", '{"problem": "a", "answer": NaN, "reference_solution": "b"}\n', "expected text, found nan"),
        ("p.jsonl", '{"problem": "a", "answer": Infinity, "reference_solution": "b"}\n', "expected text, found inf"),
        ("p.jsonl", '{"problem": "a", "answer": "\\ud800", "reference_solution": "b"}\n', "surrogate"),
        ("p.jsonl", "[" * 100_000 + "\n", "nested too deeply"),
    ],
)
def test_rows_that_would_be_read_as_others_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError) as error:
        load_problems(str(tmp_path / name))
    assert message in str(error.value)


def test_texts_in_other_encodings_are_refused_and_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    line = json.dumps(ROW | {"problem": "größer?"}, ensure_ascii=False) + "\n"
    (tmp_path / "p.jsonl").write_text(line, encoding="latin-1")
    with pytest.raises(UserError, match="not UTF-8"):
        load_problems(str(tmp_path / "p.jsonl"))
    (tmp_path / "p.jsonl").write_text(line, encoding="utf-8-sig")
    assert load_problems(str(tmp_path / "p.jsonl"))[0].problem == "größer?"


def test_a_long_csv_field_is_read(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(f"problem,answer,reference_solution\na,1,{'x' * 200_000}\n")
    assert len(load_problems(str(tmp_path / "p.csv"))[0].reference_solution) == 200_000
