"""Rows in the columns of the sets that the authors of InT published, about the quickstart's problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.mod23_script import QUICKSTART as QUICKSTART  # puts the recipe's modules on the path


def published_rows(problems: int) -> list[dict[str, Any]]:
    """A row an intervention: two attempts a problem, the first wrong from step 2 on, the second from step 3 on."""
    from domain import MODULUS, own_solution, problem_rows, problem_sets, steps

    rows = []
    pairs = zip(problem_sets()["train"][:problems], problem_rows("train", problems), strict=True)
    for problem, row in pairs:
        for wrong in (2, 3):
            values = [*problem.values[: wrong - 1], *((value + 1) % MODULUS for value in problem.values[wrong - 1 :])]
            better = steps(problem, [*values[: wrong - 1], *problem.values[wrong - 1 :]])[wrong - 1]
            attempt = own_solution(problem, values)
            rows.append(
                {
                    "problem": row["problem"],
                    "answer": row["answer"],
                    "reference_solution": row["reference_solution"],
                    "reference_solution_source": "human",
                    "source": row["source"],
                    "incorrect_attempt": attempt,
                    "intervention": {"content": better, "location": wrong},
                    "intervention_guided_attempt": "\n\n".join([*attempt.split("\n\n")[: wrong - 1], better]),
                    "self_verify_prompt": "Find the first error.",
                    "self_verify_output": f"Substep {wrong} is wrong.",
                }
            )
    return rows


def without(rows: list[dict[str, Any]], *columns: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in columns} for row in rows]


def write_set(folder: Path, rows: list[dict[str, Any]], split: str = "train") -> str:
    """A folder as a snapshot of a data set at the hub is one."""
    (folder / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "data" / f"{split}-00000-of-00001.parquet")
    return str(folder)
