"""From the samples of a problem to its row in an evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from int_verl.evaluate.majority import wrong_votes

LOST = "lost"
"The outcome of a sample that the engine gave up: it says nothing of the model, and is none."
NO_ANSWER = ("no_answer", "unclosed_thinking", "prompt_too_long")


def evaluated_row(
    model: str, problem_set: str, source: str, problem_id: str, text: str | None, samples: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The `records.EVALUATED` row of a problem; it has no samples where all of them were lost.

    Args:
        text: of the problem; None where it is not known.
        samples: each with `outcome`, `correct`, `answer` and `completion_tokens`. An outcome or a number of tokens of
            None is not known, and neither are then the figures made of it; an answer of None is none.
    """
    lost = sum(sample["outcome"] == LOST for sample in samples)
    samples = [sample for sample in samples if sample["outcome"] != LOST]
    outcomes = [sample["outcome"] for sample in samples]
    known = None not in outcomes
    tokens = [sample["completion_tokens"] for sample in samples]
    answers = [sample["answer"] for sample in samples if not sample["correct"]]
    return {
        "model": model,
        "problem_set": problem_set,
        "source": source,
        "problem_id": problem_id,
        "text_hash": None if text is None else text_digest(text),
        "samples": len(samples),
        "correct": sum(bool(sample["correct"]) for sample in samples),
        "truncated": outcomes.count("truncated") if known else None,
        "no_answer": sum(outcome in NO_ANSWER for outcome in outcomes) if known else None,
        "lost": lost if known else None,
        "wrong_votes": wrong_votes(answer for answer in answers if answer is not None),
        "tokens": None if None in tokens else sum(tokens),
    }


def text_digest(text: str) -> str:
    """What tells a problem's text from another's."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
