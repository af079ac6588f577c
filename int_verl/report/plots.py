"""Every figure that the report of a run has, of whatever the run has so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from int_verl.report.pass_rates import PassRates
from int_verl.report.plot import Plot
from int_verl.report.problem_plots import first_errors, pass_at_k, scatters
from int_verl.report.run_reader import RunReader
from int_verl.report.training_plots import training_plots

STEP_RULES = {
    "blank_line": "blank-line separated pieces",
    "headings": "pieces under a heading",
    "sentences": "sentences",
}


def plots(folder: RunReader, summary: Mapping[str, Any] | None, rates: list[PassRates]) -> dict[str, Plot]:
    """By name, in the order of the page."""
    found = (
        *pass_at_k(summary),
        *scatters(rates),
        *training_plots(folder),
        *first_errors(folder, STEP_RULES[folder.step_rule()]),
    )
    return {plot.name: plot for plot in found}
