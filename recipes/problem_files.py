"""The problem sets of a tiny domain as files: what each domain's `make_problems.py` does."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path


def write_as_asked(description: str | None, problem_rows: Callable[[str, int], Iterable[dict[str, str]]]) -> None:
    """Write the rows of both splits where the command line says."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for train.jsonl and heldout.jsonl")
    parser.add_argument("--train", type=int, default=1_000, help="training problems (4,000 at most)")
    parser.add_argument("--heldout", type=int, default=500, help="held-out problems (1,000 at most)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", args.train), ("heldout", args.heldout)):
        rows = "".join(json.dumps(row) + "\n" for row in problem_rows(split, count))
        (args.out / f"{split}.jsonl").write_text(rows)
