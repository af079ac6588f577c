"""Problem sets joined: names, ids, references from elsewhere, what is dropped and what is held out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from int_verl.commands.problems import problems
from int_verl.problems.raw_rows import raw_rows
from tests.problems.problem_files import write


def join(out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(problems, ["join", *arguments, "--out", str(out)], catch_exceptions=True)


def written(file: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = pq.read_table(file).to_pylist()
    return found


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    one = [{"question": f"What is {n}?", "final_answer": n, "source": "a book"} for n in range(4)]
    other = [
        {"Problem ID": n, "prompt": f"What is {n}?", "answer": str(n), "solution": f"It is {n}."} for n in (3, 4, 5)
    ]
    other.append({"Problem ID": 6, "prompt": "What is it?", "answer": None, "solution": "It."})
    return [f"one={write(tmp_path / 'one.jsonl', one)}", f"other={write(tmp_path / 'other.jsonl', other)}"]


def test_names_become_sources_and_stand_before_ids(two: list[str], tmp_path: Path) -> None:
    done = join(tmp_path / "all.parquet", *two)
    assert done.exit_code == 0, done.output
    found = written(tmp_path / "all.parquet")
    assert [(row["source"], row["problem"]) for row in found] == [
        *(("one", f"What is {n}?") for n in range(4)),
        *(("other", f"What is {n}?") for n in (4, 5)),
    ]
    assert [row["id"] for row in found[4:]] == ["other/4", "other/5"]
    assert all(row["id"].startswith("one/") for row in found[:4])
    dropped = json.loads((tmp_path / "all.join.json").read_text())["sets"]["other"]["dropped"]
    assert [(drop["row"], drop["kind"]) for drop in dropped] == [(1, "repeated"), (4, "missing")]
    assert dropped[0]["reason"] == f"the same text as {found[3]['id']}"


def test_references_come_from_another_set(two: list[str], tmp_path: Path) -> None:
    known = [
        {"problem": f"What is {n}?", "answer": n, "reference_solution": text} for n, text in ((1, "One."), (4, "No."))
    ]
    references = write(tmp_path / "known.jsonl", [{**known[0], "reference_solution": ""}, *known])
    done = join(tmp_path / "all.parquet", *two, "--references", references)
    assert done.exit_code == 0, done.output
    assert {row["problem"]: row["reference_solution"] for row in written(tmp_path / "all.parquet")} == {
        "What is 1?": "One.",
        **{f"What is {n}?": f"It is {n}." for n in (3, 4, 5)},
    }
    assert "one: 1 of 4 rows, 3 left out: no_reference" in done.output
    assert join(tmp_path / "all.parquet", *two, "--references", references, "--for", "heldout").exit_code == 0
    assert len(written(tmp_path / "all.parquet")) == 6


def test_some_are_held_out(two: list[str], tmp_path: Path) -> None:
    held = tmp_path / "held.parquet"
    done = join(tmp_path / "all.parquet", *two, "--heldout", "2", "--heldout-out", str(held))
    assert done.exit_code == 0, done.output
    out, rest = ({row["problem"] for row in written(file)} for file in (held, tmp_path / "all.parquet"))
    assert (len(out), len(rest), out & rest) == (2, 4, set())
    join(tmp_path / "more.parquet", *two[::-1], "--heldout", "2", "--heldout-out", str(held))
    assert {row["problem"] for row in written(held)} == out, "the order of the sets does not matter"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.jsonl"], "write NAME=FILE"),
        (["a={one}", "a={one}"], "there is a set of that name"),
        (["a={one}", "--heldout", "1"], "belong together"),
        (["a={one}", "--references", "{one}"], "no column of reference solutions"),
        (["a={one}", "--for", "train"], "no problem is left"),
        (["a={one}", "--heldout", "4", "--heldout-out", "h.parquet"], "none would be left"),
        (["a=/no/such.jsonl"], "no such file"),
    ],
)
def test_mistakes_are_one_line(two: list[str], tmp_path: Path, arguments: list[str], said: str) -> None:
    one = two[0].partition("=")[2]
    failed = join(tmp_path / "all.parquet", *(argument.format(one=one) for argument in arguments))
    assert failed.exit_code
    assert said in str(failed.exception)
    assert "\n" not in str(failed.exception)


def test_a_revision_of_a_set_at_the_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import datasets

    asked = []

    def load_dataset(path: str, **options: Any) -> list[dict[str, str]]:
        asked.append((path, options["split"], options["revision"]))
        return [{"problem": "p"}]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    (tmp_path / "at@home").mkdir()
    for name in ("o/set", "o/set:test", "o/set@v1", "o/set@0b1f:test", str(tmp_path / "at@home")):
        assert list(raw_rows(name)) == [{"problem": "p"}]
    assert asked == [
        ("o/set", "train", None),
        ("o/set", "test", None),
        ("o/set", "train", "v1"),
        ("o/set", "test", "0b1f"),
        (str(tmp_path / "at@home"), "train", None),
    ]
