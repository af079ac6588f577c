"""What is found in a problem set, row by row, and what is left of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from int_verl.errors import UserError
from int_verl.problems.check import Report, check_problems, write_clean
from int_verl.problems.sets import Problem, load_problems
from int_verl.records import read_rows
from tests.problems.problem_files import WORDY, faulty_set, patient, row, write  # noqa: F401
from tests.quickstart_files import SHARED

PROBLEMS = SHARED / "data/problems"
OMNI, GSM8K, IMO = PROBLEMS / "omni_math_rule.jsonl", PROBLEMS / "gsm8k_test.jsonl", PROBLEMS / "imo_answerbench_v2.csv"


def test_a_row_without_the_mark_that_was_said_is_faulty(tmp_path: Path) -> None:
    file = write(
        tmp_path / "p.jsonl", [{"question": q, "answer": f"x\n{mark} 3"} for q, mark in (("q", "#"), ("r", ""))]
    )
    assert check_problems(file).columns.answer_after is None
    report = check_problems(file, answer_after="#")
    assert [str(fault) for fault in report.faults["missing"]] == ["row 2, column answer: no '#' in it"]


def test_fields_beyond_a_csv_header_are_no_columns(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("Question,Answer\nOne?,1,more\n")
    assert check_problems(str(tmp_path / "p.csv")).columns.mapping == {"problem": "Question", "answer": "Answer"}


def test_a_file_whose_columns_cannot_be_told_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"which column is the answer\? Say --column answer=NAME; it has problem, x"):
        check_problems(write(tmp_path / "p.jsonl", [{"problem": "p", "x": "1"}]))
    with pytest.raises(UserError, match="no column of reference solutions"):
        check_problems(write(tmp_path / "q.jsonl", [{"problem": "p", "answer": "1"}]), use="train")
    with pytest.raises(UserError, match="no rows"):
        check_problems(write(tmp_path / "e.jsonl", []))


def kinds(report: Report) -> dict[str, list[int]]:
    return {kind: [fault.row for fault in faults] for kind, faults in report.faults.items()}


def test_every_fault_is_found_with_its_row(tmp_path: Path) -> None:
    faulty = faulty_set(tmp_path)
    evaluation = write(
        tmp_path / "eval.jsonl", [{"problem": "Seven?", "answer": 1}, {"problem": WORDY.format(100), "answer": 1}]
    )
    report = check_problems(faulty, against=evaluation)
    assert kinds(report) == {"missing": [3, 4, 7], "repeated": [5, 6], "gold": [2], "in_evaluation": [10]}
    assert [(pair.row, pair.other_row) for pair in report.near_duplicates] == [(9, 8)]
    assert [(pair.row, pair.other_row) for pair in report.overlaps] == [(8, 2), (9, 2)]
    assert report.faulty_rows == {2, 3, 4, 5, 6, 7, 10}
    assert not report.usable_as_it_is
    clean = tmp_path / "clean.parquet"
    assert write_clean(report, clean) == 1
    assert load_problems(str(clean)) == [Problem("a", "One?", "1", "So it is.", "problems")]


def test_a_run_refuses_exactly_what_the_check_calls_faulty(tmp_path: Path) -> None:
    """Row by row, what `load_problems` and the grader take is what is left."""
    faulty = faulty_set(tmp_path)
    rows = [json.loads(line) for line in Path(faulty).read_text().splitlines()]
    report = check_problems(faulty)
    left = [one for number, one in enumerate(rows, 1) if number not in report.faulty_rows]
    assert check_problems(write(tmp_path / "left.jsonl", left)).usable_as_it_is
    assert len(load_problems(str(tmp_path / "left.jsonl"))) == len(left) == 4
    with pytest.raises(UserError):
        load_problems(faulty)


def test_lengths_are_counted_in_characters_and_tokens(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", [row("x" * length) for length in range(1, 101)])
    report = check_problems(file, tokens=lambda text: len(text) * 2)
    characters, tokens = (length for length in report.lengths if length.column == "problem")
    assert (characters.unit, tokens.unit) == ("characters", "tokens")
    assert characters.percentiles == {"0": 1, "5": 5, "25": 25, "50": 50, "75": 75, "95": 95, "99": 99, "100": 100}
    assert tokens.percentiles["50"] == 100
    assert characters.mean == 50.5
    assert sum(characters.bins) == 100


@pytest.mark.skipif(not PROBLEMS.is_dir(), reason="the shared problem sets are not here")
def test_real_sets(tmp_path: Path) -> None:
    report = check_problems(str(OMNI), against=str(IMO))
    assert (report.rows, report.use) == (2821, "train")
    assert len(report.faults["repeated"]) == 5
    assert {711, 184, 683} < {fault.row for fault in report.faults["gold"]}
    assert report.faults["in_evaluation"] == []
    assert (report.overlaps[0].id, report.overlaps[0].other_id) == ("037dcd792add", "imo-bench-combinatorics-025")
    written = write_clean(report, tmp_path / "omni.parquet")
    assert written == 2821 - len(report.unwritten_rows)
    assert check_problems(str(tmp_path / "omni.parquet"), against=str(IMO)).usable_as_it_is

    grade_school = check_problems(str(GSM8K))
    assert (grade_school.rows, grade_school.columns.answer_after, grade_school.faulty_rows) == (1319, "####", set())
    assert write_clean(grade_school, tmp_path / "gsm8k.parquet") == 1319
    first = next(read_rows(tmp_path / "gsm8k.parquet"))
    assert first["answer"] == "18"
    assert "####" not in first["reference_solution"]
    assert first["reference_solution"].startswith("Janet sells 16 - 3 - 4")

    assert (answer_bench := check_problems(str(IMO))).use == "heldout"
    assert answer_bench.columns.mapping["answer"] == "Short Answer"
