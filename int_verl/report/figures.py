"""Which plots the report has, and of which data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from int_verl.report import plots
from int_verl.report.curves import curve, metric_log, rl_curves
from int_verl.report.run_reader import RunReader

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
        name: plots.curves_plot(name, curves[name], what, percent=name == "validation")
        for name, what in RL.items()
        if name in curves
    }
    sft_log = metric_log(folder, "sft")
    losses = {"training": curve(sft_log, ["train/loss"]), "validation": curve(sft_log, ["val/loss"])}
    if present := {label: loss for label, loss in losses.items() if loss}:
        shown["sft"] = plots.curves_plot("sft", present, "loss a token (nats)")
    return shown


def _pass_at_k(summary: Mapping[str, Any] | None) -> dict[str, Markup]:
    if not summary:
        return {}
    heldout = summary["heldout_set"]
    models = [(m["model"], m["sets"][heldout]["pass_at"]) for m in summary["models"] if heldout in m["sets"]]
    if not models or any(len(estimates) == 1 for _, estimates in models):
        return {}
    return {"pass_at_k": plots.pass_at_k_plot("pass_at_k", models)}


def _first_errors(folder: RunReader) -> dict[str, Markup]:
    shown = {}
    guided = list(folder.rows("guide/interventions.parquet", ["location", "steps"]))
    locations = Counter(row["location"] for row in guided)
    if positions := [min(row["location"] - 1, row["steps"] - 1) / row["steps"] for row in guided if row["steps"]]:
        shown["positions"] = plots.shares_plot("positions", positions, "share of the steps before", "interventions")
    if not locations:
        proposed = folder.rows("propose/proposals.parquet", ["location", "status"])
        locations = Counter(r["location"] for r in proposed if r["status"] == "proposed" and r["location"])
    if locations:
        shown["locations"] = plots.histogram_plot("locations", locations, "step of the first error", "interventions")
    steps = Counter(r["steps"] for r in folder.rows("sample/attempts.parquet", ["steps"]) if r["steps"] is not None)
    if steps:
        shown["steps"] = plots.histogram_plot("steps", steps, "steps of the attempt", "attempts")
    return shown
