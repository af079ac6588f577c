"""Runs and evaluations side by side: on a terminal, as JSON, as text, and as one HTML page without network access."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from int_verl.errors import UserError
from int_verl.evaluate.benchmark_text import comparison_cells
from int_verl.evaluate.comparison import comparison_table
from int_verl.evaluate.text import Cells
from int_verl.files import write_text
from int_verl.report.compared import Compared, curves, entries, k_by_source
from int_verl.report.curves import Curve, smooth
from int_verl.report.drawing import Colour, colours_of, curves_plot, pass_at_k_plot, style, svg
from int_verl.report.evaluation import as_markdown
from int_verl.report.page import estimate
from int_verl.report.training_plots import RL

_HERE = Path(__file__).parent
JSON, TEXT, PAGE = "compare.json", "compare.md", "compare.html"
TITLES = {
    "reward": "Mean training reward",
    "zero_advantage": "Zero-advantage ratio: share of groups with equal rewards",
    "validation": "Held-out pass@1 while training",
}
_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 24


def write_comparison(folder: Path, those: Sequence[Compared], said: Mapping[str, int]) -> list[Cells]:
    """Write `compare.json`, `compare.md` and `compare.html`.

    Args:
        said: source -> k, before what the evaluations say themselves.

    Returns:
        The tables, those of the curves included.

    Raises:
        UserError: one has no scores, or two have different problems under one id.
    """
    of_entries = entries(those)
    try:
        table = comparison_table(of_entries, k_by_source(those, said))
    except ValueError as error:
        raise UserError(f"{error}; compare evaluations of the same problem sets") from error
    training = curves(those)
    cells = [*comparison_cells(table), *(_curve_cells(what, of_models) for what, of_models in training.items())]
    content = {
        "compared": {one.label: str(one.path) for one in those},
        **table,
        "curves": {
            what: {name: {"steps": curve.steps, "values": curve.values} for name, curve in of_models.items()}
            for what, of_models in training.items()
        },
    }
    write_text(folder / JSON, json.dumps(content, indent=2) + "\n")
    write_text(folder / TEXT, as_markdown(" against ".join(one.label for one in those), cells))
    write_text(folder / PAGE, _page([one.label for one in those], table, training, cells))
    return cells


def _page(
    labels: Sequence[str], table: Mapping[str, Any], training: Mapping[str, Mapping[str, Curve]], cells: Sequence[Cells]
) -> str:
    colour = colours_of(dict.fromkeys([*table["entries"], *(name for models in training.values() for name in models)]))
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(estimate=estimate)
    return environment.get_template("comparison.html.jinja").render(
        labels=labels,
        tables=cells,
        figures=[*_pass_at_k(table, colour), *_training(training, colour)],
        written=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),
    )


def _pass_at_k(table: Mapping[str, Any], colour: Colour) -> list[tuple[str, Markup]]:
    """Title and figure of every problem set with more than one sample a problem."""
    found = []
    for number, one in enumerate(table["sets"]):
        of_models = {
            name: figures["pass_at"] for name, figures in one["figures"].items() if len(figures["pass_at"]) > 1
        }
        if of_models:
            with style():
                plot = pass_at_k_plot(of_models, colour)
                drawn = svg(plot, f"pass_at_k_{number}", f"pass@k over k on {one['set']}")
            found.append((f"{one['set']}: pass@k on the {one['problems']} problems in common", drawn))
    return found


def _training(training: Mapping[str, Mapping[str, Curve]], colour: Colour) -> list[tuple[str, Markup]]:
    found = []
    for what, of_models in training.items():
        with style():
            of = RL[what]
            plot = curves_plot(of_models, of.ylabel, percent=of.percent, colour=colour)
            found.append((TITLES[what], svg(plot, what, f"{TITLES[what]} over training steps")))
    return found


def _curve_cells(what: str, of_models: Mapping[str, Curve]) -> Cells:
    """The curves as far as a terminal can show them; heights are of all of them together."""
    values = [value for curve in of_models.values() for value in curve.values]
    low, high = min(values), max(values)
    rows = [
        [
            name,
            f"{curve.steps[0]:.0f} to {curve.steps[-1]:.0f}",
            f"{curve.values[0]:.3f}",
            f"{curve.values[-1]:.3f}",
            _line(curve, low, high),
        ]
        for name, curve in of_models.items()
    ]
    notes = [f"Lines between {low:.3f} and {high:.3f}, moving averages."]
    return Cells(f"{TITLES[what]}, over training steps", ["model", "steps", "first", "last", "curve"], rows, notes)


def _line(curve: Curve, low: float, high: float) -> str:
    """A curve a line high."""
    heights = smooth(curve).values
    width = min(_WIDTH, len(heights))
    picked = [heights[round(i * (len(heights) - 1) / max(width - 1, 1))] for i in range(width)]
    return "".join(_BLOCKS[round((height - low) / ((high - low) or 1) * (len(_BLOCKS) - 1))] for height in picked)
