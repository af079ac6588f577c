"""How often models solve the problems: the final table of a run, and the same by kind of problem."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from int_verl.evaluate.estimates import CONFIDENCE, bootstrap, pass_at_k, whole_numbers, zero_advantage_at

HELDOUT, HARD = "heldout", "hard"
"The problem sets of the table."
GROUP = 8  # rollouts a problem in the paper's GRPO, and in the quickstart's
COMPARISONS = (("InT SFT + RL", "base + RL"), ("InT SFT + RL", "base"), ("base + RL", "base"), ("InT SFT", "base"))

Counts = dict[str, tuple[int, int, int]]
"Problem -> samples, right ones, truncated ones."


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
