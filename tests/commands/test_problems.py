"""`int-verl problems check`: mistakes, what it prints, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from int_verl.cli import main
from int_verl.commands.problems import problems
from int_verl.errors import UserError
from tests.problems.problem_files import faulty_set, patient, row, write  # noqa: F401


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["problems", *arguments])
    captured = capsys.readouterr()
    return int(done.value.code or 0), captured.out, captured.err


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


def test_lengths_are_counted_with_a_models_tokens_too(tmp_path: Path, model_folder: Path) -> None:
    file = write(tmp_path / "p.jsonl", [row("x" * length) for length in range(1, 101)])
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


def test_the_command_lists_faults_and_exits_with_2_until_a_clean_file_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    faulty = faulty_set(tmp_path)
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
