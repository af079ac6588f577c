"""What is dropped and what is held out of a problem set, and how it is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from int_verl.commands.problems import problems
from int_verl.errors import UserError
from tests.problems.problem_files import patient, row, write  # noqa: F401

TRIPLES = "Find the number of ordered triples ${0}$ of positive integers whose product ${1}$ is at most {2} and even."
ONE, RENAMED = TRIPLES.format("(x,y,z)", "xyz", 100), TRIPLES.format("(a,b,c)", "abc", 100)
SQUARES = "A row of 2022 unit squares is coloured so that no three neighbours have one colour; count the colourings."


def curate(file: str, out: Path, *options: str) -> Result:
    return CliRunner().invoke(problems, ["curate", file, "--out", str(out), *options], catch_exceptions=True)


def kept(file: Path) -> list[str]:
    return [str(text) for text in pq.read_table(file)["problem"].to_pylist()]


def drops(out: Path) -> dict[int, dict[str, Any]]:
    return {each["row"]: each for each in json.loads(out.with_suffix(".drops.json").read_text())["dropped"]}


def test_every_drop_is_named_with_row_id_and_reason(tmp_path: Path) -> None:
    benchmark = write(tmp_path / "bench.jsonl", [{"question": f"(AIME) {SQUARES}"}])
    file = write(
        tmp_path / "set.jsonl",
        [
            row(ONE, "7", id="one"),
            row(RENAMED, "7", id="renamed"),
            row("Prove that 2 is prime.", "2", id="proof"),
            row(SQUARES, "5", id="squares"),
            row("Two?", r"\frac{1}{", id="gold"),
            row("Find $x+y$.", "3", id="short"),
            row("Find $a+b$.", "3", id="short renamed"),
            row("Find $x+x$.", "4", id="another"),
            row("What?", " ", id="empty"),
        ],
    )
    out = tmp_path / "train.parquet"
    done = curate(file, out, "--drop-proofs", "--drop-near", "0.8", "--benchmark", benchmark)
    assert done.exit_code == 0, done.output
    assert kept(out) == [ONE, "Find $x+y$.", "Find $x+x$."]
    named = {number: (drop["id"], drop["kind"]) for number, drop in drops(out).items()}
    assert named == {
        2: ("renamed", "near_duplicate"),
        3: ("proof", "proof"),
        4: ("squares", "benchmark"),
        5: ("gold", "gold"),
        7: ("short renamed", "near_duplicate"),
        9: ("", "missing"),
    }
    assert "row 1 (one)" in drops(out)[2]["reason"]
    assert "row 1 of" in drops(out)[4]["reason"]


def test_without_options_only_what_a_run_refuses_is_dropped(tmp_path: Path) -> None:
    file = write(tmp_path / "set.jsonl", [row(ONE), row(RENAMED), row("Prove that 2 is prime."), row("Two?", " ")])
    assert curate(file, tmp_path / "train.parquet").exit_code == 0
    assert len(kept(tmp_path / "train.parquet")) == 3


def test_a_stock_phrase_is_no_overlap(tmp_path: Path) -> None:
    phrase = "where $m$ and $n$ are relatively prime positive integers. Find the value of $m+n$."
    texts = [f"A fair coin falls {number} times; {what} is $m/n$ {phrase}" for number, what in ((5, "p"), (6, "q"))]
    benchmark = write(tmp_path / "bench.jsonl", [row(f"Question {k} is about k, {phrase}") for k in range(5)])
    file = write(tmp_path / "set.jsonl", [row(text) for text in texts])
    assert curate(file, tmp_path / "train.parquet", "--benchmark", benchmark).exit_code == 0
    assert kept(tmp_path / "train.parquet") == texts


def test_what_is_held_out_stays_so_when_rows_are_added_or_reordered(tmp_path: Path) -> None:
    rows = [row(f"What is {k} times 7?", str(7 * k), id=f"r{k}") for k in range(200)]
    options = ["--heldout", "0.25", "--heldout-out", str(tmp_path / "heldout.parquet")]
    assert curate(write(tmp_path / "a.jsonl", rows[:120]), tmp_path / "train.parquet", *options).exit_code == 0
    first, left = kept(tmp_path / "heldout.parquet"), kept(tmp_path / "train.parquet")
    assert 15 <= len(first) <= 45
    assert len(first) + len(left) == 120
    renumbered = [{**each, "id": f"other {k}"} for k, each in enumerate(reversed(rows))]
    assert curate(write(tmp_path / "b.jsonl", renumbered), tmp_path / "train.parquet", *options).exit_code == 0
    assert set(first) <= set(kept(tmp_path / "heldout.parquet"))
    assert not set(first) & set(kept(tmp_path / "train.parquet"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--heldout", "0.1"], "go together"),
        (["--benchmark", "nowhere.jsonl"], "no such file"),
        (["--drop-proofs"], "no row is left"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, options: list[str], message: str) -> None:
    file = write(tmp_path / "set.jsonl", [row("Prove that 2 is prime.")])
    error = curate(file, tmp_path / "train.parquet", *options).exception
    assert isinstance(error, UserError)
    assert message in str(error)
    assert "\n" not in str(error)
