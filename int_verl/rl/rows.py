"""Problems as verl's RL rows, and verl's validation dumps back as scores per problem."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from int_verl.errors import UserError
from int_verl.grading.reward_result import SOLVED_FROM
from int_verl.problems.sets import Problem
from int_verl.records import RL

Row = dict[str, Any]

# Rows that the agent loop `int_prefix` may have to begin the response of; no ids: a plain rollout.
_EXTRA_INFO = [*RL.field("extra_info").type, pa.field("assistant_prefix_ids", pa.list_(pa.int32()))]
RL_WITH_PREFIX = RL.set(RL.get_field_index("extra_info"), pa.field("extra_info", pa.struct(_EXTRA_INFO)))


def rl_rows(problems: Iterable[Problem], solve: Callable[[str], str], ability: str = "math") -> Iterator[Row]:
    """Problems with verl's columns (verl/utils/dataset/rl_dataset.py).

    Args:
        solve: problem text -> the user's message, as in the attempts.
    """
    for index, problem in enumerate(problems):
        yield rl_row(problem, solve(problem.problem), index, ability)


def rl_row(problem: Problem, content: str, index: int, ability: str = "math", prefix_ids: Sequence[int] = ()) -> Row:
    """One row; `index` is its number in the file, `content` the user's message, `prefix_ids` begin the response."""
    return {
        "data_source": problem.source,
        "prompt": [{"role": "user", "content": content}],
        "ability": ability,
        "reward_model": {"style": "rule", "ground_truth": problem.answer},
        "extra_info": {"index": index, "id": problem.id, "assistant_prefix_ids": list(prefix_ids)},
    }


def validation_scores(dump: Path, model: str, keys: Mapping[str, tuple[str, str]], is_truncated: Any) -> Iterator[Row]:
    """Scores per problem from a file that `trainer.validation_data_dir` holds, as `records.SCORE` rows.

    Args:
        dump: ``{step}.jsonl``; verl writes prompt and response as text, without special tokens.
        keys: decoded prompt -> (problem set, problem id).
        is_truncated: response text -> whether the length limit cut it off.

    Raises:
        UserError: no such file, or a prompt in it that is not of this run.
    """
    if not dump.is_file():
        raise UserError(f"{dump}: no validation samples; run the stage again with --force")
    samples: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    with dump.open() as lines:
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            key = keys.get(row["input"])
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
