"""verl's validation dumps, read back as scores per problem."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.grading.reward_result import SOLVED_FROM
from int_verl.turns.environment import CUT_OFF


@dataclass(frozen=True, slots=True)
class Dumped:
    """A validation sample as verl writes it: text without special tokens."""

    row: int
    "In the file, from 1."
    prompt: str
    response: str
    gold: str
    correct: bool
    answer: str | None
    "What the reward function took for the answer; None where it says none."
    verdict: str | None
    source: str | None
    case: str | None = None
    "Of a conversation, the id of its case."
    is_cut: bool | None = None
    "Of a conversation, whether the length limit ended it."


def dumped_samples(
    dump: Path, remedy: str = "name a file that verl's trainer.validation_data_dir holds"
) -> Iterator[Dumped]:
    """The samples in ``{step}.jsonl``.

    Args:
        remedy: for the message, if it is no such file.

    Raises:
        UserError: it is not there, or a row in it is no sample.
    """
    if not dump.is_file():
        raise UserError(f"{dump}: no validation samples; {remedy}")
    with dump.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                yield Dumped(
                    number,
                    prompt=row["input"],
                    response=row["output"],
                    gold=str(row.get("gts")),
                    correct=float(row["acc"] if "acc" in row else row["score"]) >= SOLVED_FROM,
                    answer=row.get("pred") or None,
                    verdict=row.get("verdict"),
                    source=row.get("data_source"),
                    case=row.get("case_id") or None,
                    is_cut=row["ended_by"] in CUT_OFF if "ended_by" in row else None,
                )
            except (ValueError, TypeError, LookupError) as error:
                raise UserError(f"{dump}: row {number} is no sample of verl's; {remedy}") from error


def problem_scores(
    dump: Path, model: str, keys: Mapping[str, tuple[str, str]], is_truncated: Callable[[str], bool]
) -> Iterator[dict[str, Any]]:
    """Scores per problem from a file that `trainer.validation_data_dir` holds, as `records.SCORE` rows.

    A UserError where there is no such file, or a prompt in it is not of this run.

    Args:
        dump: ``{step}.jsonl``.
        keys: decoded prompt, of conversations the case's id -> (problem set, problem id).
        is_truncated: response text -> whether the length limit cut it off, if the dump does not say so.
    """
    samples: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for drawn in dumped_samples(dump, "run the stage again with --force"):
        key = keys.get(drawn.case or drawn.prompt)
        if key is None:
            raise UserError(f"{dump}: row {drawn.row} is not a problem of this run; was the folder used for another?")
        is_cut = is_truncated(drawn.response) if drawn.is_cut is None else drawn.is_cut
        samples[key].append((drawn.correct, not drawn.correct and is_cut))
    for (problem_set, problem_id), of_problem in samples.items():
        yield {
            "model": model,
            "problem_set": problem_set,
            "problem_id": problem_id,
            "samples": len(of_problem),
            "correct": sum(correct for correct, _ in of_problem),
            "truncated": sum(truncated for _, truncated in of_problem),
        }
