"""What `--dry-run` shows of a run's budget: a line a stage, and what the figures were made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from int_verl.console import SafeConsole
from int_verl.run.run import Run
from int_verl.settings.generation import EstimateSettings
from int_verl.stages.budget import Budget, budget_of
from int_verl.stages.footprint import GIB


def show_budget(console: SafeConsole, run: Run, names: Sequence[str]) -> None:
    """Print what the stages take, and what that was made of."""
    settings, budget = run.settings.estimate, budget_of(run, names)
    if not budget.stages:
        return
    console.print(budget_table(budget, settings))
    for sentence in _sentences(budget, run):
        console.print(sentence, soft_wrap=True)


def budget_table(budget: Budget, settings: EstimateSettings) -> Table:
    """A line a stage."""
    table = Table(title="What it will take: estimated, not measured", title_justify="left")
    price = settings.price_per_gpu_hour
    table.add_column("")
    for column in ("GPUs", "GPU hours", "hours", *(["cost"] if price else []), "GPU GiB", "host GiB", "disk GB"):
        table.add_column(column, justify="right")

    def line(
        name: str, gpus: str, hours: float | None, clock: float | None, rest: Sequence[str], style: str = ""
    ) -> None:
        cost = [_shown(hours * price if hours is not None and price else None, ",.0f")] if price else []
        table.add_row(name, gpus, _shown(hours, ",.1f"), _shown(clock, ",.1f"), *cost, *rest, style=style)

    all_hours, clocks = list[float | None](), list[float | None]()
    for stage in budget.stages:
        hours, needs = stage.gpu_hours(settings), stage.footprint
        memory = ["?"] * 3
        if needs is not None:
            memory = [_shown(needs.gpu / GIB or None, ".0f"), f"{needs.host / GIB:.0f}", _disk(needs.disk)]
        all_hours.append(hours)
        clocks.append(None if hours is None else hours / stage.gpus)
        line(stage.name, str(stage.gpus), hours, clocks[-1], memory)
    table.add_section()
    disk = f"{budget.disk / 1e9:,.0f}" if budget.size else "?"
    line("all", "", _sum(all_hours), _sum(clocks), ["", "", disk], "bold")
    return table


def _disk(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{what} {size / 1e9:,.1f}" for what, size in parts.items() if size) or "–"


def _shown(number: float | None, how: str) -> str:
    return "–" if number is None else format(number, how)


def _sum(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _sentences(budget: Budget, run: Run) -> list[str]:
    """Where the figures come from."""
    settings, size = run.settings.estimate, budget.size
    found = []
    if size is None:
        found.append(
            f"Memory and disk: {run.settings.model.path} is not on this machine, or its config.json is of a shape that "
            "is not known; `hf download` it first, or give a folder."
        )
    else:
        how = "counted in its weights" if size.is_counted else "by its config.json"
        gpu = "" if budget.is_gpu_known else ", assumed (estimate.gpu_memory_gib)"
        found.append(
            f"Memory and disk: {size.parameters / 1e9:.2f} billion parameters ({how}); GPUs of "
            f"{budget.gpu_memory / GIB:.0f} GiB{gpu}. At a stage's peak, of one GPU and of the first node."
        )
    drawn, trained = settings.tokens_per_second, settings.trained_tokens_per_second
    if drawn is None or trained is None:
        found.append(
            "Hours: say what one GPU generates and trains on in a second, with estimate.tokens_per_second=... and "
            "estimate.trained_tokens_per_second=..."
        )
    else:
        found.append(
            f"Hours: {drawn:,.0f} tokens/s generated and {trained:,.0f} trained on by a GPU (estimate.*); in RL as "
            "long again for the longest rollout of every step."
        )
    return found
