"""Evaluation arithmetic: unbiased pass@k, zero-advantage ratio, and confidence intervals over problems.

Arrays are named by their axes: `P` problems, `G` rollouts of one problem, `B` bootstrap resamples.
Everything returned is JSON: numbers, strings, lists and dicts with string keys; an estimate is
``{"value": 0.41, "low": 0.36, "high": 0.46}``.
"""

from __future__ import annotations

import math
import operator
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.table import Table
from rich.text import Text

CONFIDENCE = 0.95
RESAMPLES = 10_000
GROUP = 8  # rollouts a problem in the paper's GRPO, and in the quickstart's
CONDITIONS = ("wrong_step", "prefix", "intervention")  # the order of the paper's Table 1, worst to best
CONDITIONING_COLUMNS = ["problem_id", "attempt", "proposal", "condition", "outcome", "correct"]
"What `conditioning_table` reads of `records.GUIDED` rows."
COMPARISONS = (
    ("InT SFT + RL", "base + RL"),
    ("InT SFT + RL", "base"),
    ("base + RL", "base"),
    ("InT SFT", "base"),
)

Estimate = dict[str, float]
Floats = NDArray[np.float64]


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased estimate of the chance that at least one of `k` samples is right (Chen et al. 2021, arXiv 2107.03374).

    The share of the k-subsets of `n` samples, `c` of them right, that hold a right one: ``1 - C(n-c, k) / C(n, k)``.
    Computed in whole numbers and rounded once, so nothing overflows or cancels.

    >>> pass_at_k(4, 1, 2)
    0.5

    Raises:
        ValueError: not whole numbers with 1 <= k <= n and 0 <= c <= n.
    """
    n, c, k = _counts(n=n, c=c, k=k)
    _check_counts(n, c, k)
    subsets = math.comb(n, k)
    return (subsets - math.comb(n - c, k)) / subsets


def zero_advantage_at(n: int, c: int, group: int) -> float:
    """Unbiased estimate of the chance that a group of rollouts has equal rewards, from `n` samples with `c` right.

    ``(C(n-c, group) + C(c, group)) / C(n, group)``; with ``group == n`` it is 1 when all samples agree and else 0.

    >>> zero_advantage_at(4, 1, 2)
    0.5

    Raises:
        ValueError: as in `pass_at_k`.
    """
    n, c, group = _counts(n=n, c=c, group=group)
    _check_counts(n, c, group)
    return (math.comb(n - c, group) + math.comb(c, group)) / math.comb(n, group)


def zero_advantage_ratio(rewards_P_G: ArrayLike) -> float:
    """Share of groups in which all rewards are equal, so that no rollout has an advantage.

    Args:
        rewards_P_G: one row a group; rows may differ in length.

    >>> zero_advantage_ratio([[0, 0, 0], [0, 1, 0], [1, 1, 1]])
    0.6666666666666666

    Raises:
        ValueError: no groups, an empty group, or a reward that is not a finite number.
    """
    groups = [np.asarray(group, dtype=np.float64).reshape(-1) for group in rewards_P_G]  # type: ignore[union-attr]
    if not groups:
        raise ValueError("zero_advantage_ratio needs at least one group of rewards")
    for i, group in enumerate(groups):
        if not group.size or not np.isfinite(group).all():
            raise ValueError(f"group {i} must hold at least one reward, all of them finite")
    return float(np.mean([group.min() == group.max() for group in groups]))


def bootstrap(
    numerator_P: ArrayLike,
    denominator_P: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    signed: bool = False,
) -> Estimate:
    """A mean over problems, or a ratio of two sums over problems, with its percentile bootstrap interval.

    Problems are drawn with replacement, because samples of one problem are not independent. Where every problem is
    at 0 or every problem is at 1 the bootstrap would give an interval of no width; there the bound is Wilson's for
    the share of problems off that end (on both sides of 0 if `signed`).

    Args:
        numerator_P: a value a problem, for example its pass@1 or its number of right rollouts.
        denominator_P: for example its number of rollouts; without it the mean of `numerator_P`.
        signed: values lie in -1..1, not in 0..1, as paired differences do.

    Returns:
        ``{"value": ..., "low": ..., "high": ...}``

    Raises:
        ValueError: no problems, shapes that differ, values that are not finite, or denominators that are not positive.
    """
    numerators, denominators = _check_values(numerator_P, denominator_P)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    value = float(numerators.sum() / denominators.sum())
    rates = numerators / denominators
    if (rates == 0).all() or (rates == 1).all():
        width = wilson(0, len(rates), confidence)["high"]
        low, high = max(value - width, -1.0 if signed else 0.0), min(value + width, 1.0)
        return {"value": value, "low": low, "high": high}
    ratios_B = _resampled_ratios(numerators, denominators, resamples, seed)
    low, high = map(float, np.quantile(ratios_B, [(1 - confidence) / 2, (1 + confidence) / 2]))
    return {"value": value, "low": low, "high": high}


def wilson(successes: int, trials: int, confidence: float = CONFIDENCE) -> Estimate:
    """A share with Wilson's interval (Wilson 1927), which has a width even where nothing or everything succeeds.

    >>> round(wilson(0, 64)["high"], 3)
    0.057

    Raises:
        ValueError: no trials, or more successes than trials.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} successes in {trials} trials cannot be")
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    share = successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return {"value": share, "low": max(middle - half, 0.0), "high": min(middle + half, 1.0)}


def summarise(
    scores: Iterable[Mapping[str, Any]],
    *,
    hard_set: str = "hard",
    heldout_set: str = "heldout",
    group: int = GROUP,
    comparisons: Sequence[tuple[str, str]] = COMPARISONS,
    resamples: int = RESAMPLES,
    seed: int = 0,
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
    counts: dict[str, dict[str, dict[str, tuple[int, int, int]]]] = {}
    for row in scores:
        model, problem_set, problem = row["model"], row["problem_set"], row["problem_id"]
        n, c = _counts(samples=row["samples"], correct=row["correct"])
        if n < 1 or not 0 <= c <= n:
            raise ValueError(f"{model}, {problem_set}, problem {problem}: {c} correct of {n} samples cannot be")
        problems = counts.setdefault(model, {}).setdefault(problem_set, {})
        if problem in problems:
            raise ValueError(f"{model}, {problem_set}: problem {problem} is scored twice; remove one of the rows")
        problems[problem] = n, c, int(row.get("truncated") or 0)
    if not counts:
        raise ValueError("no scores to summarise")

    fewest: dict[str, int] = {}
    for sets in counts.values():
        for problem_set, problems in sets.items():
            samples = min(n for n, _, _ in problems.values())
            fewest[problem_set] = min(samples, fewest.get(problem_set, samples))

    models = []
    for model, sets in counts.items():
        summaries: dict[str, Any] = {}
        for problem_set, problems in sorted(sets.items()):
            values = [problems[problem] for problem in sorted(problems)]
            size = min(group, fewest[problem_set])
            drawn = sum(n for n, _, _ in values)
            summaries[problem_set] = {
                "problems": len(values),
                "samples": min(n for n, _, _ in values),
                "pass_at": {
                    str(k): bootstrap([pass_at_k(n, c, k) for n, c, _ in values], resamples=resamples, seed=seed)
                    for k in _powers_of_two(fewest[problem_set])
                },
                "zero_advantage_ratio": bootstrap(
                    [zero_advantage_at(n, c, size) for n, c, _ in values], resamples=resamples, seed=seed
                ),
                "truncated": sum(truncated for _, _, truncated in values) / drawn,
            }
        models.append({"model": model, "sets": summaries})

    differences = []
    for model, against in comparisons:
        ours, theirs = counts.get(model, {}).get(heldout_set, {}), counts.get(against, {}).get(heldout_set, {})
        if shared := sorted(ours.keys() & theirs.keys()):
            gains = [ours[p][1] / ours[p][0] - theirs[p][1] / theirs[p][0] for p in shared]
            estimate = bootstrap(gains, resamples=resamples, seed=seed, signed=True)
            differences.append(
                {
                    "set": heldout_set,
                    "model": model,
                    "against": against,
                    "problems": len(shared),
                    "pass_at_1": estimate,
                }
            )
    k = _powers_of_two(fewest.get(heldout_set, min(fewest.values())))[-1]
    return {
        "heldout_set": heldout_set,
        "hard_set": hard_set,
        "k": k,
        "group": min(group, fewest.get(hard_set, min(fewest.values()))),
        "confidence": CONFIDENCE,
        "models": models,
        "differences": differences,
    }


def conditioning_table(
    guided: Iterable[Mapping[str, Any]], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """How often a continuation is right, by what it continues: the paper's Table 1, from `records.GUIDED` rows.

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
    drawn_of: dict[str, dict[tuple[str, int, int], list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in guided:
        if row["outcome"] == "prompt_too_long":
            continue
        outcome = "correct" if row["correct"] else "truncated" if row["outcome"] == "truncated" else "wrong"
        drawn_of[row["condition"]][row["problem_id"], row["attempt"], row["proposal"]].append(outcome)
    outcomes: dict[str, dict[tuple[str, int], list[str]]] = defaultdict(lambda: defaultdict(list))
    uncounted = 0
    for condition, continuations in drawn_of.items():
        of_each = min(map(len, continuations.values()))
        for (problem, attempt, _), drawn_outcomes in continuations.items():
            outcomes[condition][problem, attempt] += drawn_outcomes[:of_each]
            uncounted += len(drawn_outcomes) - of_each
    present = [c for c in CONDITIONS if c in outcomes] + sorted(outcomes.keys() - set(CONDITIONS))
    attempts = set.intersection(*(set(outcomes[c]) for c in present)) if present else set()
    all_attempts = {attempt for condition in present for attempt in outcomes[condition]}
    table: dict[str, Any] = {
        "attempts": len(attempts),
        "problems": len({problem for problem, _ in attempts}),
        "left_out": len(all_attempts) - len(attempts),
        "uncounted": uncounted,
        "confidence": CONFIDENCE,
        "equal_rollouts": True,
        "conditions": [],
        "times": None,
    }
    if not attempts:
        return table

    problems = sorted({problem for problem, _ in attempts})
    of_problem: dict[str, dict[str, list[str]]] = {c: {p: [] for p in problems} for c in present}
    for condition in present:
        for problem, attempt in sorted(attempts):
            of_problem[condition][problem] += outcomes[condition][problem, attempt]
    fewest = {p: min(len(of_problem[c][p]) for c in present) for p in problems}
    for condition in present:
        drawn = [len(of_problem[condition][p]) for p in problems]
        right = [of_problem[condition][p].count("correct") for p in problems]
        truncated = sum(of_problem[condition][p].count("truncated") for p in problems)
        covered = [pass_at_k(n, c, fewest[p]) for n, c, p in zip(drawn, right, problems, strict=True)]
        table["equal_rollouts"] &= all(n == fewest[p] for n, p in zip(drawn, problems, strict=True))
        table["conditions"].append(
            {
                "condition": condition,
                "rollouts": sum(drawn),
                "correct": sum(right),
                "wrong": sum(drawn) - sum(right) - truncated,
                "truncated": truncated,
                "accuracy": bootstrap(right, drawn, resamples=resamples, seed=seed),
                "coverage": bootstrap(covered, resamples=resamples, seed=seed),
                "solved": sum(c > 0 for c in right),
            }
        )
    accuracy = {entry["condition"]: entry["accuracy"]["value"] for entry in table["conditions"]}
    if accuracy.get("wrong_step") and "intervention" in accuracy:
        table["times"] = accuracy["intervention"] / accuracy["wrong_step"]
    return table


def skills_table(
    scores: Iterable[Mapping[str, Any]],
    groups: Mapping[str, str],
    *,
    problem_set: str = "heldout",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """What a model can do by kind of problem, to see skills lost and regained.

    Args:
        scores: `records.SCORE` rows.
        groups: the kind of each problem by id, for example ``{"heldout-0001": "no misbelieved product"}``; problems
            without a kind are left out. Kinds are listed in the order of `groups`.

    Returns:
        ``{"set": "heldout", "groups": [{"group", "problems", "pass_at_1": {model: estimate}}]}``
    """
    rates: dict[str, dict[str, list[float]]] = {group: {} for group in dict.fromkeys(groups.values())}
    for row in scores:
        group = groups.get(row["problem_id"])
        if row["problem_set"] == problem_set and group is not None:
            rates[group].setdefault(row["model"], []).append(row["correct"] / row["samples"])
    return {
        "set": problem_set,
        "groups": [
            {
                "group": group,
                "problems": max(len(values) for values in models.values()),
                "pass_at_1": {m: bootstrap(v, resamples=resamples, seed=seed) for m, v in models.items()},
            }
            for group, models in rates.items()
            if models
        ],
    }


def table_cells(table: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]], list[str]]:
    """Title, column heads, rows and notes of what `summarise`, `conditioning_table` or `skills_table` returned."""
    if "models" in table:
        return _final_cells(table)
    if "conditions" in table:
        return _conditioning_cells(table)
    if "groups" in table:
        models = list(dict.fromkeys(m for entry in table["groups"] for m in entry["pass_at_1"]))
        rows = [
            [entry["group"], str(entry["problems"]), *(_percent(entry["pass_at_1"].get(m)) for m in models)]
            for entry in table["groups"]
        ]
        return f"pass@1 by kind of problem ({table['set']})", ["kind of problem", "problems", *models], rows, []
    raise ValueError("not a table of int_verl.evaluate.figures")


@overload
def format_table(table: Mapping[str, Any], style: Literal["markdown"] = ...) -> str: ...
@overload
def format_table(table: Mapping[str, Any], style: Literal["rich"]) -> Table: ...
def format_table(table: Mapping[str, Any], style: str = "markdown") -> str | Table:
    """What `summarise`, `conditioning_table` or `skills_table` returned, as markdown text or as a table for rich."""
    title, heads, rows, notes = table_cells(table)
    if style == "markdown":
        escaped = [[cell.replace("|", "\\|") for cell in row] for row in [heads, *rows]]
        lines = [f"| {' | '.join(row)} |" for row in escaped]
        lines.insert(1, f"|{'---|' * len(heads)}")
        return "\n".join(lines) + "".join(f"\n\n{note}" for note in notes)
    if style == "rich":
        rich_table = Table(title=title, caption="\n".join(notes) or None, caption_justify="left")
        for i, head in enumerate(heads):
            rich_table.add_column(Text(head), justify="left" if i == 0 else "right")
        for row in rows:
            rich_table.add_row(*map(Text, row))
        return rich_table
    raise ValueError(f"style must be markdown or rich, not {style!r}")


def _final_cells(table: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]], list[str]]:
    heldout, hard, k = table["heldout_set"], table["hard_set"], table["k"]
    shown = "held-out" if heldout == "heldout" else heldout
    heads = ["model", f"{shown} pass@1"]
    heads += [f"{shown} pass@{k}"] if k > 1 else []
    heads += [f"zero-advantage ratio ({hard})", "truncated"]
    rows = []
    for entry in table["models"]:
        scores, on_hard = entry["sets"].get(heldout), entry["sets"].get(hard)
        row = [entry["model"], _percent(scores and scores["pass_at"]["1"])]
        row += [_percent(scores and scores["pass_at"][str(k)])] if k > 1 else []
        row += [_ratio(on_hard and on_hard["zero_advantage_ratio"])]
        row += [f"{scores['truncated'] * 100:.1f} %" if scores else "-"]
        rows.append(row)
    notes = []
    if sizes := {s["problems"] for m in table["models"] if (s := m["sets"].get(heldout))}:
        samples = min(s["samples"] for m in table["models"] if (s := m["sets"].get(heldout)))
        notes.append(
            f"{'/'.join(map(str, sorted(sizes)))} {shown} problems, {samples} samples each; "
            f"{table['confidence'] * 100:.0f} % intervals over problems; groups of {table['group']}."
        )
    for entry in table["differences"][:1]:
        gain = entry["pass_at_1"]
        notes.append(
            f"{entry['model']} minus {entry['against']}, pass@1: {gain['value'] * 100:+.1f} points "
            f"[{gain['low'] * 100:+.1f}, {gain['high'] * 100:+.1f}], paired over {entry['problems']} problems."
        )
    return "Final table", heads, rows, notes


def _conditioning_cells(table: Mapping[str, Any]) -> tuple[str, list[str], list[list[str]], list[str]]:
    names = {"wrong_step": "prefix + original wrong step", "prefix": "prefix", "intervention": "prefix + intervention"}
    heads = ["continued from", "accuracy", "coverage", "problems solved", "rollouts", "truncated"]
    rows = [
        [
            names.get(entry["condition"], entry["condition"]),
            _percent(entry["accuracy"], digits=2),
            _percent(entry["coverage"]),
            f"{entry['solved']} of {table['problems']}",
            f"{entry['rollouts']:,}",
            f"{entry['truncated']:,}",
        ]
        for entry in table["conditions"]
    ]
    notes = [f"The same {table['attempts']} incorrect attempts of {table['problems']} problems in every row."]
    if table["times"]:
        notes.append(f"From the intervention {table['times']:.1f} times as accurate as from the wrong step.")
    if table["uncounted"]:
        notes.append(
            f"{table['uncounted']:,} rollouts of later waves, drawn where the first had no success, do not count."
        )
    if not table["equal_rollouts"]:
        notes.append("Conditions differ in rollouts; coverage is the expected one at the smaller number.")
    return "Continuing an incorrect attempt", heads, rows, notes


def _percent(estimate: Estimate | None, digits: int = 1) -> str:
    if not estimate:
        return "-"
    value, low, high = (f"{estimate[key] * 100:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} % [{low}, {high}]"


def _ratio(estimate: Estimate | None) -> str:
    return f"{estimate['value']:.2f} [{estimate['low']:.2f}, {estimate['high']:.2f}]" if estimate else "-"


def _counts(**values: Any) -> tuple[int, ...]:
    try:
        return tuple(operator.index(value) for value in values.values())
    except TypeError:
        raise ValueError(
            f"whole numbers are needed, not {', '.join(f'{k}={v!r}' for k, v in values.items())}"
        ) from None


def _check_counts(n: int, c: int, k: int) -> None:
    if not 0 <= c <= n:
        raise ValueError(f"of {n} samples {c} cannot be right")
    if not 1 <= k <= n:
        raise ValueError(f"a draw of {k} needs between 1 and {n} samples; draw more samples or lower k")


def _check_values(numerator_P: ArrayLike, denominator_P: ArrayLike | None) -> tuple[Floats, Floats]:
    numerators = np.asarray(numerator_P, dtype=np.float64)
    denominators = np.ones_like(numerators) if denominator_P is None else np.asarray(denominator_P, dtype=np.float64)
    if numerators.ndim != 1 or not numerators.size or numerators.shape != denominators.shape:
        raise ValueError("one value a problem is needed, at least one problem, and as many denominators as numerators")
    if not np.isfinite(numerators).all() or not np.isfinite(denominators).all() or (denominators <= 0).any():
        raise ValueError("values must be finite and denominators positive")
    return numerators, denominators


def _resampled_ratios(numerators: Floats, denominators: Floats, resamples: int, seed: int) -> Floats:
    """Ratio of sums in each of B resamples of the problems; a few million draws at a time."""
    rng = np.random.default_rng(seed)
    size = len(numerators)
    per_chunk = max(1, 2_000_000 // size)
    chunks = []
    for start in range(0, resamples, per_chunk):
        picks_B_P = rng.integers(size, size=(min(per_chunk, resamples - start), size))
        chunks.append(numerators[picks_B_P].sum(axis=1) / denominators[picks_B_P].sum(axis=1))
    return np.concatenate(chunks)


def _powers_of_two(largest: int) -> list[int]:
    return [1 << i for i in range(largest.bit_length())]
