"""`int-verl import`: what it prints, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from int_verl.cli import main
from tests.problems.problem_files import patient  # noqa: F401
from tests.published_files import published_rows, without, write_set


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["import", *arguments])
    captured = capsys.readouterr()
    return int(done.value.code or 0), captured.out, captured.err


def test_the_settings_of_the_run_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "student": row["incorrect_attempt"]} for row in published_rows(2)]
    rows[3]["answer"] = "None"
    data = write_set(tmp_path / "set", without(rows, "incorrect_attempt"))
    code, out, _ = call(capsys, "InT-SFT", data, "--into", str(tmp_path / "out"), "--column", "attempt=student")
    assert code == 0
    assert "4 rows read; 2 problems, 3 attempts, 3 interventions" in out
    assert "left out, faulty: 1" in out
    assert f"sample.attempts_from={tmp_path}/out/attempts.parquet" in out
    assert "guide.rollouts=0 select.need_success=false" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["InT", "set", "--into", "out"], "no such set; they are InT-hard-set"),
        (["InT-RL", "nowhere.parquet", "--into", "out"], "no such file"),
        (["InT-RL", "nowhere.parquet", "--into", "out", "--column", "answer"], "write OURS=THEIRS"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
