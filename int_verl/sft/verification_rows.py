"""Rows that teach a model to propose: its own verifications whose intervention led to a right continuation.

Token in, token out: the prompt, reference solution included, and the verification are the very tokens of the generator.
The loss is on the verification, end token included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.records import SFT, read_rows

KEY = ("problem_id", "attempt", "proposal")
_OF_PROPOSAL = ["text", "prompt_ids", "token_ids", "finish_reason", "model", "model_revision", "prompt_version"]
SFT_WITHOUT_MESSAGES = SFT.remove(SFT.get_field_index("messages"))
"The messages of a kept row are not those of its verification."


def verification_rows(
    kept: Path, interventions: Path, proposals: Path, model_revision: str
) -> Iterator[dict[str, Any]]:
    """One row for each kept intervention with a right continuation, in the columns of `SFT_WITHOUT_MESSAGES`.

    Args:
        kept, interventions, proposals: the generator's files.
        model_revision: of the model that is to be trained, whose tokens the verifications have to be.

    Raises:
        UserError: they are another model's, or were not drawn at all.
    """
    keys = {_key(row) for row in read_rows(kept, list(KEY))}
    right = {_key(row) for row in read_rows(interventions, [*KEY, "guided_correct"]) if row["guided_correct"]}
    for row in read_rows(proposals, [*KEY, *_OF_PROPOSAL, "content", "location"]):
        if _key(row) not in keys & right:
            continue
        if row["model_revision"] != model_revision or not row["token_ids"]:
            raise UserError(
                f"{proposals}: its verifications are those of {row['model']}, and only a model's own can teach it to "
                "propose; leave sft_data.kind as it is, or propose with the model that is trained"
            )
        if row["finish_reason"] == "stop":
            yield _row(row)


def _row(proposal: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: proposal[name] for name in (*KEY, "content", "location", "model", "model_revision", "prompt_version")},
        "prompt_ids": proposal["prompt_ids"],
        "prefix_ids": [],
        "prefix_rest": "",
        "intervention_ids": proposal["token_ids"],
    }


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEY)
