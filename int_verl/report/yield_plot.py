"""What another proposal or guided rollout brings, as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from int_verl.evaluate import Estimate
from int_verl.report.drawing import pass_at_k_plot
from int_verl.report.plot import Plot

_COLUMNS = ("proposals", "rollouts", "solved", "low", "high", "kept", "tokens", "tokens_per_kept", "tokens_per_solved")


def yield_plots(tables: Mapping[str, Any]) -> dict[str, Plot]:
    """The figure by its name; nothing where `yield_table` has no two points."""
    points = sorted(tables.get("yield", {}).get("points", []), key=lambda p: (p["proposals"], p["rollouts"]))
    most = {name: max((point[name] for point in points), default=0) for name in ("proposals", "rollouts")}
    curves = {
        "proposals an attempt": {str(p["proposals"]): p["solved"] for p in points if p["rollouts"] == most["rollouts"]},
        "guided rollouts an intervention": {
            str(p["rollouts"]): p["solved"] for p in points if p["proposals"] == most["proposals"]
        },
    }
    curves = {name: curve for name, curve in curves.items() if len(curve) > 1}
    if not curves:
        return {}
    rows = [
        (
            *(point[name] for name in ("proposals", "rollouts")),
            *(point["solved"][part] for part in ("value", "low", "high")),
            *(point[name] for name in ("kept", "tokens")),
            *(point[name] and point[name]["value"] for name in ("tokens_per_kept", "tokens_per_solved")),
        )
        for point in points
    ]
    text = (
        f"Share of the problems that no attempt solved with a correct guided rollout; with {most['rollouts']} rollouts "
        f"an intervention, or {most['proposals']} proposals an attempt."
    )
    return {"yield": Plot("yield", "Newly solved over K", text, partial(_draw, curves), _COLUMNS, rows)}


def _draw(curves: Mapping[str, Mapping[str, Estimate]]) -> Figure:
    figure = pass_at_k_plot(curves)
    figure.axes[0].set_xlabel("K: how many of them")
    return figure
