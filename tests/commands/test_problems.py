"""`int-verl problems check`: columns, faults, likeness, the cleaned file, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from int_verl.cli import main
from int_verl.commands.problems import problems
from int_verl.errors import UserError
from int_verl.problems.check import Report, check_problems, write_clean
from int_verl.problems.columns import Columns, find_columns
from int_verl.problems.sets import Problem, load_problems
from int_verl.records import read_rows
from int_verl.settings.compose import compose
from tests.quickstart_files import QUICKSTART, SHARED

PROBLEMS = SHARED / "data/problems"
OMNI, GSM8K, IMO = PROBLEMS / "omni_math_rule.jsonl", PROBLEMS / "gsm8k_test.jsonl", PROBLEMS / "imo_answerbench_v2.csv"
WORDY = "Find the number of ordered triples of positive integers whose product is at most {} and whose sum is even."


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine makes no gold answer unusable."""
    monkeypatch.setattr("int_verl.problems.check.GRADER_TIMEOUT", 120.0)


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def row(problem: str, answer: Any = "1", **more: Any) -> dict[str, Any]:
    return {"problem": problem, "answer": answer, "reference_solution": "So it is.", **more}


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["problems", *arguments])
    captured = capsys.readouterr()
    return int(done.value.code or 0), captured.out, captured.err


# Columns


def test_columns_are_guessed_and_what_is_said_wins() -> None:
    names = ["Problem ID", "Question", "solution", "final_answer", "gold"]
    guessed = find_columns("f", names, [])
    assert guessed.mapping == {
        "problem": "Question",
        "answer": "final_answer",
        "reference_solution": "solution",
        "id": "Problem ID",
    }
    assert set(guessed.guessed) == set(guessed.mapping)
    said = find_columns("f", names, [], {"answer": "gold"})
    assert said.mapping["answer"] == "gold"
    assert "answer" not in said.guessed


@pytest.mark.parametrize("name", ["question", "Short Answer", "a:b", 'odd, "name" [1]', "x=y"])
def test_overrides_say_to_a_run_what_was_guessed(name: str, tmp_path: Path) -> None:
    import shlex

    (override,) = Columns({"problem": name, "answer": "answer"}).overrides()
    (argument,) = shlex.split(override)
    config = compose(QUICKSTART / "quickstart.yaml", [argument])
    assert config.problems.columns == {"problem": name}
    file = write(tmp_path / "p.jsonl", [{name: "6 times 7?", "answer": "42"}])
    assert load_problems(file, config.problems.columns, need_reference=False)[0].problem == "6 times 7?"


def test_an_answer_after_a_mark_leaves_the_solution_before_it() -> None:
    rows = [{"question": "q", "answer": "It takes #### signs.\n#### 3"}, {"question": "r", "answer": "x\n#### 4"}]
    columns = find_columns("f", rows[0], rows)
    assert columns.answer_after == "####"
    assert columns.read(rows[0]) == {"problem": "q", "answer": "3", "reference_solution": "It takes #### signs."}
    assert find_columns("f", rows[0], [*rows, {"answer": "5"}]).answer_after is None
    assert find_columns("f", rows[0], [], answer_after="so:").answer_after == "so:"


def test_a_row_without_the_mark_that_was_said_is_faulty(tmp_path: Path) -> None:
    file = write(
        tmp_path / "p.jsonl", [{"question": q, "answer": f"x\n{mark} 3"} for q, mark in (("q", "#"), ("r", ""))]
    )
    assert check_problems(file).columns.answer_after is None
    report = check_problems(file, answer_after="#")
    assert [str(fault) for fault in report.faults["missing"]] == ["row 2, column answer: no '#' in it"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--column", "answer"], "write OURS=THEIRS"),
        (["--column", "answer=nope"], "no column 'nope'"),
        (["--column", "reply=answer"], "no such column of ours"),
        (["--write", "clean.csv"], "must end in .parquet"),
        (["--reward", "compute_score"], "write FILE.py:NAME"),
        (["--reward", "nowhere.py:compute_score"], "no such file"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    file = write(tmp_path / "p.jsonl", [row("6 times 7?", 42)])
    error = CliRunner().invoke(problems, ["check", file, *arguments]).exception
    assert isinstance(error, UserError)
    assert message in str(error)
    assert "\n" not in str(error)


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


# Rows


@pytest.fixture
def faulty(tmp_path: Path) -> str:
    return write(
        tmp_path / "faulty.jsonl",
        [
            row("One?", id="a"),
            row("Two?", r"\frac{1}{"),
            row("Three?", " "),
            row("Four?", None),
            row("One?", id="b"),
            row("Five?", id="a"),
            row("Six?") | {"reference_solution": ""},
            row(WORDY.format("one hundred"), "7"),
            row(WORDY.format("two hundred"), "8"),
            row("Seven?", "9"),
        ],
    )


def kinds(report: Report) -> dict[str, list[int]]:
    return {kind: [fault.row for fault in faults] for kind, faults in report.faults.items()}


def test_every_fault_is_found_with_its_row(faulty: str, tmp_path: Path) -> None:
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


def test_a_run_refuses_exactly_what_the_check_calls_faulty(faulty: str, tmp_path: Path) -> None:
    """Row by row, what `load_problems` and the grader take is what is left."""
    rows = [json.loads(line) for line in Path(faulty).read_text().splitlines()]
    report = check_problems(faulty)
    left = [one for number, one in enumerate(rows, 1) if number not in report.faulty_rows]
    assert check_problems(write(tmp_path / "left.jsonl", left)).usable_as_it_is
    assert len(load_problems(str(tmp_path / "left.jsonl"))) == len(left) == 4
    with pytest.raises(UserError):
        load_problems(faulty)


def test_lengths_are_counted_with_a_models_tokens_too(tmp_path: Path, model_folder: Path) -> None:
    file = write(tmp_path / "p.jsonl", [row("x" * length) for length in range(1, 101)])
    report = check_problems(file, tokens=lambda text: len(text) * 2)
    characters, tokens = (length for length in report.lengths if length.column == "problem")
    assert (characters.unit, tokens.unit) == ("characters", "tokens")
    assert characters.percentiles == {"0": 1, "5": 5, "25": 25, "50": 50, "75": 75, "95": 95, "99": 99, "100": 100}
    assert tokens.percentiles["50"] == 100
    assert characters.mean == 50.5
    assert sum(characters.bins) == 100
    result = CliRunner().invoke(problems, ["check", file, "--model", str(model_folder)])
    assert result.exit_code == 0, result.output
    assert "problem, tokens" in result.output


def test_a_reward_function_may_take_golds_that_are_no_mathematics(tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", [row("Which compiler?", "The one that was linked last, whatever its name.")])
    arguments = ["check", file, "--for", "train"]
    assert isinstance(CliRunner().invoke(problems, arguments).exception, UserError)
    result = CliRunner().invoke(
        problems, [*arguments, "--reward", "pkg://int_verl.reward_fns.exact_match:compute_score"]
    )
    assert result.exit_code == 0, result.output


# The command


def test_the_command_lists_faults_and_exits_with_2_until_a_clean_file_is_written(
    capsys: pytest.CaptureFixture[str], faulty: str, tmp_path: Path
) -> None:
    code, out, err = call(capsys, "check", faulty, "--json", str(tmp_path / "found.json"))
    assert code == 2
    assert "row 5, column problem: the same text as row 1" in out
    assert "6 of 10 rows are faulty" in err
    assert "--write CLEAN.parquet" in err
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["usable_rows"] == 4
    assert found["faults"]["gold"][0]["row"] == 2
    clean = str(tmp_path / "clean.parquet")
    code, out, _ = call(capsys, "check", faulty, "--write", clean)
    assert code == 0
    assert f"4 rows written: problems.train={clean}" in out
    code, out, _ = call(capsys, "check", clean)  # near-duplicates are only a warning
    assert code == 0
    assert "pairs of rows that are alike" in out


def test_a_set_of_other_columns_is_usable_with_the_overrides_that_are_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = write(tmp_path / "p.jsonl", [{"question": "6 times 7?", "final_answer": 42, "solution": "42."}])
    code, out, _ = call(capsys, "check", file)
    assert code == 0
    for override in ("problem=question", "answer=final_answer", "reference_solution=solution"):
        assert f"problems.columns.{override}" in out


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
