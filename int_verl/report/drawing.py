"""How figures are drawn: for a page, as SVG that takes ink and font from it, in light and dark; or for a file."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from int_verl.evaluate import Estimate
from int_verl.report.curves import Curve, downsample, smooth

COLOURS = {"base": "#8a94a3", "base + RL": "#d97706", "InT SFT": "#0d9488", "InT SFT + RL": "#4f6df5"}
COLOURS |= {"training": COLOURS["InT SFT"], "validation": COLOURS["base + RL"]}
SHARES = ("#c2c9d3", "#4f6df5", "#0d9488")
"Of what is never, sometimes and always so."
FLAT = 0.15
"Share of the highest value that curves have to span for their axis to begin at 0."
OTHERS = ("#b45309", "#7c3aed", "#be185d", "#0369a1", "#4d7c0f")
# As a file has them; on a page its variables stand in their place. Nothing else is drawn in these colours.
_INK, _GRID = "#1b1f27", "#e3e6eb"
_STYLE: Any = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "axes.formatter.limits": (-3, 5),
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

Colour = Callable[[str], str]
"From the name of a model to its colour."


def style() -> AbstractContextManager[None]:
    """In the block, what is drawn is for `svg` and `png`, which have to be called in it, too."""
    return matplotlib.rc_context(_STYLE)


def colour_of(model: str) -> str:
    return COLOURS.get(model) or OTHERS[sum(model.encode()) % len(OTHERS)]


def colours_of(models: Iterable[str]) -> Colour:
    """No two alike among the first eight."""
    palette = list(dict.fromkeys((*COLOURS.values(), *OTHERS)))[1:]
    return {model: palette[i % len(palette)] for i, model in enumerate(models)}.__getitem__


def pass_at_k_plot(models: Mapping[str, Mapping[str, Estimate]], colour: Colour = colour_of) -> Figure:
    """pass@k of models over k on a logarithmic axis, with bands of confidence."""
    figure, axes = new_axes("k of pass@k", "problems solved")
    for model, estimates in models.items():
        ks = [int(k) for k in estimates]
        value, low, high = ([e[part] for e in estimates.values()] for part in ("value", "low", "high"))
        axes.plot(ks, value, color=colour(model), label=model, marker="o", markersize=4, linewidth=2)
        axes.fill_between(ks, low, high, color=colour(model), alpha=0.13, linewidth=0)
    axes.set_xscale("log", base=2)
    ticks = sorted({int(k) for estimates in models.values() for k in estimates})
    axes.set_xticks(ticks, [str(k) for k in ticks])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    in_percent(axes.yaxis)
    _legend(figure, axes)
    return figure


def curves_plot(curves: Mapping[str, Curve], what: str, *, percent: bool = False, colour: Colour = colour_of) -> Figure:
    """Curves over training steps, one colour a model: the values pale, their moving average strong.

    Values with confidence intervals are drawn as points with bars instead.
    """
    figure, axes = new_axes("training step", what)
    for model, values in curves.items():
        drawn: Any = {"color": colour(model), "label": model}
        if values.intervals:
            heights, (low, high) = np.asarray(values.values), np.transpose(values.intervals)
            axes.errorbar(values.steps, heights, yerr=np.array([heights - low, high - heights]), **drawn, **_POINTS)
        elif len(values.steps) < 12:
            axes.plot(values.steps, values.values, color=colour(model), linewidth=1)
            axes.plot(values.steps, values.values, **drawn, linewidth=2, marker="o", markersize=4)
        else:
            values = downsample(values)
            axes.plot(values.steps, values.values, color=colour(model), alpha=0.28, linewidth=1)
            axes.plot(values.steps, smooth(values).values, **drawn, linewidth=2, markersize=4)
    _over_steps(axes, curves)
    if percent:
        in_percent(axes.yaxis)
    begin_at_zero(axes)
    _legend(figure, axes)
    return figure


def shares_plot(shares: Mapping[str, Curve]) -> Figure:
    """Shares over training steps that add up to 1, one upon the other."""
    figure, axes = new_axes("training step", "groups")
    drawn = [downsample(smooth(values)) for values in shares.values()]
    axes.stackplot(
        drawn[0].steps, *(one.values for one in drawn), colors=SHARES[: len(drawn)], labels=list(shares), linewidth=0
    )
    _over_steps(axes, shares)
    axes.set_ylim(0, 1)
    in_percent(axes.yaxis)
    _legend(figure, axes)
    return figure


def bars_plot(centres: Mapping[float, int], width: float, labels: tuple[str, str], *, percent: bool = False) -> Figure:
    """Counts as bars of a width; `labels` of both axes."""
    with matplotlib.rc_context({"axes.grid.axis": "y"}):
        figure, axes = new_axes(*labels, height=2.5)
    axes.bar(list(centres), list(centres.values()), width=width * 0.82, color=COLOURS["InT SFT + RL"])
    if percent:
        in_percent(axes.xaxis)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    return figure


def rates_plot(rates: Mapping[float, Estimate], labels: tuple[str, str]) -> Figure:
    """Shares with their intervals over numbers; `labels` of both axes."""
    figure, axes = new_axes(*labels, height=2.5)
    value, low, high = (np.array([rate[part] for rate in rates.values()]) for part in ("value", "low", "high"))
    axes.errorbar(
        list(rates), value, yerr=np.array([value - low, high - value]), color=COLOURS["InT SFT + RL"], **_POINTS
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    axes.set_ylim(bottom=0)
    in_percent(axes.yaxis)
    return figure


def scatter_plot(points: Mapping[tuple[float, float], int], labels: tuple[str, str]) -> Figure:
    """Shares before and after; the area of a point is how many there are of it, and a line parts better from worse."""
    figure, axes = new_axes(*labels, height=3.6)
    axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle="dashed")
    colours = [
        COLOURS["InT SFT + RL"] if after > before else COLOURS["base + RL"] if after < before else COLOURS["base"]
        for before, after in points
    ]
    largest = max(points.values())
    sizes = [12 + 388 * count / max(largest, 20) for count in points.values()]
    axes.scatter([b for b, _ in points], [a for _, a in points], s=sizes, c=colours, alpha=0.75, linewidths=0)
    for axis, limit in ((axes.xaxis, axes.set_xlim), (axes.yaxis, axes.set_ylim)):
        limit(-0.06, 1.06)
        axis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        in_percent(axis)
    return figure


def _over_steps(axes: Axes, curves: Mapping[str, Curve]) -> None:
    if len(steps := {step for values in curves.values() for step in values.steps}) == 1:
        axes.set_xlim(min(steps) - 1, max(steps) + 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))


def in_percent(axis: Axis) -> None:
    """Shares as a page writes them: ``12.5 %``."""
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share, 6):g} %"))


def begin_at_zero(axes: Axes) -> None:
    """Heights from 0 on, or a mark that the axis begins elsewhere where 0 would press the curves flat."""
    low, high = axes.dataLim.intervaly
    if low < 0:
        axes.axhline(0, color=_INK, linewidth=0.8)
    elif high - low >= FLAT * high:
        axes.set_ylim(bottom=0)
    else:
        axes.text(0.01, 0.02, "axis does not begin at 0", transform=axes.transAxes, fontsize=8, style="italic")


def _legend(figure: Figure, axes: Axes) -> None:
    """Above the axes where it fits on a line, else below them: the figure grows by its lines."""
    _, names = axes.get_legend_handles_labels()
    if len(names) <= 4 and len("".join(names)) <= 56:
        figure.legend(loc="upper left", ncols=4)
        return
    columns = max(1, min(4, 64 // (max(map(len, names)) + 4)))
    width, height = figure.get_size_inches()
    more = 0.205 * math.ceil(len(names) / columns) + 0.06
    left, bottom, across, up = axes.get_position().bounds
    figure.set_size_inches(width, height + more)
    axes.set_position((left, (bottom * height + more) / (height + more), across, up * height / (height + more)))
    figure.legend(loc="lower left", bbox_to_anchor=(0.02, 0.01), ncols=columns)


def new_axes(xlabel: str, ylabel: str, height: float = 2.9) -> tuple[Figure, Axes]:
    """Fixed margins of 0.78, 0.12, 0.34 and 0.46 inches: matplotlib's own layout takes as long as the drawing."""
    width = 5.6
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.78 / width, 0.46 / height, 1 - 0.90 / width, 1 - 0.80 / height))
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    return figure, axes


def svg(figure: Figure, name: str, description: str) -> Markup:
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


def png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()
