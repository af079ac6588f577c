"""A figure with the numbers that it shows: on the page as SVG, beside it as PNG and CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from int_verl.files import write_text
from int_verl.report.curves import Curve
from int_verl.report.drawing import png, style, svg
from int_verl.report.evaluation import as_csv, write_picture


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure and its numbers."""

    name: str
    "Of its files, and of its ids on the page."
    title: str
    text: str
    "What it shows, a sentence or two."
    draw: Callable[[], Figure]
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    @property
    def csv(self) -> str:
        return as_csv(list(self.columns), (dict(zip(self.columns, row, strict=True)) for row in self.rows))

    def write(self, folder: Path) -> Markup:
        """Write `name`.csv and `name`.png; returns the figure as SVG."""
        with style():
            figure = self.draw()
            shown, picture = svg(figure, self.name, f"{self.title}. {self.text}"), png(figure)
        write_text(folder / f"{self.name}.csv", self.csv)
        write_picture(folder / f"{self.name}.png", picture)
        return shown


CURVE_COLUMNS = ("curve", "step", "value", "low", "high")


def curve_rows(curves: Mapping[str, Curve]) -> list[tuple[Any, ...]]:
    """Every point of some curves, not smoothed, as rows of `CURVE_COLUMNS`."""
    return [
        (name, step, value, *(curve.intervals[i] if curve.intervals else (None, None)))
        for name, curve in curves.items()
        for i, (step, value) in enumerate(zip(curve.steps, curve.values, strict=True))
    ]
