"""Problems as verl's RL rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from int_verl.problems.sets import Problem
from int_verl.records import RL

Row = dict[str, Any]

# Rows that the agent loop `int_prefix` may have to begin the response of; no ids: a plain rollout.
_EXTRA_INFO = [*RL.field("extra_info").type, pa.field("assistant_prefix_ids", pa.list_(pa.int32()))]
RL_WITH_PREFIX = RL.set(RL.get_field_index("extra_info"), pa.field("extra_info", pa.struct(_EXTRA_INFO)))


def rl_rows(problems: Iterable[Problem], solve: Callable[[str], str]) -> Iterator[Row]:
    """Problems with verl's columns (verl/utils/dataset/rl_dataset.py).

    Args:
        solve: problem text -> the user's message, as in the attempts.
    """
    for index, problem in enumerate(problems):
        yield rl_row(problem, solve(problem.problem), index)


def rl_row(problem: Problem, content: str, index: int, prefix_ids: Sequence[int] = ()) -> Row:
    """One row; `index` is its number in the file, `content` the user's message, `prefix_ids` begin the response."""
    return {
        "data_source": problem.source,
        "prompt": [{"role": "user", "content": content}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": problem.answer},
        "extra_info": {"index": index, "id": problem.id, "assistant_prefix_ids": list(prefix_ids)},
    }
