"""Write the recipe's problem sets.

    python recipes/smollm2/make_problems.py --out runs/smollm2/problem_sets

They are disjoint and the same every time.
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

from stories import stories

HELDOUT_FROM = 1_000_000
"Numbers of held-out problems begin here."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for train.jsonl and heldout.jsonl")
    parser.add_argument("--train", type=int, default=200, help="training problems")
    parser.add_argument("--heldout", type=int, default=100, help="held-out problems")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    for split, first, count in (("train", 0, args.train), ("heldout", HELDOUT_FROM, args.heldout)):
        rows = list(islice((row for row in stories(first) if not _seen(row["problem"], seen)), count))
        (args.out / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _seen(text: str, seen: set[str]) -> bool:
    """Whether it was there before; it is from now on."""
    before = len(seen)
    seen.add(text)
    return len(seen) == before


if __name__ == "__main__":
    main()
