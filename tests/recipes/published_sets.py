"""Small files with the columns that the recipe's sets are published with, in the form that the hub has them."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from domain import problem_rows

Rows = Sequence[Mapping[str, Any]]


def write_published_sets(folder: Path) -> dict[str, str]:
    """Variable of `prepare_data.sh` -> its file. AceReason-Math has two problems of Polaris and one of HMMT; the
    reference solution of one problem of Polaris is not known."""
    rows = [{**row, "problem": f"{row['problem']}\nFind the last value."} for row in problem_rows("train", 60)]
    polaris, acereason, omni, imo = rows[:16], [*rows[:2], *rows[16:30]], rows[30:44], rows[44:52]
    hmmt, amo, apex = rows[52:55], rows[55:58], rows[58:60]
    acereason.append(hmmt[0])
    files = {
        "POLARIS": _jsonl(folder / "polaris.jsonl", [_answered(row, difficulty="3/8") for row in polaris]),
        "ACEREASON_MATH": _jsonl(folder / "math.jsonl", [_answered(row) for row in acereason]),
        "OMNI_MATH": _jsonl(
            folder / "test.jsonl",
            [
                _answered(row, domain=["Mathematics -> Number Theory"], difficulty=8.0, source="HMMT_2")
                | {"solution": row["reference_solution"]}
                for row in omni
            ],
        ),
        "IMO_ANSWERBENCH": _csv(
            folder / "answerbench.csv",
            [
                {
                    "Problem ID": f"imo-bench-algebra-{number:03}",
                    "Problem": row["problem"],
                    "Short Answer": row["answer"],
                    "Category": "Algebra",
                    "Subcategory": "Operation",
                    "Source": "IMO Shortlist 2021",
                }
                for number, row in enumerate(imo, 1)
            ],
        ),
        "HMMT": _parquet(
            folder / "hmmt.parquet",
            [_answered(row, problem_idx=number, problem_type=["Algebra"]) for number, row in enumerate(hmmt, 1)],
        ),
        "AMO_BENCH": _parquet(
            folder / "amo.parquet",
            [
                {
                    "question_id": number,
                    "prompt": row["problem"],
                    "solution": row["reference_solution"],
                    "answer": row["answer"],
                    "answer_type": "number",
                }
                for number, row in enumerate(amo, 1)
            ],
        ),
        "APEX_SHORTLIST": _parquet(
            folder / "apex.parquet",
            [_answered(row, problem_idx=number, source="SMT 2025") for number, row in enumerate(apex, 1)],
        ),
        "REFERENCES": _jsonl(
            folder / "references.jsonl",
            [
                _answered(row, reference_solution=row["reference_solution"], reference_solution_source="known")
                for row in [*polaris[:-1], *acereason, *imo]
            ],
        ),
    }
    return {name: str(file) for name, file in files.items()}


def _answered(row: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"problem": row["problem"], "answer": str(row["answer"]), **more}


def _jsonl(file: Path, rows: Rows) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def _csv(file: Path, rows: Rows) -> Path:
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def _parquet(file: Path, rows: Rows) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), file)
    return file
