"""What a step's groups of rollouts say about learning, as metrics for verl's loggers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from int_verl.errors import UserError
from int_verl.grading.base_grader import VERDICTS
from int_verl.grading.guarded_function import row_of
from int_verl.grading.reward_result import SOLVED_FROM


def group_metrics(groups: Iterable[tuple[str, Sequence[float]]]) -> dict[str, float]:
    """Metrics of one training step.

    Args:
        groups: data source and rewards of the rollouts of one prompt; a reward of at least 0.5 counts as solved.

    Returns:
        ``int/zero_advantage_ratio`` (share of groups in which all rewards are equal), ``int/never_solved``,
        ``int/sometimes_solved`` and ``int/always_solved`` (shares of groups, adding up to 1), and the mean reward of
        every source as ``int/reward/<source>``; nothing if there are no groups.

    >>> group_metrics([("a", [0.0, 0.0]), ("b", [0.0, 1.0])])["int/zero_advantage_ratio"]
    0.5
    """
    zero = never = always = total = 0
    of_source: dict[str, list[float]] = defaultdict(list)
    for source, rewards in groups:
        solved = sum(reward >= SOLVED_FROM for reward in rewards)
        total += 1
        zero += min(rewards) == max(rewards)
        never += solved == 0
        always += solved == len(rewards)
        of_source[source] += rewards
    if not total:
        return {}
    return {
        "int/zero_advantage_ratio": zero / total,
        "int/never_solved": never / total,
        "int/sometimes_solved": (total - never - always) / total,
        "int/always_solved": always / total,
        **{f"int/reward/{source}": sum(rewards) / len(rewards) for source, rewards in sorted(of_source.items())},
    }


def verdict_metrics(results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """How the rewards of a step came about.

    Args:
        results: what the reward function said of each rollout.

    Returns:
        ``int/verdict/<verdict>``, the share of each of `VERDICTS`, and ``int/fault/<reason>``, that of calls which
        failed for this reason (the beginning of the result's ``fault``); nothing of functions that say neither.

    >>> verdict_metrics([{"verdict": "error", "fault": "died: its process died"}])["int/fault/died"]
    1.0
    """
    verdicts = Counter(str(result["verdict"]) for result in results if "verdict" in result)
    faults = Counter(str(result["fault"]).partition(":")[0] for result in results if result.get("fault"))
    shares = {f"int/verdict/{name}": verdicts[name] / len(results) for name in VERDICTS} if verdicts else {}
    return {**shares, **{f"int/fault/{reason}": count / len(results) for reason, count in faults.items()}}


def check_that_some_are_rewarded(results: Sequence[Mapping[str, Any]], rows: Sequence[Any]) -> None:
    """Refuse a step in which no call of the reward function came to anything: there is nothing to learn from.

    Args:
        results: what the reward function said of each rollout.
        rows: the ``extra_info`` of each rollout.

    Raises:
        UserError: it names the first row and what happened to it.
    """
    if results and all(result.get("fault") or result.get("verdict") == "error" for result in results):
        fault = results[0].get("fault") or "error"
        raise UserError(
            f"all {len(results)} calls of the reward function in this step failed; {row_of(rows[0])}: {fault}; "
            "`int-verl reward check` shows more, and after its repair the same command goes on"
        )
