"""Write the situations: what a run takes as problems, and rows for verl's RL with the agent loop `int_turns`.

    python recipes/imbue/make_cases.py --out runs/imbue/cases

Three splits, each as `{split}.jsonl` and `{split}.parquet`. They are the same every time and share no situation.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))

from reviews import guidance
from situations import SPLITS, Situation, situation_sets


def problem_row(situation: Situation, split: str, index: int) -> dict[str, str]:
    """A situation as a problem: the answer is the case, the reference solution its guidance."""
    return {
        "id": f"{split}-{index}",
        "problem": situation.told,
        "answer": json.dumps(situation.as_json()),
        "reference_solution": guidance(situation),
        "source": f"imbue/{split}",
    }


def rl_row(situation: Situation, split: str, index: int) -> dict[str, Any]:
    """A situation as `int_turns` takes it."""
    return {
        "data_source": f"imbue/{split}",
        "prompt": [{"role": "system", "content": situation.told}],
        "ability": "conversation",
        "reward_model": {"style": "rule", "ground_truth": ""},
        "extra_info": {"index": index, "split": split, "case": json.dumps(situation.as_json())},
    }


def write(out: Path, split: str, situations: Sequence[Situation]) -> None:
    """Both files of a split."""
    rows = [problem_row(situation, split, index) for index, situation in enumerate(situations)]
    (out / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    table = pa.Table.from_pylist([rl_row(situation, split, index) for index, situation in enumerate(situations)])
    pq.write_table(table, out / f"{split}.parquet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    for split, count in SPLITS.items():
        parser.add_argument(f"--{split}", type=int, default=count, help=f"situations of {split} ({count} at most)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for split, situations in situation_sets().items():
        count = getattr(args, split)
        if not 1 <= count <= len(situations):
            parser.error(f"--{split} {count}: give a number from 1 to {len(situations)}")
        write(args.out, split, situations[:count])


if __name__ == "__main__":
    main()
