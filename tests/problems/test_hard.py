"""`int-verl problems hard`: selection by pass rate."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from int_verl.cli import main
from int_verl.problems.hard import BANDS, band_names, band_of, tally_attempts
from int_verl.problems.sets import load_problems
from int_verl.records import PROBLEM, read_rows, write_rows

# Outcomes of each problem's attempts.
OUTCOMES = {
    "never": ["incorrect"] * 8,
    "cut": ["truncated"] * 6 + ["no_answer"] * 2,
    "once": ["correct"] + ["incorrect"] * 7,
    "half": ["correct"] * 4 + ["incorrect"] * 4,
    "always": ["correct"] * 8,
    "few": ["incorrect"] * 2,
    "undecided": ["timeout"] * 7 + ["incorrect"],
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    rows = [
        {"id": name, "problem": f"{name}?", "answer": "1", "reference_solution": "1.", "source": "s"}
        for name in [*OUTCOMES, "no attempts"]
    ]
    write_rows(folder / "problems/train.parquet", PROBLEM, rows)
    attempts = [
        {"problem_id": name, "outcome": outcome, "correct": outcome == "correct"}
        for name, outcomes in OUTCOMES.items()
        for outcome in outcomes
    ]
    (folder / "sample").mkdir()
    pq.write_table(pa.Table.from_pylist(attempts), folder / "sample/attempts.parquet")
    return folder


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["problems", "hard", *arguments])
    captured = capsys.readouterr()
    return int(done.value.code or 0), captured.out, captured.err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["never", "cut", "few", "undecided"]),
        (["--min-attempts", "8"], ["never", "cut"]),
        (["--min-attempts", "8", "--truncated", "excluded"], ["never"]),
        (["--max-pass-rate", "0.125", "--min-attempts", "3"], ["never", "cut", "once"]),
        (["--max-pass-rate", "0.5", "--min-attempts", "8"], ["never", "cut", "once", "half"]),
    ],
)
def test_selection(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path, options: list[str], expected: list[str]
) -> None:
    out = tmp_path / "hard.parquet"
    code, printed, _ = call(capsys, str(run), *options, "--out", str(out))
    assert code == 0
    assert [problem.id for problem in load_problems(str(out))] == expected
    assert f"problems.train={out}" in printed
    assert ("are left out" if "excluded" in options else "6 truncated attempts count as failures") in printed
    assert "7 that the grader could not decide" in printed


def test_a_part_is_held_out(capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path) -> None:
    out, held = tmp_path / "hard.parquet", tmp_path / "test.parquet"
    options = ["--out", str(out), "--heldout", "3", "--heldout-out", str(held)]
    code, printed, _ = call(capsys, str(run), *options)
    assert code == 0
    assert f"3 of them held out: problems.heldout={held}" in printed
    sides = [{problem.id for problem in load_problems(str(file))} for file in (out, held)]
    assert sides[0] | sides[1] == {"never", "cut", "few", "undecided"}
    assert (len(sides[0]), len(sides[1])) == (1, 3)


def test_rows_say_what_they_were_chosen_by(capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path) -> None:
    out = tmp_path / "hard.parquet"
    file = run / "sample/attempts.parquet"  # the problems are found from the file of attempts as well
    assert call(capsys, str(file), "--max-pass-rate", "1", "--out", str(out))[0] == 0
    rows = {row["id"]: (row["attempts"], row["correct"], row["truncated"]) for row in read_rows(out)}
    assert rows == {
        "never": (8, 0, 0),
        "cut": (8, 0, 6),
        "once": (8, 1, 0),
        "half": (8, 4, 0),
        "always": (8, 8, 0),
        "few": (2, 0, 0),
        "undecided": (1, 0, 0),
    }


def test_figures(capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path) -> None:
    _, printed, _ = call(capsys, str(run), "--out", str(tmp_path / "h.parquet"))
    lines = {line.split("│")[1].strip(): line.split("│")[2].strip() for line in printed.splitlines() if "│" in line}
    assert lines["0"] == "4"
    assert lines["above 0.0625, up to 0.125"] == "1"
    assert lines["above 0.25, up to 0.5"] == "1"
    assert lines["1"] == "1"
    assert "57.1% [25.0%, 84.2%]" in printed  # Wilson's interval of 4 in 7
    assert f"pass@1 {(1 / 8 + 1 / 2 + 1) / 7:.2%}" in printed
    assert "With no success in 1 attempts" in printed


def test_bands_cover_every_rate_once() -> None:
    names = band_names()
    assert len(names) == len(BANDS) + 1
    assert (names[band_of(0)], names[band_of(1)]) == ("0", "1")
    assert [names[band_of(rate)] for rate in (1e-9, 1 / 16, 0.3, 0.999)] == [
        "above 0, up to 0.0625",
        "above 0, up to 0.0625",
        "above 0.25, up to 0.5",
        "above 0.5, below 1",
    ]


def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path) -> None:
    def fails(*arguments: str) -> str:
        code, _, err = call(capsys, *arguments)
        assert code == 2
        assert len(err.strip().splitlines()) == 1
        return err

    assert "no such file" in fails(str(tmp_path / "nowhere"))
    attempts = tmp_path / "attempts.parquet"
    attempts.write_bytes((run / "sample/attempts.parquet").read_bytes())
    assert "say --problems FILE" in fails(str(attempts))
    assert "raise --max-pass-rate" in fails(str(run), "--min-attempts", "64")
    assert "belong together" in fails(str(run), "--heldout", "2")
    heldout = ("--heldout-out", str(tmp_path / "held.parquet"))
    assert "none would be left to train on" in fails(str(run), "--heldout", "4", *heldout)
    assert "is --out, too" in fails(str(run), "--heldout", "1", *heldout, "--out", heldout[1])
    pq.write_table(pa.table({"id": [1]}), attempts)
    assert "no column 'problem_id'" in fails(str(attempts))
    other = tmp_path / "other.parquet"
    write_rows(other, PROBLEM, [{"id": "x", "problem": "?", "answer": "1", "reference_solution": "", "source": "s"}])
    assert "holds none of the problems" in fails(str(run), "--problems", str(other))


def test_outcomes_are_not_needed(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"problem_id": ["a", "a"], "correct": [True, False]}), file)
    tally = tally_attempts(file)["a"]
    assert (tally.correct, tally.wrong, tally.counted("excluded")) == (1, 1, 2)
