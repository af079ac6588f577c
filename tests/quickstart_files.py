"""Paths and problem sets that tests share. A module of its own: several folders have a `conftest`."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "recipes" / "quickstart"


def write_problem_sets(folder: Path, train: int, heldout: int) -> None:
    """The quickstart's first problems as `train.jsonl` and `heldout.jsonl`."""
    from domain import problem_rows

    for split, count in (("train", train), ("heldout", heldout)):
        rows = "".join(json.dumps(row) + "\n" for row in problem_rows(split, count))
        (folder / f"{split}.jsonl").write_text(rows)
