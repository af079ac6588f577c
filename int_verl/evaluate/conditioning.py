"""How often a continuation of an incorrect attempt is right, by what it continues: the paper's Table 1."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from int_verl.evaluate.estimates import CONFIDENCE, bootstrap, pass_at_k

CONDITIONS = ("wrong_step", "prefix", "intervention")  # the order of the paper's Table 1, worst to best
CONDITIONING_COLUMNS = ["problem_id", "attempt", "proposal", "condition", "outcome", "correct"]
"What `conditioning_table` reads of `records.GUIDED` rows."

Outcomes = dict[tuple[str, int], list[str]]
"Problem and attempt -> correct, wrong or truncated, of each of its rollouts."


def conditioning_table(guided: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """How often a continuation is right, by what it continues, from `records.GUIDED` rows.

    All conditions are computed on the attempts that have rollouts under every one of them; those that were never drawn,
    because their prompt did not fit, are none. Where guiding stopped at the first success, how many rollouts there are
    depends on how they went; so of every continuation only as many count as each of its condition has: those of the
    first wave. Coverage is the expected share of problems with at least one success in as many rollouts as the
    condition with the fewest has for that problem, so that a condition with more rollouts gains nothing by it.

    Returns:
        ``{"attempts": 200, "problems": 180, "left_out": 12, "uncounted": rollouts of later waves, "conditions":
        [{"condition": "wrong_step", "rollouts", "correct", "wrong", "truncated", "accuracy": estimate, "coverage":
        estimate, "solved": problems with a success}], "times": accuracy of interventions over that of the wrong step,
        None if the latter is 0}``; no conditions if no attempt has them all.
    """
    outcomes, uncounted = _first_waves(guided)
    present = [c for c in CONDITIONS if c in outcomes] + sorted(outcomes.keys() - set(CONDITIONS))
    attempts = set.intersection(*(set(outcomes[c]) for c in present)) if present else set()
    problems = sorted({problem for problem, _ in attempts})
    of_problem: dict[str, dict[str, list[str]]] = {c: {p: [] for p in problems} for c in present}
    for condition in present:
        for problem, attempt in sorted(attempts):
            of_problem[condition][problem] += outcomes[condition][problem, attempt]
    drawn_of = {c: [len(of_problem[c][p]) for p in problems] for c in present}
    fewest = [min(numbers) for numbers in zip(*drawn_of.values(), strict=True)]
    conditions = [_entry(c, list(of_problem[c].values()), fewest) for c in present] if attempts else []
    accuracy = {entry["condition"]: entry["accuracy"]["value"] for entry in conditions}
    return {
        "attempts": len(attempts),
        "problems": len(problems),
        "left_out": len({attempt for condition in present for attempt in outcomes[condition]}) - len(attempts),
        "uncounted": uncounted,
        "confidence": CONFIDENCE,
        "equal_rollouts": all(drawn == fewest for drawn in drawn_of.values()),
        "conditions": conditions,
        "times": accuracy["intervention"] / accuracy["wrong_step"]
        if accuracy.get("wrong_step") and "intervention" in accuracy
        else None,
    }


def _first_waves(guided: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Outcomes], int]:
    """By condition, what counts, and how many rollouts of later waves do not."""
    drawn: dict[str, dict[tuple[str, int, int], list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in guided:
        if row["outcome"] != "prompt_too_long":
            outcome = "correct" if row["correct"] else "truncated" if row["outcome"] == "truncated" else "wrong"
            drawn[row["condition"]][row["problem_id"], row["attempt"], row["proposal"]].append(outcome)
    outcomes: dict[str, Outcomes] = defaultdict(lambda: defaultdict(list))
    uncounted = 0
    for condition, continuations in drawn.items():
        of_each = min(map(len, continuations.values()))
        for (problem, attempt, _), of_continuation in continuations.items():
            outcomes[condition][problem, attempt] += of_continuation[:of_each]
            uncounted += len(of_continuation) - of_each
    return outcomes, uncounted


def _entry(condition: str, outcomes: list[list[str]], fewest: list[int]) -> dict[str, Any]:
    """A row of the table; outcomes of each problem, and the fewest rollouts that it has under any condition."""
    drawn = [len(of_problem) for of_problem in outcomes]
    right = [of_problem.count("correct") for of_problem in outcomes]
    truncated = sum(of_problem.count("truncated") for of_problem in outcomes)
    return {
        "condition": condition,
        "rollouts": sum(drawn),
        "correct": sum(right),
        "wrong": sum(drawn) - sum(right) - truncated,
        "truncated": truncated,
        "accuracy": bootstrap(right, drawn),
        "coverage": bootstrap([pass_at_k(n, c, k) for n, c, k in zip(drawn, right, fewest, strict=True)]),
        "solved": sum(c > 0 for c in right),
    }
