"""Figures as they are drawn."""

from __future__ import annotations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from int_verl.report.curves import Curve
from int_verl.report.drawing import colours_of, curves_plot, style


@pytest.mark.parametrize(
    "names",
    [
        ["base", "InT SFT"],
        [f"{run}: {model}" for run in ("a", "b") for model in ("base", "base + RL", "InT SFT", "InT SFT + RL")],
        [f"experiments/long/name/of/a/run-{n}: InT SFT + RL" for n in range(13)],
    ],
)
def test_a_legend_covers_no_curve_and_is_not_cut_off(names: list[str]) -> None:
    with style():
        curves = {name: Curve((1, 2, 3), (0.1 * i, 0.2, 0.3)) for i, name in enumerate(names)}
        figure = curves_plot(curves, "reward", colour=colours_of(names))
        renderer = FigureCanvasAgg(figure).get_renderer()
        (legend,) = figure.legends
        box = legend.get_window_extent(renderer)
        (axes,) = figure.axes
        assert axes.get_legend() is None
        assert not box.overlaps(axes.get_tightbbox(renderer))
        width, height = figure.bbox.size
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height
