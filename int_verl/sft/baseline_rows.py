"""Rows for SFT that stand in for those of the interventions, one for one: same problems, as many rows, same columns.

Token in, token out: what the model wrote is trained on as the tokens that it sampled. A whole solution ends in an end
token, which an intervention does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from int_verl.generate.chat import ChatCodec
from int_verl.settings.generation import StepRule
from int_verl.steps import cut_steps, prefix_tokens

Row = dict[str, Any]


def solution_row(kept: Mapping[str, Any], solution: str, token_ids: list[int], prompt_version: str) -> Row:
    """A row that trains on a whole solution.

    Args:
        kept: the row of `guide/sft.parquet` whose place it takes.
        solution: as text.
        token_ids: the same, with its end token.
        prompt_version: of the prompt that the solution was written for.
    """
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
    """The intervention at another step of its attempt.

    Args:
        attempt: the attempt's row of `sample/attempts.parquet`.
        shift: steps later; negative: earlier.

    Returns:
        None if the attempt has no such place.
    """
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
