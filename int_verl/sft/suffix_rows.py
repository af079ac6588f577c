"""The ablation that trains on a suffix: after an intervention, a correct guided rollout to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from int_verl.errors import UserError
from int_verl.records import SFT, RowWriter, read_rows

# The messages would no longer be those that are trained on. `rollout`: which guided rollout the suffix is.
SFT_WITH_SUFFIX = pa.schema(
    [
        *(field for field in SFT if field.name != "messages"),
        pa.field("suffix_ids", pa.list_(pa.int32())),
        pa.field("rollout", pa.int32()),
    ]
)

_KEY = ("problem_id", "attempt", "proposal")


def write_with_suffix(sft: Path, guided: Path, out: Path) -> int:
    """Write the rows of `sft` with the tokens of each intervention's first correct guided rollout, end token included.

    Token in, token out: the intervention's tokens become those that the rollout was continued from, which may hold a
    separator after the intervention, or have it merged into the last token.

    Args:
        sft: the stage guide's `sft.parquet`.
        guided: its `guided.parquet`.
        out: where to write.

    Returns:
        How many rows were left out, because no correct rollout came to its own end.

    Raises:
        UserError: the two files are not of one run.
    """
    kept = {tuple(row[name] for name in _KEY) for row in read_rows(sft, list(_KEY))}
    suffixes = _first_complete(guided, kept)
    left_out = 0
    with RowWriter(out, SFT_WITH_SUFFIX) as writer:
        for row in read_rows(sft, [name for name in SFT.names if name != "messages"]):
            rollout = suffixes.get(tuple(row[name] for name in _KEY))
            if rollout is None:
                left_out += 1
                continue
            before = [*row["prompt_ids"], *row["prefix_ids"]]
            context = rollout["prompt_ids"]
            if context[: len(before)] != before:
                raise UserError(f"{guided}: its rollouts do not continue the rows of {sft}; run the stage guide again")
            row["intervention_ids"] = context[len(before) :]
            writer.write({**row, "suffix_ids": rollout["token_ids"], "rollout": rollout["rollout"]})
    return left_out


def _first_complete(guided: Path, keys: set[tuple[Any, ...]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Of each intervention the correct rollout of the smallest number that ended by itself."""
    wanted = pc.field("correct") & (pc.field("condition") == "intervention") & (pc.field("finish_reason") == "stop")
    columns = [*_KEY, "rollout", "prompt_ids", "token_ids"]
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for batch in pads.dataset(guided).to_batches(columns=columns, filter=wanted, batch_size=1_000):
        for row in batch.to_pylist():
            key = tuple(row[name] for name in _KEY)
            if key in keys and (key not in found or row["rollout"] < found[key]["rollout"]):
                found[key] = row
    return found
