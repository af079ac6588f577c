"""Write the quickstart's problem sets.

    python recipes/quickstart/make_problems.py --out runs/quickstart/problem_sets

The sets are disjoint, the same every time, and none of their problems is in the pretraining data.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from domain import problem_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for train.jsonl and heldout.jsonl")
    parser.add_argument("--train", type=int, default=1_000, help="training problems (4,000 at most)")
    parser.add_argument("--heldout", type=int, default=500, help="held-out problems (1,000 at most)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", args.train), ("heldout", args.heldout)):
        rows = "".join(json.dumps(row) + "\n" for row in problem_rows(split, count))
        (args.out / f"{split}.jsonl").write_text(rows)


if __name__ == "__main__":
    main()
