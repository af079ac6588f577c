"""What verl's metrics say of SFT and of RL over their steps, as figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from int_verl.report.curves import MODELS, Curve, curve, metric_log, rl_curves, solved_curves, source_curves
from int_verl.report.drawing import Colour, colour_of, colours_of, curves_plot, shares_plot
from int_verl.report.plot import CURVE_COLUMNS, Plot, curve_rows
from int_verl.report.run_reader import RunReader


@dataclass(frozen=True, slots=True)
class _Of:
    """A figure of curves, one a model."""

    title: str
    text: str
    ylabel: str
    percent: bool = False


RL = {
    "validation": _Of(
        "Held-out pass@1 while training",
        "At verl's validation steps; rl.test_freq has it validate more often than before and after.",
        "problems solved",
        percent=True,
    ),
    "reward": _Of("Training reward", "Mean of each step's rollouts, and its moving average.", "reward of a rollout"),
    "zero_advantage": _Of(
        "Zero-advantage ratio",
        "Share of groups in which all rewards are equal, so that none of their rollouts teaches anything.",
        "share of groups",
    ),
    "length": _Of("Response length", "Mean of a step's rollouts.", "tokens of a rollout"),
    "entropy": _Of(
        "Entropy of the policy",
        "As verl adds it up: of a token, or of a response where the loss is summed over tokens.",
        "nats",
    ),
    "grad_norm": _Of("Gradient norm", "Before clipping.", "norm"),
    "kl": _Of(
        "KL divergence",
        "Between the policy that drew a step's rollouts and the one that is trained on them, as verl estimates it.",
        "nats a token",
    ),
    "clipped": _Of("Clipped tokens", "Share of tokens whose ratio the loss clips.", "tokens", percent=True),
    "seconds": _Of("Time a step", "Rollouts, rewards and update together.", "seconds"),
    "tokens": _Of("Tokens a step", "Prompts and responses of all rollouts.", "tokens"),
}


def training_plots(folder: RunReader) -> Iterator[Plot]:
    """Of what a run has logged so far."""
    curves = rl_curves(folder)
    for name, of in RL.items():
        if name in curves:
            yield _plot(name, of, curves[name])
    for stage, model in MODELS.items():
        if shares := solved_curves(folder, stage):
            yield Plot(
                f"solved_{stage}",
                f"Problems never, sometimes and always solved: {model}",
                "Share of a step's groups by how many of their rollouts were right; only those in the middle teach.",
                partial(shares_plot, shares),
                CURVE_COLUMNS,
                curve_rows(shares),
            )
        if len(sources := source_curves(folder, stage)) > 1:
            of = _Of(
                f"Reward by source: {model}", "Mean of each step's rollouts of that source.", "reward of a rollout"
            )
            yield _plot(f"sources_{stage}", of, sources, colours_of(sources))
    yield from _sft(folder)


def _sft(folder: RunReader) -> Iterator[Plot]:
    log = metric_log(folder, "sft")
    for name, of, metrics in (
        (
            "sft",
            _Of("InT SFT loss", "Mean over the tokens that are trained on.", "nats a token"),
            {"training": "train/loss", "validation": "val/loss"},
        ),
        ("sft_grad_norm", _Of("InT SFT gradient norm", "Before clipping.", "norm"), {"training": "train/grad_norm"}),
    ):
        found = {label: curve(log, [metric]) for label, metric in metrics.items()}
        if present := {label: values for label, values in found.items() if values}:
            yield _plot(name, of, present)


def _plot(name: str, of: _Of, curves: Mapping[str, Curve], colour: Colour = colour_of) -> Plot:
    draw = partial(curves_plot, curves, of.ylabel, percent=of.percent, colour=colour)
    return Plot(name, of.title, of.text, draw, CURVE_COLUMNS, curve_rows(curves))
