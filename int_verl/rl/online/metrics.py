"""A step's interventions as metrics for verl's loggers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from int_verl.interventions.intervention import REASONS
from int_verl.rl.online.proposing import ASKED_FOR_NOTHING
from int_verl.rl.online.record import Record

_NO_INTERVENTION = (*REASONS, "truncated", "unclosed_thinking")


def online_metrics(records: Sequence[Record | None], rewards: Sequence[float], uids: Sequence[str]) -> dict[str, float]:
    """Metrics of one training step; nothing where no rollout was the agent loop's.

    Args:
        records: of each rollout; None: it had another loop, or was before `from_step`.
        rewards: that verl gave each rollout.
        uids: of each rollout's group.

    Returns:
        Under ``int/online/``: how many verifications were ``asked`` for, how many of them had an intervention that
        could be read (``parsed``), gave the answer away (``leaking``) or passed (``accepted``), and how many of those
        led to a right response (``successful``); ``rejected/<status>`` and, of attempts that were not asked about,
        ``skipped/<why>``; rollouts that verl was given with an intervention in them (``spliced``); ``attempt_tokens``
        and ``extra_tokens``; the mean reward of the attempts (``reward_without``) and of what verl was given
        (``reward_with``), and the share of groups in which all attempts' rewards are equal
        (``zero_advantage_without``), beside ``int/zero_advantage_ratio`` of what verl was given.
    """
    known = [record for record in records if record is not None]
    if not known:
        return {}
    tried = [one for record in known for one in record.tried]
    statuses = Counter(one.status for one in tried)
    skipped = Counter(record.skipped for record in known if record.skipped)
    asked = sum(count for status, count in statuses.items() if status not in ASKED_FOR_NOTHING)
    before: dict[str, list[float]] = {}
    for uid, record, reward in zip(uids, records, rewards, strict=True):
        before.setdefault(uid, []).append(reward if record is None else record.reward_without)
    counts = {
        "asked": asked,
        "parsed": asked - sum(statuses[reason] for reason in _NO_INTERVENTION),
        "leaking": statuses["leak"],
        "accepted": statuses["proposed"],
        "successful": sum(one.right for one in tried),
        "spliced": sum(one.returned for one in tried),
        "attempt_tokens": sum(record.attempt_tokens for record in known),
        "extra_tokens": sum(record.extra_tokens for record in known),
        **{f"rejected/{status}": count for status, count in sorted(statuses.items()) if status != "proposed"},
        **{f"skipped/{why}": count for why, count in sorted(skipped.items())},
    }
    means = {
        "reward_without": fmean(reward for group in before.values() for reward in group),
        "reward_with": fmean(rewards),
        "zero_advantage_without": fmean(float(min(group) == max(group)) for group in before.values()),
    }
    return {f"int/online/{name}": float(value) for name, value in {**counts, **means}.items()}
