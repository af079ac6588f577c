"""RL with and without interventions while it samples, from the base and from InT SFT, at equal generated tokens.

    python recipes/online/run_online.py --seeds 3 --jobs 2       # the same command goes on after a stop
    python recipes/online/run_online.py --only-table             # of what there is so far
    python recipes/online/run_online.py --seeds 1 --out runs/online-check rl.total_steps=2 rl.test_freq=1 ...

Each arm is a run of `int-verl` in `OUT/seed-S/ARM`, over the data that the arm `plain` has generated.
"""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import comparison
from arm_runs import ArmRuns
from online_arms import ARMS, GENERATOR
from online_curves import Point, at, curve
from rich.console import Console
from rich.table import Table

from int_verl.settings.compose import checked, compose

SETTINGS = ("rl.test_freq=5", "sft.max_truncation_rise=1", "baseline.rl=true")
BUDGET_OF = "RL"
"The model whose generated tokens every other one is compared at."


def main() -> None:
    parser = comparison.arguments(__doc__)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--only-table", action="store_true", help="run nothing")
    args = comparison.parse(parser, "online")
    runs = ArmRuns(
        out=args.out,
        config=comparison.config(args.domain),
        stages={name: arm.stages for name, arm in ARMS.items()},
        generator=GENERATOR,
        settings=lambda seed, name: settings(args, seed, name),
        jobs=args.jobs,
    )
    failed = 0 if args.only_table else asyncio.run(runs.run(args.seeds, args.arms))
    rl = checked(compose(runs.config, settings(args, 0, GENERATOR))).rl
    rows = table_rows(args.out, range(args.seeds), rl.prompts_per_step * rl.rollouts)
    (args.out / "results.json").write_text(json.dumps(rows, indent=1))
    print_table(rows)
    if failed:
        sys.exit(1)


def settings(args: Namespace, seed: int, name: str) -> list[str]:
    """The settings of one arm, as `key=value`."""
    return [*comparison.settings(args.out, seed, name), *SETTINGS, *ARMS[name].overrides, *args.overrides]


def table_rows(out: Path, seeds: Iterable[int], rollouts: int) -> list[dict[str, Any]]:
    """A row a model: seed -> figures. Left out are seeds in which a model has not been trained."""
    seeds = list(seeds)
    curves: dict[str, dict[int, list[Point]]] = {}
    for name, arm in ARMS.items():
        for stage, model in arm.models.items():
            found = {seed: curve(out / f"seed-{seed}" / name / stage, rollouts) for seed in seeds}
            curves[model] = {seed: points for seed, points in found.items() if len(points) > 1}
    budgets = {seed: points[-1].tokens for seed, points in curves[BUDGET_OF].items()}
    return [
        {"model": model, "seeds": {seed: figures(points, budgets.get(seed)) for seed, points in of_seeds.items()}}
        for model, of_seeds in curves.items()
    ]


def figures(points: list[Point], budget: float | None) -> dict[str, float | None]:
    """Of one model and seed: pass@1 before, at the budget and at the end, tokens, and zero-advantage ratios."""
    trained = points[1:]
    return {
        "before": points[0].pass_at_1,
        "at_budget": at(points, budget) if budget is not None else None,
        "after": points[-1].pass_at_1,
        "tokens": points[-1].tokens,
        "gain_a_million": 1e6 * (points[-1].pass_at_1 - points[0].pass_at_1) / points[-1].tokens,
        "zero_advantage": fmean(point.zero_advantage for point in trained),
    }


def print_table(rows: Iterable[Mapping[str, Any]]) -> None:
    """Means over seeds, and what each seed has at equal tokens."""
    columns = {
        "before": "before",
        "at_budget": "at RL's tokens",
        "after": "after",
        "tokens": "tokens",
        "gain_a_million": "gain a million tokens",
        "zero_advantage": "zero advantage",
    }
    table = Table(*("model", *columns.values(), "at RL's tokens, by seed"), title="held-out pass@1")
    for row in rows:
        of_seeds = list(row["seeds"].values())
        cells = [_mean([figures[name] for figures in of_seeds], name) for name in columns]
        table.add_row(row["model"], *cells, ", ".join(_shown(each["at_budget"], "at_budget") for each in of_seeds))
    Console(width=160).print(table)


def _mean(values: list[float | None], name: str) -> str:
    known = [value for value in values if value is not None]
    return _shown(fmean(known), name) if known and len(known) == len(values) else "-"


def _shown(value: float | None, name: str) -> str:
    if value is None:
        return "-"
    if name == "tokens":
        return f"{value:,.0f}"
    return f"{value:.2f}" if name == "zero_advantage" else f"{100 * value:.1f} %"


if __name__ == "__main__":
    main()
