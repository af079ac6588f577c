"""The cells of the ablation, each one setting away from InT, and the paper's figures for those that it has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    shown: str
    overrides: tuple[str, ...] = ()
    "Settings of int-verl."
    paper: tuple[float, float] | None = None
    "Problems solved of 235, and accuracy in percent, on the training problems (arXiv 2601.14209)."


REFERENCE = "int"
"The cell that generates, and that says which problems are sampled."

CELLS = {
    "int": Cell("prefix + intervention, filtered", (), (202, 7.71)),
    "unfiltered": Cell("unfiltered", ("select.need_success=false",), (196, 5.06)),
    # About twice the rows, so about as many steps as `int` has.
    "unfiltered_2_epochs": Cell("unfiltered, half the epochs", ("select.need_success=false", "sft.epochs=2")),
    "no_prefix_loss": Cell("loss on the intervention only", ("sft.loss_on=intervention",), (162, 2.87)),
    "suffix": Cell("with suffix", ("sft.suffix=true",), (111, 2.31)),
    "one_per_problem": Cell("one intervention per problem", ("select.interventions=one_per_problem",)),
    "early_2": Cell("two steps early", ("sft_data.location_shift=-2",)),
    "early_1": Cell("one step early", ("sft_data.location_shift=-1",)),
    "late_1": Cell("one step late", ("sft_data.location_shift=1",)),
    "late_2": Cell("two steps late", ("sft_data.location_shift=2",)),
}
