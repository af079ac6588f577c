"""How well a first error is found: do proposals agree on its step with each other, another proposer, the truth?

An attempt's proposals count as far as they name a step that it has, whatever became of them: a duplicate agrees, and
one that gives the answer away may still stand in the right place.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from int_verl.evaluate.estimates import CONFIDENCE, Estimate, bootstrap, wilson

ATTEMPT_COLUMNS = ["problem_id", "attempt", "steps"]
PROPOSAL_COLUMNS = ["problem_id", "attempt", "proposal", "status", "location"]
INTERVENTION_COLUMNS = ["problem_id", "attempt", "location", "guided", "guided_correct"]
"What `localisation_table` reads of attempts, proposals and interventions."

FURTHEST = 3
"Steps from which on distances are one row."
TRUTH, MOST_NAMED = "the true first error", "the step that most proposals name"

Row = Mapping[str, Any]
Key = tuple[str, int]
"Problem and attempt."


def localisation_table(
    attempts: Iterable[Row],
    proposals: Iterable[Row],
    interventions: Iterable[Row],
    others: Mapping[str, Iterable[Row]] | None = None,
    first_errors: Mapping[Key, int] | None = None,
) -> dict[str, Any]:
    """Agreement on the location, and what guided success has to do with it.

    Args:
        attempts, proposals, interventions: rows of the run.
        others: name of another proposer -> its proposals for the same attempts.
        first_errors: problem and attempt -> the step of its true first error, from 1, where it is known.

    Returns:
        ``{"confidence": .95, "agreement": [{"between": "the proposals of an attempt", "problems", "attempts", "pairs",
        "same": estimate, "within_one": estimate, "earlier": estimate, "later": estimate, "by_chance": estimate}, ...],
        "success": [{"chosen": what distances are from, "distances": [{"distance": "-1", "interventions": 12,
        "successful": Wilson's estimate}]}]}``. Pairs are of two locations in one attempt; `earlier` and `later`: that
        the first is; null among the proposals of one attempt, which have no order. `by_chance`: `same`, if one of the
        two were any step of the attempt with equal chance.
    """
    steps = {(row["problem_id"], row["attempt"]): int(row["steps"] or 0) for row in attempts}
    ours = _locations(proposals, steps)
    theirs = {name: _locations(rows, steps) for name, rows in (others or {}).items()}
    truth = {key: [step] for key, step in (first_errors or {}).items() if key in steps}
    among = {key: list(combinations(locations, 2)) for key, locations in ours.items()}
    agreement = [_agreement("the proposals of an attempt", among, steps, ordered=False)]
    for name, locations in theirs.items():
        agreement.append(_agreement(f"they and {name}", _pairs(ours, locations), steps))
    if truth:
        agreement.append(_agreement(f"they and {TRUTH}", _pairs(ours, truth), steps))
        for name, locations in theirs.items():
            agreement.append(_agreement(f"{name} and {TRUTH}", _pairs(locations, truth), steps))
    by_others = {f"the step that {name} names most": locations for name, locations in theirs.items()}
    chosen = {TRUTH: truth, **by_others, MOST_NAMED: ours if any(len(named) > 1 for named in ours.values()) else {}}
    guided = [row for row in interventions if row["guided"]]
    success = [
        {"chosen": name, "distances": distances}
        for name, locations in chosen.items()
        if (distances := _by_distance(guided, {key: most_named(named) for key, named in locations.items()}))
    ]
    return {"confidence": CONFIDENCE, "agreement": [one for one in agreement if one is not None], "success": success}


def most_named(locations: Sequence[int]) -> int:
    """The location that most name; of equals the earliest.

    >>> most_named([4, 2, 4, 2, 7])
    2
    """
    counts = Counter(locations)
    return min(counts, key=lambda location: (-counts[location], location))


def _locations(proposals: Iterable[Row], steps: Mapping[Key, int]) -> dict[Key, list[int]]:
    found: dict[Key, list[int]] = defaultdict(list)
    for row in proposals:
        key, location = (row["problem_id"], row["attempt"]), row["location"]
        if location is not None and 1 <= location <= steps.get(key, 0):
            found[key].append(location)
    return found


def _pairs(one: Mapping[Key, list[int]], other: Mapping[Key, list[int]]) -> dict[Key, list[tuple[int, int]]]:
    return {key: list(product(locations, other[key])) for key, locations in one.items() if key in other}


def _agreement(
    between: str, pairs: Mapping[Key, Sequence[tuple[int, int]]], steps: Mapping[Key, int], *, ordered: bool = True
) -> dict[str, Any] | None:
    """Every pair counts the same; None without any."""
    by_problem: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for key, of_attempt in pairs.items():
        by_problem[key[0]] += [(first, second, steps[key]) for first, second in of_attempt]
    counted = [found for found in by_problem.values() if found]
    if not counted:
        return None

    def share(of: Callable[[int, int, int], float]) -> Estimate:
        return bootstrap([sum(of(*pair) for pair in found) for found in counted], [len(found) for found in counted])

    return {
        "between": between,
        "problems": len(counted),
        "attempts": sum(bool(of_attempt) for of_attempt in pairs.values()),
        "pairs": sum(map(len, counted)),
        "same": share(lambda a, b, _: a == b),
        "within_one": share(lambda a, b, _: abs(a - b) <= 1),
        "earlier": share(lambda a, b, _: a < b) if ordered else None,
        "later": share(lambda a, b, _: a > b) if ordered else None,
        "by_chance": share(lambda _a, _b, length: 1 / length),
    }


def _by_distance(interventions: Iterable[Row], chosen: Mapping[Key, int]) -> list[dict[str, Any]]:
    """Guided interventions by how many steps after the chosen one they stand."""
    outcomes: dict[int, list[bool]] = defaultdict(list)
    for row in interventions:
        if (step := chosen.get((row["problem_id"], row["attempt"]))) is not None:
            distance = max(-FURTHEST, min(FURTHEST, row["location"] - step))
            outcomes[distance].append(row["guided_correct"] > 0)
    return [
        {
            "distance": _named(distance),
            "interventions": len(outcomes[distance]),
            "successful": wilson(sum(outcomes[distance]), len(outcomes[distance])),
        }
        for distance in sorted(outcomes)
    ]


def _named(distance: int) -> str:
    """
    >>> [_named(distance) for distance in (-3, -1, 0, 3)]
    ['-3 or more', '-1', '0', '+3 or more']
    """
    more = " or more" if abs(distance) == FURTHEST else ""
    return f"{distance:+d}{more}" if distance else "0"
