"""Rows for SFT in the place of those of the interventions, for baselines and ablations.

Token in, token out: what the model wrote is trained on as the tokens that it sampled. A whole solution ends in an end
token, which an intervention does not have. A baseline has a row for each of the interventions': same problems, as many
rows, same columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from int_verl.errors import UserError
from int_verl.generate.chat import ChatCodec
from int_verl.records import SFT, RowWriter, read_rows
from int_verl.settings.generation import StepRule
from int_verl.steps import cut_steps, prefix_tokens

Row = dict[str, Any]

# The messages would no longer be those that are trained on. `rollout`: which guided rollout the suffix is.
SFT_WITH_SUFFIX = pa.schema(
    [
        *(field for field in SFT if field.name != "messages"),
        pa.field("suffix_ids", pa.list_(pa.int32())),
        pa.field("rollout", pa.int32()),
    ]
)

_KEY = ("problem_id", "attempt", "proposal")


def solution_row(kept: Mapping[str, Any], solution: str, token_ids: list[int], prompt_version: str) -> Row:
    """A row that trains on a whole solution, as text and as tokens with the end token, in the place of `kept`."""
    return {
        **kept,
        "prefix_ids": [],
        "prefix_rest": "",
        "intervention_ids": token_ids,
        "content": solution,
        "location": 1,
        "messages": [kept["messages"][0], {"role": "assistant", "content": solution}],
        "prompt_version": prompt_version,
    }


def reference_row(kept: Mapping[str, Any], reference_solution: str, codec: ChatCodec, prompt_version: str) -> Row:
    """A row that trains on the reference solution."""
    token_ids = [*codec.encode(reference_solution), codec.tokenizer.eos_token_id]
    return solution_row(kept, reference_solution, token_ids, prompt_version)


def shifted_row(
    kept: Mapping[str, Any], attempt: Mapping[str, Any], shift: int, codec: ChatCodec, by: StepRule
) -> Row | None:
    """The intervention so many steps later in its attempt (negative: earlier); None if there is no such place."""
    steps = cut_steps(attempt["text"], by, attempt["steps_begin"])
    location = kept["location"] + shift
    if not 1 <= location <= len(steps) + 1:
        return None
    start = steps.start(location)
    prefix = prefix_tokens(codec, codec.without_end(attempt["token_ids"]), start)
    # Thinking that is not trained on stands in the prompt (`sample.thinking=solution`).
    untrained = len(kept["prompt_ids"]) - len(attempt["prompt_ids"])
    text = attempt["text"][:start] + kept["content"]
    return {
        **kept,
        "location": location,
        "prefix_ids": list(prefix.token_ids[untrained:]),
        "prefix_rest": prefix.rest,
        "intervention_ids": codec.encode(prefix.rest + kept["content"]),
        "messages": [kept["messages"][0], {"role": "assistant", "content": text}],
    }


def write_with_suffix(sft: Path, guided: Path, out: Path) -> int:
    """Write the rows of `sft` with the tokens of each intervention's first correct guided rollout, end token included.

    Token in, token out: the intervention's tokens become those that the rollout was continued from, which may hold a
    separator after the intervention, or have it merged into the last token.

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
