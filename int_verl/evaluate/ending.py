"""Whether a model still ends its answers after SFT, which trains on no end token behind an intervention.

Two figures of the model before and after: the share of answers that the length limit cut off, and the probability of
the end token behind right answers that the base ended by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from int_verl.evaluate.estimates import CONFIDENCE, bootstrap

MODELS = {"before": "base", "after": "InT SFT"}
"`when` of a `records.ANSWER` row -> the model's name in tables."
END_PROBABILITIES = {"before": "end_before", "after": "end_after"}
"`when` -> the column that has the probability of the end token under that model."
COLUMNS = ["when", "problem_id", "correct", "finish_reason", *END_PROBABILITIES.values()]
"What `ending_table` reads of `records.ANSWER` rows."


def ending_table(answers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Both figures of both models, and how much the truncated share rose, from `records.ANSWER` rows.

    An answer counts as truncated whether or not it is right: one that goes on behind its boxed answer does not end.
    Intervals are over problems, and the rise is paired: each problem's share after SFT minus its share before.

    Returns:
        ``{"confidence": .95, "problems": 64, "right_answers": 40, "endings": [{"model": "base", "answers": 256,
        "correct": 90, "truncated": estimate, "end_probability": estimate}, {"model": "InT SFT", ...}],
        "rise": estimate}``; an estimate is None where there is nothing to estimate it from.
    """
    cut: dict[str, dict[str, list[bool]]] = {when: {} for when in MODELS}
    ends: dict[str, list[float]] = {when: [] for when in MODELS}
    correct = dict.fromkeys(MODELS, 0)
    for row in answers:
        if row["finish_reason"] is None:  # its prompt did not fit, or the request was lost
            continue
        cut[row["when"]].setdefault(row["problem_id"], []).append(row["finish_reason"] == "length")
        correct[row["when"]] += row["correct"]
        for when, column in END_PROBABILITIES.items():
            if row[column] is not None:
                ends[when].append(row[column])
    before, after = cut.values()
    rises = [float(np.mean(after[problem]) - np.mean(before[problem])) for problem in sorted(after.keys() & before)]
    return {
        "confidence": CONFIDENCE,
        "problems": len(before.keys() | after),
        "right_answers": len(ends["before"]),
        "endings": [
            {
                "model": name,
                "answers": sum(map(len, cut[when].values())),
                "correct": correct[when],
                "truncated": bootstrap(
                    [sum(answers) for answers in cut[when].values()], [len(answers) for answers in cut[when].values()]
                )
                if cut[when]
                else None,
                "end_probability": bootstrap(ends[when]) if ends[when] else None,
            }
            for when, name in MODELS.items()
        ],
        "rise": bootstrap(rises, signed=True) if rises else None,
    }


def rose_too_far(table: Mapping[str, Any], limit: float) -> bool:
    """Whether the truncated share rose by more than `limit`, and by more than chance: its interval is above 0."""
    rise = table["rise"]
    return rise is not None and rise["value"] > limit and rise["low"] > 0


def rise_in_words(table: Mapping[str, Any]) -> str:
    """The shares before and after SFT, in a phrase; the table must have a rise."""
    before, after = (f"{entry['truncated']['value'] * 100:.1f} %" for entry in table["endings"])
    rise = table["rise"]
    return (
        f"{after} of the answers to held-out problems do not end after SFT, {before} before it: "
        f"{rise['value'] * 100:+.1f} points [{rise['low'] * 100:+.1f}, {rise['high'] * 100:+.1f}]"
    )
