"""How long attempts and interventions are, and how far into an attempt its first error is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from int_verl.evaluate.estimates import CONFIDENCE, bootstrap

ATTEMPT_COLUMNS = ["problem_id", "steps", "skipped", "completion_tokens"]
INTERVENTION_COLUMNS = ["problem_id", "location", "steps", "content"]
SFT_COLUMNS = ["problem_id", "prefix_ids", "intervention_ids"]
"What `length_table` reads of attempts, interventions and rows for SFT."

Row = Mapping[str, Any]


def length_table(attempts: Iterable[Row], interventions: Iterable[Row], kept: Iterable[Row]) -> dict[str, Any]:
    """Means over all rows of a kind, with intervals over problems, and how they are spread.

    Returns:
        ``{"confidence": .95, "lengths": [{"of": "steps of an attempt", "rows": 412, "mean": estimate, "median": 5.0,
        "from": 10th percentile, "to": 90th}]}``; only what there are rows of. Attempts are those that interventions are
        asked for; tokens of interventions are known of kept ones.
    """
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in attempts:
        if not row["skipped"]:
            values["steps of an attempt"][row["problem_id"]].append(row["steps"])
            values["tokens of an attempt"][row["problem_id"]].append(row["completion_tokens"])
    for row in interventions:
        problem = row["problem_id"]
        values["step of the first error"][problem].append(row["location"])
        if row["steps"]:
            values["share of the attempt before it"][problem].append((row["location"] - 1) / row["steps"])
        values["words of an intervention"][problem].append(len(row["content"].split()))
    for row in kept:
        values["tokens of a kept intervention"][row["problem_id"]].append(len(row["intervention_ids"]))
        values["tokens of the prefix before it"][row["problem_id"]].append(len(row["prefix_ids"]))
    return {"confidence": CONFIDENCE, "lengths": [_spread(of, by_problem) for of, by_problem in values.items()]}


def _spread(of: str, by_problem: Mapping[str, list[float]]) -> dict[str, Any]:
    rows = np.concatenate([np.asarray(values, dtype=np.float64) for values in by_problem.values()])
    low, median, high = map(float, np.quantile(rows, [0.1, 0.5, 0.9]))
    sums, counts = [sum(values) for values in by_problem.values()], [len(values) for values in by_problem.values()]
    mean = bootstrap(sums, counts, share=False)
    return {"of": of, "rows": len(rows), "mean": mean, "median": median, "from": low, "to": high}
