"""Problem sets to be checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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


def faulty_set(folder: Path) -> str:
    """Ten rows, of which 1, 8, 9 and 10 are usable."""
    return write(
        folder / "faulty.jsonl",
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
