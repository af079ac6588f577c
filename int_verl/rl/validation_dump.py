"""verl's validation dumps, read back as scores per problem."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.grading.reward_result import SOLVED_FROM


def problem_scores(
    dump: Path, model: str, keys: Mapping[str, tuple[str, str]], is_truncated: Callable[[str], bool]
) -> Iterator[dict[str, Any]]:
    """Scores per problem from a file that `trainer.validation_data_dir` holds, as `records.SCORE` rows.

    A UserError where there is no such file, or a prompt in it is not of this run.

    Args:
        dump: ``{step}.jsonl``; verl writes prompt and response as text, without special tokens.
        keys: decoded prompt -> (problem set, problem id).
        is_truncated: response text -> whether the length limit cut it off.
    """
    if not dump.is_file():
        raise UserError(f"{dump}: no validation samples; run the stage again with --force")
    samples: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    with dump.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                key = keys.get(row["input"])
            except (ValueError, TypeError, LookupError) as error:
                raise UserError(
                    f"{dump}: row {number} is no sample of verl's; run the stage again with --force"
                ) from error
            if key is None:
                raise UserError(f"{dump}: row {number} is not a problem of this run; was the folder used for another?")
            correct = float(row["acc"] if "acc" in row else row["score"]) >= SOLVED_FROM
            samples[key].append((correct, not correct and is_truncated(row["output"])))
    for (problem_set, problem_id), drawn in samples.items():
        yield {
            "model": model,
            "problem_set": problem_set,
            "problem_id": problem_id,
            "samples": len(drawn),
            "correct": sum(correct for correct, _ in drawn),
            "truncated": sum(truncated for _, truncated in drawn),
        }
