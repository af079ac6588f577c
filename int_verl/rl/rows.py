"""Problems as verl's RL rows: every problem plainly, and those with help a second time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from int_verl.generate.hints import hint
from int_verl.generate.seeds import share_has
from int_verl.problems.sets import Problem
from int_verl.records import RL, read_rows

# Rows that the agent loop `int_prefix` may have to begin the response of; no ids: a plain rollout.
_EXTRA_INFO = [*RL.field("extra_info").type, pa.field("assistant_prefix_ids", pa.list_(pa.int32()))]
RL_WITH_PREFIX = RL.set(RL.get_field_index("extra_info"), pa.field("extra_info", pa.struct(_EXTRA_INFO)))


def with_loop(schema: pa.Schema) -> pa.Schema:
    """The schema of rows that choose their agent loop themselves."""
    return schema.append(pa.field("agent_name", pa.string()))


_KEY = ["problem_id", "attempt", "proposal"]


def rl_rows(
    problems: Iterable[Problem],
    solve: Callable[[str], str],
    *,
    hint_share: float = 0.0,
    hint_fraction: float = 0.5,
    with_hint: Callable[[str, str], str | None] | None = None,
    prefixes: Mapping[str, tuple[int, ...]] | None = None,
) -> Iterator[dict[str, Any]]:
    """Every problem as it is, and after it the same problem with a hint, a prefix or both, if it has one.

    The columns are verl's (verl/utils/dataset/rl_dataset.py).

    Args:
        solve: problem text -> the user's message, as in the attempts.
        hint_share: share of the problems, chosen by a hash of their ids, that come with a hint as well.
        hint_fraction: share of the reference solution's steps that the hint may have.
        with_hint: problem text, hint -> the user's message, or None if it is too long.
        prefixes: problem id -> token ids that its response begins with.
    """
    index = 0
    for problem in problems:
        content = solve(problem.problem)
        yield _row(problem, content, index)
        index += 1
        prefix_ids = (prefixes or {}).get(problem.id, ())
        hinted = None
        if with_hint is not None and share_has(hint_share, f"hint {problem.id}"):
            beginning = hint(problem.reference_solution, problem.answer, hint_fraction)
            hinted = with_hint(problem.problem, beginning) if beginning else None
        if hinted or prefix_ids:
            yield _row(problem, hinted or content, index, prefix_ids)
            index += 1


def _row(problem: Problem, content: str, index: int, prefix_ids: Sequence[int] = ()) -> dict[str, Any]:
    return {
        "data_source": problem.source,
        "prompt": [{"role": "user", "content": content}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": problem.answer},
        "extra_info": {"index": index, **problem.reward_info, "assistant_prefix_ids": list(prefix_ids)},
    }


def case_rows(
    cases: Iterable[Problem], solve: Callable[[str], str], told_as: str, begun: Mapping[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Every case as a row of the agent loop `int_turns`, and after it the same case from a conversation that has begun.

    Args:
        solve: problem text -> what the policy is told, as in the attempts.
        told_as: whose message that is.
        begun: id of the case -> the conversation as JSON, of those that have one.
    """
    index = 0
    for case in cases:
        for start in ("", *filter(None, [(begun or {}).get(case.id)])):
            row = _row(case, solve(case.problem), index)
            told = [{"role": told_as, "content": row["prompt"][0]["content"]}]
            extra_info = row["extra_info"] | {"case": case.answer, "begun": start}
            of_loop = {"ability": "conversation", "agent_name": "int_turns"}
            yield {**row, **of_loop, "prompt": told, "extra_info": extra_info}
            index += 1


def begun_conversations(sft: Path, longest: int) -> dict[str, str]:
    """Of every case with a kept intervention the first one's conversation after it, as JSON, where that goes on.

    Args:
        sft: the kept interventions.
        longest: tokens of what was said so far at most; longer ones are left out.
    """
    found: dict[str, str] = {}
    for row in read_rows(sft, ["problem_id", "begun"]):
        if row["begun"] and len(json.loads(row["begun"])["ids"]) <= longest:
            found.setdefault(row["problem_id"], row["begun"])
    return found


def with_online_loop(rows: Iterable[dict[str, Any]], share: float) -> Iterator[dict[str, Any]]:
    """Rows that name their agent loop: `int_online` for this share of the problems, chosen by a hash of their ids."""
    for row in rows:
        chosen = share_has(share, f"online {row['extra_info']['id']}")
        yield {**row, "agent_name": "int_online" if chosen else "int_prefix"}


def guided_prefixes(sft: Path, attempts: Path, guided: Path, longest: int) -> dict[str, tuple[int, ...]]:
    """Of every problem with a kept intervention the first one's guided prefix, as its rollouts were continued from it.

    Args:
        sft, attempts, guided: the generator's files, for what was kept, where the prompt ends, and the token ids.
        longest: tokens at most; longer prefixes are left out.
    """
    kept: dict[str, list[Any]] = {}
    for row in read_rows(sft, _KEY):
        kept.setdefault(row["problem_id"], [row[name] for name in _KEY])
    prompts = {row["problem_id"]: row["prompt_tokens"] for row in read_rows(attempts, ["problem_id", "prompt_tokens"])}
    prefixes: dict[str, tuple[int, ...]] = {}
    for row in read_rows(guided, [*_KEY, "condition", "prompt_ids"]):
        problem_id = row["problem_id"]
        if row["condition"] == "intervention" and kept.get(problem_id) == [row[name] for name in _KEY]:
            prefix_ids = tuple(row["prompt_ids"][prompts[problem_id] :])
            if len(prefix_ids) <= longest:
                prefixes.setdefault(problem_id, prefix_ids)
    return prefixes
