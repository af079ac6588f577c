"""Paths and problem sets that tests share."""

from __future__ import annotations

import json
import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "recipes" / "quickstart"
SCRIPT = ROOT / "tests" / "mod23_script.py"
"The scripted engine's model, as `engine.script={SCRIPT}:script`."
SHARED = Path(os.environ.get("INT_VERL_SHARED") or ROOT.resolve().parent / "shared")
"Problem sets and labelled pairs beside a checkout; tests skip where they are missing."


def write_problem_sets(folder: Path, train: int, heldout: int) -> None:
    """The quickstart's first problems as `train.jsonl` and `heldout.jsonl`."""
    from domain import problem_rows

    for split, count in (("train", train), ("heldout", heldout)):
        rows = "".join(json.dumps(row) + "\n" for row in problem_rows(split, count))
        (folder / f"{split}.jsonl").write_text(rows)


def scripted_run(folder: Path) -> list[str]:
    """Settings of a scripted run in `folder`, on the sets that `write_problem_sets` left there."""
    return [
        f"run.dir={folder / 'run'}",
        f"problems.train={folder / 'train.jsonl'}",
        f"problems.heldout={folder / 'heldout.jsonl'}",
        "platform=cpu",
        "engine.name=scripted",
        f"engine.script={SCRIPT}:script",
    ]
