"""Which figures the report has, of which data: inline SVG that takes ink and font from the page, in light and dark."""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from int_verl.report.curves import Curve, curve, downsample, metric_log, rl_curves, smooth
from int_verl.report.run_reader import RunReader
from int_verl.run_files import ATTEMPTS, INTERVENTIONS, PROPOSALS

RL = {
    "validation": "held-out pass@1",
    "reward": "mean reward",
    "zero_advantage": "zero-advantage ratio",
    "length": "response tokens",
    "entropy": "entropy",
}
COLOURS = {"base": "#8a94a3", "base + RL": "#d97706", "InT SFT": "#0d9488", "InT SFT + RL": "#4f6df5"}
COLOURS |= {"training": COLOURS["InT SFT"], "validation": COLOURS["base + RL"]}
OTHERS = ("#b45309", "#7c3aed", "#be185d", "#0369a1", "#4d7c0f")
# Written by matplotlib, replaced by the page's variables.
_INK, _GRID = "#010203", "#040506"
_STYLE: Any = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.borderaxespad": 0.1,
    "legend.borderpad": 0,
    "legend.fontsize": 9.5,
    "legend.handlelength": 1.4,
}
_POINTS: Any = {"marker": "o", "markersize": 4.5, "linewidth": 1.6, "elinewidth": 1, "capsize": 2.5}


def figures(folder: RunReader, summary: Mapping[str, Any] | None) -> dict[str, Markup]:
    """SVG by name; only what there is data for."""
    return _training(folder) | _pass_at_k(summary) | _first_errors(folder)


def _training(folder: RunReader) -> dict[str, Markup]:
    curves = rl_curves(folder)
    shown = {
        name: _curves_plot(name, curves[name], what, percent=name == "validation")
        for name, what in RL.items()
        if name in curves
    }
    sft_log = metric_log(folder, "sft")
    losses = {"training": curve(sft_log, ["train/loss"]), "validation": curve(sft_log, ["val/loss"])}
    if present := {label: loss for label, loss in losses.items() if loss}:
        shown["sft"] = _curves_plot("sft", present, "loss a token (nats)")
    return shown


def _pass_at_k(summary: Mapping[str, Any] | None) -> dict[str, Markup]:
    """pass@k over k on a logarithmic axis, with bands of confidence."""
    if not summary:
        return {}
    heldout = summary["heldout_set"]
    models = [(m["model"], m["sets"][heldout]["pass_at"]) for m in summary["models"] if heldout in m["sets"]]
    if not models or any(len(estimates) == 1 for _, estimates in models):
        return {}
    with matplotlib.rc_context(_STYLE):
        figure, axes = _axes()
        for model, estimates in models:
            ks = [int(k) for k in estimates]
            value, low, high = ([e[part] for e in estimates.values()] for part in ("value", "low", "high"))
            axes.plot(ks, value, color=_colour(model), label=model, marker="o", markersize=4, linewidth=2)
            axes.fill_between(ks, low, high, color=_colour(model), alpha=0.13, linewidth=0)
        axes.set_xscale("log", base=2)
        ticks = sorted({int(k) for _, estimates in models for k in estimates})
        axes.set_xticks(ticks, [str(k) for k in ticks])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set_xlabel("k")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        figure.legend(loc="upper left", ncols=4)
        return {"pass_at_k": _svg(figure, "pass_at_k", "held-out pass@k of each model over k")}


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


def _colour(model: str) -> str:
    return COLOURS.get(model) or OTHERS[sum(model.encode()) % len(OTHERS)]


def _curves_plot(name: str, curves: Mapping[str, Curve], what: str, *, percent: bool = False) -> Markup:
    """Curves over training steps, one colour a model: the values pale, their moving average strong.

    Values with confidence intervals are drawn as points with bars instead.
    """
    with matplotlib.rc_context(_STYLE):
        figure, axes = _axes()
        for model, values in curves.items():
            drawn: Any = {"color": _colour(model), "label": model}
            if values.intervals:
                heights, (low, high) = np.asarray(values.values), np.transpose(values.intervals)
                axes.errorbar(values.steps, heights, yerr=[heights - low, high - heights], **drawn, **_POINTS)
            elif len(values.steps) < 12:
                axes.plot(values.steps, values.values, color=_colour(model), linewidth=1)
                axes.plot(values.steps, values.values, **drawn, linewidth=2, marker="o", markersize=4)
            else:
                values = downsample(values)
                axes.plot(values.steps, values.values, color=_colour(model), alpha=0.28, linewidth=1)
                axes.plot(values.steps, smooth(values).values, **drawn, linewidth=2, markersize=4)
        axes.set_xlabel("training step")
        if len(steps := {step for values in curves.values() for step in values.steps}) == 1:
            axes.set_xlim(min(steps) - 1, max(steps) + 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        if percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        figure.legend(loc="upper left", ncols=4)
        return _svg(figure, name, f"{what} over training steps")


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
    with matplotlib.rc_context({**_STYLE, "axes.grid.axis": "y"}):
        figure, axes = _axes(height=2.5)
        axes.bar(list(centres), list(centres.values()), width=width * 0.82, color=COLOURS["InT SFT + RL"])
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
        if percent:
            axes.xaxis.set_major_formatter(PercentFormatter(decimals=0))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        axes.set_xlabel(xlabel)
        return _svg(figure, name, f"{what} by {xlabel}")


def _axes(height: float = 2.9) -> tuple[Figure, Axes]:
    """Fixed margins of 0.56, 0.12, 0.34 and 0.46 inches: matplotlib's own layout takes as long as the drawing."""
    width = 5.6
    figure = Figure(figsize=(width, height))
    return figure, figure.add_axes((0.56 / width, 0.46 / height, 1 - 0.68 / width, 1 - 0.80 / height))


def _svg(figure: Figure, name: str, description: str) -> Markup:
    """The figure as an SVG element whose ids are its own and whose size is the page's business."""
    with matplotlib.rc_context({"svg.hashsalt": name}):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r' (width|height)="[^"]*"', "", svg, count=2)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    svg = svg.replace(_INK, "var(--muted)").replace(_GRID, "var(--line)")
    label = Markup("<svg role='img' aria-label='{}'").format(description)
    return Markup(svg.replace("<svg", label, 1))
