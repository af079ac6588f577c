"""The tables of a run: how often models solve the problems, the same by kind of problem, and the paper's Table 1."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from int_verl.evaluate.estimates import (
    CONFIDENCE,
    bootstrap,
    bootstrap_times,
    pass_at_k,
    whole_numbers,
    zero_advantage_at,
)

HELDOUT, HARD = "heldout", "hard"
"The problem sets of the table."
GROUP = 8  # rollouts a problem in the paper's GRPO, and in the quickstart's
COMPARISONS = (("InT SFT + RL", "base + RL"), ("InT SFT + RL", "base"), ("base + RL", "base"), ("InT SFT", "base"))

Counts = dict[str, tuple[int, int, int]]
"Problem -> samples, right ones, truncated ones."

CONDITIONS = ("problem", "hint", "wrong_step", "prefix", "intervention", "hint_and_intervention")
"In the order of the table."
CONDITIONING_COLUMNS = ["problem_id", "attempt", "proposal", "condition", "outcome", "correct"]
"What `conditioning_table` reads of `records.GUIDED` rows."

Outcomes = dict[tuple[str, Any], list[str]]
"Problem and attempt (None: rollouts of the problem alone) -> correct, wrong or truncated, of each of its rollouts."


def summarise(
    scores: Iterable[Mapping[str, Any]], *, group: int = GROUP, comparisons: Sequence[tuple[str, str]] = COMPARISONS
) -> dict[str, Any]:
    """The final table of a run, from `records.SCORE` rows.

    A truncated sample counts as not right, and its share is given apart. k goes up to the largest power of two that
    every problem of a set has samples for. A comparison is paired: the same resampled problems in both models.

    Returns:
        ``{"k": 8, "group": 8, "confidence": .95, "models": [{"model": "base", "sets": {"heldout": {"problems": 300,
        "samples": 8, "pass_at": {"1": estimate, ..., "8": estimate}, "zero_advantage_ratio": estimate,
        "truncated": 0.0}, ...}}], "differences": [{"set", "model", "against", "pass_at_1": estimate}]}``;
        models in the order of their first row.

    Raises:
        ValueError: no rows, a problem twice for one model and set, or counts that cannot be.
    """
    counts = _counts(scores)
    samples: dict[str, list[int]] = defaultdict(list)
    for sets in counts.values():
        for problem_set, problems in sets.items():
            samples[problem_set] += [n for n, _, _ in problems.values()]
    fewest = {problem_set: min(numbers) for problem_set, numbers in samples.items()}
    models = []
    for model, sets in counts.items():
        summaries = {name: _summary(problems, fewest[name], group) for name, problems in sorted(sets.items())}
        models.append({"model": model, "sets": summaries})
    differences = []
    for model, against in comparisons:
        if gains := _gains(counts.get(model, {}).get(HELDOUT, {}), counts.get(against, {}).get(HELDOUT, {})):
            estimate = bootstrap(gains, signed=True)
            named = {"set": HELDOUT, "model": model, "against": against, "problems": len(gains)}
            differences.append({**named, "pass_at_1": estimate})
    return {
        "heldout_set": HELDOUT,
        "hard_set": HARD,
        "k": _powers_of_two(fewest.get(HELDOUT, min(fewest.values())))[-1],
        "group": min(group, fewest.get(HARD, min(fewest.values()))),
        "confidence": CONFIDENCE,
        "models": models,
        "differences": differences,
    }


def skills_table(scores: Iterable[Mapping[str, Any]], groups: Mapping[str, str]) -> dict[str, Any]:
    """pass@1 on the held-out problems by kind.

    Args:
        scores: `records.SCORE` rows.
        groups: the kind of each problem by id, for example ``{"heldout-0001": "no misbelieved product"}``; problems
            without a kind are left out. Kinds are listed in the order of `groups`.

    Returns:
        ``{"set": "heldout", "groups": [{"group", "problems", "pass_at_1": {model: estimate}}]}``
    """
    rates: dict[str, dict[str, list[float]]] = {group: {} for group in groups.values()}
    for row in scores:
        group = groups.get(row["problem_id"])
        if row["problem_set"] == HELDOUT and group is not None:
            rates[group].setdefault(row["model"], []).append(row["correct"] / row["samples"])
    return {
        "set": HELDOUT,
        "groups": [
            {
                "group": group,
                "problems": max(map(len, models.values())),
                "pass_at_1": {model: bootstrap(values) for model, values in models.items()},
            }
            for group, models in rates.items()
            if models
        ],
    }


def _counts(scores: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Counts]]:
    """By model and problem set."""
    counts: dict[str, dict[str, Counts]] = {}
    for row in scores:
        model, problem_set, problem = row["model"], row["problem_set"], row["problem_id"]
        n, c = whole_numbers(samples=row["samples"], correct=row["correct"])
        if n < 1 or not 0 <= c <= n:
            raise ValueError(f"{model}, {problem_set}, problem {problem}: {c} correct of {n} samples cannot be")
        problems = counts.setdefault(model, {}).setdefault(problem_set, {})
        if problem in problems:
            raise ValueError(f"{model}, {problem_set}: problem {problem} is scored twice; remove one of the rows")
        problems[problem] = n, c, int(row.get("truncated") or 0)
    if not counts:
        raise ValueError("no scores to summarise")
    return counts


def _summary(problems: Counts, fewest: int, group: int) -> dict[str, Any]:
    """One model on one problem set; `fewest` samples has a problem of the set under any model."""
    values = [problems[problem] for problem in sorted(problems)]
    size = min(group, fewest)
    return {
        "problems": len(values),
        "samples": min(n for n, _, _ in values),
        "pass_at": {str(k): bootstrap([pass_at_k(n, c, k) for n, c, _ in values]) for k in _powers_of_two(fewest)},
        "zero_advantage_ratio": bootstrap([zero_advantage_at(n, c, size) for n, c, _ in values]),
        "truncated": sum(truncated for _, _, truncated in values) / sum(n for n, _, _ in values),
    }


def _gains(ours: Counts, theirs: Counts) -> list[float]:
    """Differences of pass@1 on the problems that both have."""
    return [ours[p][1] / ours[p][0] - theirs[p][1] / theirs[p][0] for p in sorted(ours.keys() & theirs.keys())]


def _powers_of_two(largest: int) -> list[int]:
    return [1 << i for i in range(largest.bit_length())]


def conditioning_table(guided: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """How often a continuation is right, by what it continues, from `records.GUIDED` rows.

    All conditions are computed on the attempts that have rollouts under every one of them, and those that belong to no
    attempt (problem, hint) on the problems of these; those that were never drawn, because their prompt did not fit, are
    none. Where guiding stopped at the first success, how many rollouts there are
    depends on how they went; so of every continuation only as many count as each of its condition has: those of the
    first wave. Coverage is the expected share of problems with at least one success in as many rollouts as the
    condition with the fewest has for that problem, so that a condition with more rollouts gains nothing by it.

    Returns:
        ``{"attempts": 200, "problems": 180, "left_out": 12, "uncounted": rollouts of later waves, "conditions":
        [{"condition": "wrong_step", "rollouts", "correct", "wrong", "truncated", "accuracy": estimate, "coverage":
        estimate, "solved": problems with a success}], "times": accuracy of interventions over that of the wrong step,
        None if the latter is 0, "times_interval": the same with `low` and `high`, see `bootstrap_times`}``; no
        conditions if no attempt has them all.
    """
    outcomes, uncounted = _first_waves(guided)
    present = [c for c in CONDITIONS if c in outcomes] + sorted(outcomes.keys() - set(CONDITIONS))
    of_problems = [c for c in present if all(attempt is None for _, attempt in outcomes[c])]
    of_attempts = [c for c in present if c not in of_problems]
    attempts = set.intersection(*(set(outcomes[c]) for c in of_attempts)) if of_attempts else set()
    attempts = {one for one in attempts if all((one[0], None) in outcomes[c] for c in of_problems)}
    problems = sorted({problem for problem, _ in attempts})
    of_problem: dict[str, dict[str, list[str]]] = {c: {p: [] for p in problems} for c in present}
    for condition in present:
        chosen = [(problem, None) for problem in problems] if condition in of_problems else sorted(attempts)
        for problem, attempt in chosen:
            of_problem[condition][problem] += outcomes[condition][problem, attempt]
    drawn_of = {c: [len(of_problem[c][p]) for p in problems] for c in present}
    fewest = [min(numbers) for numbers in zip(*drawn_of.values(), strict=True)]
    conditions = [_entry(c, list(of_problem[c].values()), fewest) for c in present] if attempts else []
    accuracy = {entry["condition"]: entry["accuracy"]["value"] for entry in conditions}
    return {
        "attempts": len(attempts),
        "problems": len(problems),
        "left_out": len({attempt for condition in of_attempts for attempt in outcomes[condition]}) - len(attempts),
        "uncounted": uncounted,
        "confidence": CONFIDENCE,
        "equal_rollouts": all(drawn == fewest for drawn in drawn_of.values()),
        "conditions": conditions,
        "times": accuracy["intervention"] / accuracy["wrong_step"]
        if accuracy.get("wrong_step") and "intervention" in accuracy
        else None,
        "times_interval": _times_interval(of_problem) if attempts else None,
    }


def _times_interval(of_problem: Mapping[str, Mapping[str, list[str]]]) -> dict[str, float | None] | None:
    """Of `times`, over problems."""
    if not {"intervention", "wrong_step"} <= of_problem.keys():
        return None
    ours, theirs = (
        ([outcomes.count("correct") for outcomes in problems], [len(outcomes) for outcomes in problems])
        for problems in (of_problem[condition].values() for condition in ("intervention", "wrong_step"))
    )
    return bootstrap_times(ours, theirs)


def _first_waves(guided: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Outcomes], int]:
    """By condition, what counts, and how many rollouts of later waves do not."""
    drawn: dict[str, dict[tuple[str, Any, Any], list[str]]] = defaultdict(lambda: defaultdict(list))
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
