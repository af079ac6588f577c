"""The authors' published sets as files that a run is given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from int_verl.errors import UserError
from int_verl.grading import Grader
from int_verl.problems.import_set import Imported, import_set
from int_verl.problems.published import SETS, PublishedRows
from tests.published_files import published_rows, without, write_set

ATTEMPTS = "InT-hard-set-with-incorrect-attempts"
INTERVENTIONS = f"{ATTEMPTS}-and-interventions"
WHOLE = ("incorrect_attempt", "intervention", "self_verify_prompt", "self_verify_output")


def take(
    name: str, data: str, into: Path, said: Mapping[str, str] | None = None, problems: str | None = None
) -> Imported:
    return import_set(PublishedRows(SETS[name], data, said or {}, problems), into, lambda: Grader(timeout=120))


def table(file: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return rows


def test_problems_attempts_and_interventions_are_written_once_each(tmp_path: Path) -> None:
    rows = published_rows(3)
    found = take(INTERVENTIONS, write_set(tmp_path / "set", [*rows, rows[0]]), tmp_path / "out")
    assert (found.rows, found.problems, found.attempts, found.interventions) == (7, 3, 6, 7)
    problems, attempts = table(tmp_path / "out/train.parquet"), table(tmp_path / "out/attempts.parquet")
    assert [row["problem"] for row in problems] == [row["problem"] for row in rows[::2]]
    assert {row["problem_id"] for row in attempts} == {row["id"] for row in problems}
    assert [row["text"] for row in attempts] == [row["incorrect_attempt"] for row in rows]
    taken = table(tmp_path / "out/interventions.parquet")
    assert [row["attempt"] for row in taken] == [0, 1, 0, 1, 0, 1, 0]
    assert taken[1]["content"] == rows[1]["intervention"]["content"]
    assert (taken[1]["location"], taken[1]["text"]) == (3, "Substep 3 is wrong.")
    assert found.settings == [
        f"problems.train={tmp_path}/out/train.parquet",
        f"sample.attempts_from={tmp_path}/out/attempts.parquet",
        f"propose.interventions_from={tmp_path}/out/interventions.parquet",
    ]
    manifest = json.loads((tmp_path / "out/import.json").read_text())
    assert any("not those that were sampled" in note for note in manifest["notes"])


@pytest.mark.parametrize(
    ("name", "columns", "files"),
    [
        ("InT-hard-set", ("incorrect_attempt", "intervention"), {"train"}),
        (ATTEMPTS, ("intervention",), {"train", "attempts"}),
        ("InT-RL", ("incorrect_attempt", "intervention"), {"train"}),
        ("InT-SFT", (), {"train", "attempts", "interventions"}),
        ("InT-SFT", WHOLE, {"train", "attempts", "interventions"}),
    ],
)
def test_every_set_gives_what_it_has(tmp_path: Path, name: str, columns: tuple[str, ...], files: set[str]) -> None:
    take(name, write_set(tmp_path / "set", without(published_rows(2), *columns)), tmp_path / "out")
    assert {file.stem for file in (tmp_path / "out").glob("*.parquet")} == files


def test_the_test_set_is_a_heldout_set_and_needs_no_reference(tmp_path: Path) -> None:
    rows = [{"problem": "What is 6 times 7?", "answer": "42"}]
    found = take("InT-test-set", write_set(tmp_path / "set", rows, "test"), tmp_path / "out")
    assert found.settings == [f"problems.heldout={tmp_path}/out/heldout.parquet"]


def test_a_saved_data_set_is_read_too(tmp_path: Path) -> None:
    import datasets

    data = datasets.Dataset.from_list(published_rows(1))
    data.save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"train": data}).save_to_disk(str(tmp_path / "several"))
    for name in ("one", "several"):
        assert take("InT-SFT", str(tmp_path / name), tmp_path / f"{name}-out").interventions == 2


def test_guided_attempts_alone_are_enough_with_a_set_of_problems(tmp_path: Path) -> None:
    rows = published_rows(2)
    whole = [{name: row[name] for name in ("problem", "intervention_guided_attempt")} for row in rows]
    data = write_set(tmp_path / "set", whole)
    with pytest.raises(UserError, match=r"no column 'answer'.*--problems"):
        take("InT-SFT", data, tmp_path / "out")
    problems = write_set(tmp_path / "hard", rows)
    found = take("InT-SFT", data, tmp_path / "out", problems=problems)
    assert found.interventions == 4
    assert any("last paragraph" in note for note in found.notes)
    attempts, taken = table(tmp_path / "out/attempts.parquet"), table(tmp_path / "out/interventions.parquet")
    for row, attempt, one in zip(rows, attempts, taken, strict=True):
        steps = attempt["text"].split("\n\n")
        assert "\n\n".join([*steps[: one["location"] - 1], one["content"]]) == row["intervention_guided_attempt"]


def test_what_cannot_be_used_is_named_with_row_and_reason(tmp_path: Path) -> None:
    rows = [*published_rows(4), *published_rows(5)[8:]]
    rows[0]["reference_solution"] = rows[1]["reference_solution"] = "None"
    rows[2]["answer"] = rows[3]["answer"] = r"\frac{1}{"
    rows[5]["answer"] = "no answer like the other"
    rows[6]["incorrect_attempt"] = None
    rows[8]["intervention"] = None
    rows[9]["intervention"] = {"content": "x", "location": -1}
    found = take(INTERVENTIONS, write_set(tmp_path / "set", rows), tmp_path / "out")
    reasons = {drop.row: drop.reason for drop in found.dropped}
    assert reasons.keys() == {1, 2, 3, 4, 6, 7}
    assert "reference_solution" in reasons[1]
    assert "row 5" in reasons[6]
    assert reasons[7] == "no attempt"
    taken = table(tmp_path / "out/interventions.parquet")
    assert [row["location"] for row in taken] == [2, 3, None, None], "rejections that a run counts"
    assert len({drop.row for drop in found.dropped}) == len(found.dropped)


@pytest.mark.parametrize(
    ("columns", "said", "message"),
    [
        (("intervention",), {}, "no column 'intervention', which is needed of InT-hard-set-with"),
        (("incorrect_attempt",), {}, "say --column attempt=NAME"),
        ((), {"attempt": "student"}, "has no column 'student'"),
        ((), {"attempts": "student"}, "no such column of ours"),
    ],
)
def test_a_column_that_is_not_there_is_one_line(
    tmp_path: Path, columns: tuple[str, ...], said: dict[str, str], message: str
) -> None:
    data = write_set(tmp_path / "set", without(published_rows(1), *columns))
    with pytest.raises(UserError, match=message) as refused:
        take(INTERVENTIONS, data, tmp_path / "out", said)
    assert "\n" not in str(refused.value)
    assert "it has problem, answer" in str(refused.value) or "they are problem" in str(refused.value)


def test_another_name_can_be_said(tmp_path: Path) -> None:
    rows = [{"student" if k == "incorrect_attempt" else k: v for k, v in row.items()} for row in published_rows(1)]
    found = take(ATTEMPTS, write_set(tmp_path / "set", rows), tmp_path / "out", {"attempt": "student"})
    assert found.attempts == 2


def test_a_folder_that_is_taken_and_a_set_that_is_not_there_are_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/something").touch()
    with pytest.raises(UserError, match="choose another folder"):
        take("InT-RL", write_set(tmp_path / "set", published_rows(1)), tmp_path / "out")
    with pytest.raises(UserError, match="neither a file nor a data set"):
        take("InT-RL", str(tmp_path / "nowhere"), tmp_path / "new")
