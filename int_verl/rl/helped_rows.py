"""Training rows of RL with help: every problem plainly, and those with help a second time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from int_verl.generate.seeds import share_has
from int_verl.problems.sets import Problem
from int_verl.records import read_rows
from int_verl.rl.hints import hint
from int_verl.rl.rows import rl_row


def helped_rows(
    problems: Iterable[Problem],
    solve: Callable[[str], str],
    *,
    hint_share: float = 0.0,
    hint_fraction: float = 0.5,
    with_hint: Callable[[str, str], str | None] | None = None,
    prefixes: Mapping[str, tuple[int, ...]] | None = None,
) -> Iterator[dict[str, Any]]:
    """verl's rows: every problem as it is, and after it the same problem with a hint, a prefix or both.

    Args:
        hint_share: share of the problems, chosen by a hash of their ids, that come with a hint as well.
        hint_fraction: share of the reference solution's steps that the hint may have.
        with_hint: problem text, hint -> the user's message, or None if it is too long.
        prefixes: problem id -> token ids that its response begins with.
    """
    index = 0
    for problem in problems:
        content = solve(problem.problem)
        yield rl_row(problem, content, index)
        index += 1
        prefix_ids = (prefixes or {}).get(problem.id, ())
        hinted = None
        if with_hint is not None and share_has(hint_share, f"hint {problem.id}"):
            beginning = hint(problem.reference_solution, problem.answer, hint_fraction)
            hinted = with_hint(problem.problem, beginning) if beginning else None
        if hinted or prefix_ids:
            yield rl_row(problem, hinted or content, index, prefix_ids=prefix_ids)
            index += 1


def guided_prefixes(sft: Path, attempts: Path, guided: Path, longest: int) -> dict[str, tuple[int, ...]]:
    """Of every problem with a kept intervention the first one's guided prefix, as its rollouts were continued from it.

    Args:
        sft: `guide/sft.parquet`, for what was kept.
        attempts: `sample/attempts.parquet`, for where the prompt ends.
        guided: `guide/guided.parquet`, for the token ids: prefix, intervention and what stands after it.
        longest: tokens at most; longer prefixes are left out.
    """
    key = ("problem_id", "attempt", "proposal")
    kept: dict[str, tuple[Any, ...]] = {}
    for row in read_rows(sft, list(key)):
        kept.setdefault(row["problem_id"], tuple(row[name] for name in key))
    prompts: dict[str, int] = {}
    for row in read_rows(attempts, ["problem_id", "prompt_tokens"]):
        prompts.setdefault(row["problem_id"], row["prompt_tokens"])
    prefixes: dict[str, tuple[int, ...]] = {}
    for row in read_rows(guided, [*key, "condition", "prompt_ids"]):
        problem_id = row["problem_id"]
        if row["condition"] == "intervention" and kept.get(problem_id) == tuple(row[name] for name in key):
            prefix_ids = tuple(row["prompt_ids"][prompts[problem_id] :])
            if problem_id not in prefixes and len(prefix_ids) <= longest:
                prefixes[problem_id] = prefix_ids
    return prefixes
