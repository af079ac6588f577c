"""Which figures the report has, of which data."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator, PercentFormatter

from int_verl.report.curves import curve, metric_log, rl_curves
from int_verl.report.drawing import COLOURS, curves_svg, for_page, new_axes, pass_at_k_plot, svg
from int_verl.report.run_reader import RunReader
from int_verl.run_files import ATTEMPTS, INTERVENTIONS, PROPOSALS

RL = {
    "validation": "held-out pass@1",
    "reward": "mean reward",
    "zero_advantage": "zero-advantage ratio",
    "length": "response tokens",
    "entropy": "entropy",
}


def figures(folder: RunReader, summary: Mapping[str, Any] | None) -> dict[str, Markup]:
    """SVG by name; only what there is data for."""
    return _training(folder) | _pass_at_k(summary) | _first_errors(folder)


def _training(folder: RunReader) -> dict[str, Markup]:
    curves = rl_curves(folder)
    shown = {
        name: curves_svg(name, curves[name], what, percent=name == "validation")
        for name, what in RL.items()
        if name in curves
    }
    sft_log = metric_log(folder, "sft")
    losses = {"training": curve(sft_log, ["train/loss"]), "validation": curve(sft_log, ["val/loss"])}
    if present := {label: loss for label, loss in losses.items() if loss}:
        shown["sft"] = curves_svg("sft", present, "loss a token (nats)")
    return shown


def _pass_at_k(summary: Mapping[str, Any] | None) -> dict[str, Markup]:
    """pass@k over k on a logarithmic axis, with bands of confidence."""
    if not summary:
        return {}
    heldout = summary["heldout_set"]
    models = [(m["model"], m["sets"][heldout]["pass_at"]) for m in summary["models"] if heldout in m["sets"]]
    if not models or any(len(estimates) == 1 for _, estimates in models):
        return {}
    with for_page():
        figure = pass_at_k_plot(dict(models))
        return {"pass_at_k": svg(figure, "pass_at_k", "held-out pass@k of each model over k")}


def _first_errors(folder: RunReader) -> dict[str, Markup]:
    shown = {}
    guided = list(folder.rows(INTERVENTIONS, ["location", "steps"]))
    locations = Counter(row["location"] for row in guided)
    tenths = Counter(int(min(r["location"] - 1, r["steps"] - 1) / r["steps"] * 10) for r in guided if r["steps"])
    if tenths:
        bars = {10 * i + 5.0: tenths[i] for i in range(10)}
        shown["positions"] = _bars("positions", bars, 10, "share of the steps before", "interventions", percent=True)
    if not locations:
        proposed = folder.rows(PROPOSALS, ["location", "status"])
        locations = Counter(r["location"] for r in proposed if r["status"] == "proposed" and r["location"])
    if locations:
        shown["locations"] = _histogram_plot("locations", locations, "step of the first error", "interventions")
    steps = Counter(r["steps"] for r in folder.rows(ATTEMPTS, ["steps"]) if r["steps"] is not None)
    if steps:
        shown["steps"] = _histogram_plot("steps", steps, "steps of the attempt", "attempts")
    return shown


def _histogram_plot(name: str, counts: Mapping[int, int], xlabel: str, what: str) -> Markup:
    """Bars over whole numbers; neighbours are joined where there are more than 24 of them."""
    low, high = min(counts), max(counts)
    width = math.ceil((high - low + 1) / 24)
    joined: Counter[float] = Counter()
    for value, count in counts.items():
        joined[low + (value - low) // width * width + (width - 1) / 2] += count
    return _bars(name, joined, width, xlabel, what)


def _bars(
    name: str, centres: Mapping[float, int], width: float, xlabel: str, what: str, *, percent: bool = False
) -> Markup:
    with for_page(), matplotlib.rc_context({"axes.grid.axis": "y"}):
        figure, axes = new_axes(height=2.5)
        axes.bar(list(centres), list(centres.values()), width=width * 0.82, color=COLOURS["InT SFT + RL"])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
        if percent:
            axes.xaxis.set_major_formatter(PercentFormatter(decimals=0))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        axes.set_xlabel(xlabel)
        return svg(figure, name, f"{what} by {xlabel}")
