"""Figures of problems, attempts and interventions: who solves what, where attempts go wrong, what guiding comes to."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from int_verl.evaluate import Estimate, bootstrap
from int_verl.report.drawing import bars_plot, pass_at_k_plot, rates_plot, scatter_plot
from int_verl.report.pass_rates import PassRates
from int_verl.report.plot import Plot
from int_verl.report.run_reader import RunReader
from int_verl.run_files import ATTEMPTS, INTERVENTIONS, PROPOSALS

BARS = 24
"At most; neighbours are joined where there are more."


def pass_at_k(summary: Mapping[str, Any] | None) -> Iterator[Plot]:
    """Of every model on the held-out problems, over k."""
    heldout = summary["heldout_set"] if summary else ""
    found = [m for m in (summary["models"] if summary else ()) if heldout in m["sets"]]
    models: dict[str, dict[str, Estimate]] = {m["model"]: m["sets"][heldout]["pass_at"] for m in found}
    if models and all(len(estimates) > 1 for estimates in models.values()):
        rows = [
            (model, int(k), *(estimate[part] for part in ("value", "low", "high")))
            for model, estimates in models.items()
            for k, estimate in estimates.items()
        ]
        text = "Chance that one of k samples is right: unbiased estimate with its confidence band."
        draw = partial(pass_at_k_plot, models)
        yield Plot("pass_at_k", "Held-out pass@k", text, draw, ("model", "k", "value", "low", "high"), rows)


def scatters(rates: list[PassRates]) -> Iterator[Plot]:
    """Pass rate of every problem before and after, a figure a problem set."""
    for of in rates:
        points = Counter((before, after) for before, after in of.rates.values())
        text = (
            f"A point for the problems with the same two rates, larger for more of them. {of.after} solves "
            f"{len(of.gained)} that {of.before} never did, and never {len(of.lost)} that it did at times."
        )
        yield Plot(
            f"before_after_{of.problem_set}",
            f"Each {of.called} problem before and after",
            text,
            partial(scatter_plot, points, (f"right samples, {of.before}", f"right samples, {of.after}")),
            ("problem_id", of.before, of.after),
            [(problem, before, after) for problem, (before, after) in of.rates.items()],
        )


def first_errors(folder: RunReader, step_rule: str) -> Iterator[Plot]:
    """Where attempts first go wrong, how far they are then, how long they are, and how guiding fares by it."""
    guided = list(folder.rows(INTERVENTIONS, ["problem_id", "location", "steps", "guided", "guided_correct"]))
    locations = Counter(row["location"] for row in guided)
    if not locations:
        proposed = folder.rows(PROPOSALS, ["location", "status"])
        locations = Counter(r["location"] for r in proposed if r["status"] == "proposed" and r["location"])
    if locations:
        text = "Interventions by the step whose place they take."
        title = "Where attempts first go wrong"
        yield _histogram("locations", title, text, locations, ("step of the first error", "interventions"))
    tenths = Counter(int(min(r["location"] - 1, r["steps"] - 1) / r["steps"] * 10) for r in guided if r["steps"])
    if tenths:
        yield Plot(
            "positions",
            "How far attempts are then",
            "Interventions by the share of the attempt's steps before them.",
            partial(
                bars_plot,
                {i / 10 + 0.05: tenths[i] for i in range(10)},
                0.1,
                ("share of the steps before", "interventions"),
                percent=True,
            ),
            ("share_from", "share_to", "interventions"),
            [(i / 10, (i + 1) / 10, tenths[i]) for i in range(10)],
        )
    if drawn := [row for row in guided if row["guided"]]:
        yield _success_by_location(drawn)
    steps = Counter(r["steps"] for r in folder.rows(ATTEMPTS, ["steps"]) if r["steps"] is not None)
    if steps:
        text = f"Attempts by their number of {step_rule}."
        yield _histogram("steps", "Steps of an attempt", text, steps, ("steps of the attempt", "attempts"))


def _success_by_location(guided: list[dict[str, Any]]) -> Plot:
    low, width = _joined([row["location"] for row in guided])
    right: dict[int, dict[str, int]] = defaultdict(Counter)
    drawn: dict[int, dict[str, int]] = defaultdict(Counter)
    for row in guided:
        first = low + (row["location"] - low) // width * width
        right[first][row["problem_id"]] += row["guided_correct"]
        drawn[first][row["problem_id"]] += row["guided"]
    rates = {
        first: bootstrap([right[first][p] for p in drawn[first]], list(drawn[first].values()), resamples=1_000)
        for first in sorted(drawn)
    }
    rows = [
        (first, first + width - 1, rate["value"], rate["low"], rate["high"], sum(drawn[first].values()))
        for first, rate in rates.items()
    ]
    centres = {first + (width - 1) / 2: rate for first, rate in rates.items()}
    text = "Share of guided rollouts from interventions that reach the answer; intervals over problems."
    return Plot(
        "success_by_location",
        "Guided success by location",
        text,
        partial(rates_plot, centres, ("step of the first error", "rollouts that are right")),
        ("location_from", "location_to", "value", "low", "high", "rollouts"),
        rows,
    )


def _histogram(name: str, title: str, text: str, counts: Mapping[int, int], labels: tuple[str, str]) -> Plot:
    low, width = _joined(counts)
    joined: Counter[float] = Counter()
    for value, count in counts.items():
        joined[low + (value - low) // width * width + (width - 1) / 2] += count
    rows = sorted(counts.items())
    return Plot(name, title, text, partial(bars_plot, joined, width, labels), (labels[0], labels[1]), rows)


def _joined(values: Any) -> tuple[int, int]:
    """The lowest value, and how many neighbours make a bar, so that there are at most `BARS`."""
    low, high = min(values), max(values)
    return low, math.ceil((high - low + 1) / BARS)
