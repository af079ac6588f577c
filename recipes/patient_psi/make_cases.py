"""Write the cases: what a run takes as problems, and rows for verl's RL with the agent loop `int_turns`.

    python recipes/patient_psi/make_cases.py --out runs/patient_psi/cases

Three splits, each as `{split}.jsonl` and `{split}.parquet`. They are the same every time and share no cognitive model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cognitive_models import Case, case_sets
from guidance import act_prompt, guidance_of


def problem_row(split: str, number: int, case: Case) -> dict[str, str]:
    """A case as a problem: what the policy is told; the answer is the case, the reference solution its guidance."""
    return {
        "id": f"{split}-{number}",
        "problem": act_prompt(),
        "answer": json.dumps(case.as_json()),
        "reference_solution": guidance_of(case),
        "source": case.style,
    }


def rl_row(split: str, number: int, case: Case) -> dict[str, Any]:
    """A case as `int_turns` takes it."""
    return {
        "data_source": f"patient_psi/{case.style}",
        "prompt": [{"role": "system", "content": act_prompt()}],
        "reward_model": {"style": "rule", "ground_truth": ""},
        "extra_info": {"index": number, "split": split, "case": json.dumps(case.as_json())},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for split, cases in case_sets().items():
        numbered = list(enumerate(cases, 1))
        rows = "".join(json.dumps(problem_row(split, number, case)) + "\n" for number, case in numbered)
        (args.out / f"{split}.jsonl").write_text(rows)
        table = pa.Table.from_pylist([rl_row(split, number, case) for number, case in numbered])
        pq.write_table(table, args.out / f"{split}.parquet")
    print(f"{args.out}: " + ", ".join(f"{len(cases)} {split}" for split, cases in case_sets().items()))


if __name__ == "__main__":
    main()
