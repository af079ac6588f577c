"""How figures are drawn: for a page, as SVG that takes ink and font from it, in light and dark; or for a file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from int_verl.evaluate import Estimate
from int_verl.report.curves import Curve, downsample, smooth

COLOURS = {"base": "#8a94a3", "base + RL": "#d97706", "InT SFT": "#0d9488", "InT SFT + RL": "#4f6df5"}
COLOURS |= {"training": COLOURS["InT SFT"], "validation": COLOURS["base + RL"]}
OTHERS = ("#b45309", "#7c3aed", "#be185d", "#0369a1", "#4d7c0f")
# Written by matplotlib, replaced by the page's variables.
_INK, _GRID = "#010203", "#040506"
_FILE_COLOURS = {_INK: "#1b1f27", _GRID: "#e3e6eb"}
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

Colour = Callable[[str], str]
"From the name of a model to its colour."


def for_page() -> AbstractContextManager[None]:
    """In the block, what is drawn is for `svg`."""
    return matplotlib.rc_context(_STYLE)


def for_file() -> AbstractContextManager[None]:
    """In the block, what is drawn is for `png`."""
    ink = {name: _FILE_COLOURS.get(value, value) for name, value in _STYLE.items()}
    return matplotlib.rc_context({**ink, "savefig.dpi": 200, "savefig.facecolor": "white"})


def colour_of(model: str) -> str:
    return COLOURS.get(model) or OTHERS[sum(model.encode()) % len(OTHERS)]


def colours_of(models: Iterable[str]) -> Colour:
    """No two alike among the first eight."""
    palette = list(dict.fromkeys((*COLOURS.values(), *OTHERS)))[1:]
    return {model: palette[i % len(palette)] for i, model in enumerate(models)}.__getitem__


def pass_at_k_plot(models: Mapping[str, Mapping[str, Estimate]], colour: Colour = colour_of) -> Figure:
    """pass@k of models over k on a logarithmic axis, with bands of confidence."""
    figure, axes = new_axes()
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
    axes.set_xlabel("k of pass@k")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    _legend(figure, axes)
    return figure


def curves_svg(
    name: str, curves: Mapping[str, Curve], what: str, *, percent: bool = False, colour: Colour = colour_of
) -> Markup:
    """Curves over training steps, one colour a model: the values pale, their moving average strong.

    Values with confidence intervals are drawn as points with bars instead.
    """
    with for_page():
        figure, axes = new_axes()
        for model, values in curves.items():
            drawn: Any = {"color": colour(model), "label": model}
            if values.intervals:
                heights, (low, high) = np.asarray(values.values), np.transpose(values.intervals)
                axes.errorbar(values.steps, heights, yerr=[heights - low, high - heights], **drawn, **_POINTS)
            elif len(values.steps) < 12:
                axes.plot(values.steps, values.values, color=colour(model), linewidth=1)
                axes.plot(values.steps, values.values, **drawn, linewidth=2, marker="o", markersize=4)
            else:
                values = downsample(values)
                axes.plot(values.steps, values.values, color=colour(model), alpha=0.28, linewidth=1)
                axes.plot(values.steps, smooth(values).values, **drawn, linewidth=2, markersize=4)
        axes.set_xlabel("training step")
        if len(steps := {step for values in curves.values() for step in values.steps}) == 1:
            axes.set_xlim(min(steps) - 1, max(steps) + 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        if percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        _legend(figure, axes)
        return svg(figure, name, f"{what} over training steps")


def _legend(figure: Figure, axes: Axes) -> None:
    """Above the axes where it fits on a line, else in them."""
    _, names = axes.get_legend_handles_labels()
    if len(names) <= 4 and len("".join(names)) <= 56:
        figure.legend(loc="upper left", ncols=4)
    else:
        axes.legend(loc="best", fontsize=8)


def new_axes(height: float = 2.9) -> tuple[Figure, Axes]:
    """Fixed margins of 0.56, 0.12, 0.34 and 0.46 inches: matplotlib's own layout takes as long as the drawing."""
    width = 5.6
    figure = Figure(figsize=(width, height))
    return figure, figure.add_axes((0.56 / width, 0.46 / height, 1 - 0.68 / width, 1 - 0.80 / height))


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
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
