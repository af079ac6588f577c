"""What a step's groups of rollouts say about learning, as metrics for verl's loggers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

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
