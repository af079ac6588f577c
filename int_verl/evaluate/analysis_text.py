"""The tables of `lengths`, `yield_curve` and `localisation` as cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from int_verl.evaluate.benchmark_text import number
from int_verl.evaluate.estimates import Estimate
from int_verl.evaluate.text import Cells, percent

_BY_PROBLEMS = "intervals over problems, by the bootstrap."


def decimal(estimate: Estimate | None, digits: int = 3) -> str:
    """An estimate of any number: ``0.402 [0.381, 0.425]``."""
    if not estimate:
        return "-"
    value, low, high = (f"{estimate[key]:,.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def length_cells(table: Mapping[str, Any]) -> Cells:
    """What `length_table` returned."""
    rows = []
    for one in table["lengths"]:
        digits = 2 if one["mean"]["value"] < 100 else 0
        spread = (f"{one[key]:,.{digits}f}" for key in ("median", "from", "to"))
        rows.append([one["of"], f"{one['rows']:,}", decimal(one["mean"], digits), *spread])
    heads = ["", "rows", "mean", "median", "10 % are below", "10 % are above"]
    return Cells("Lengths and first errors", heads, rows, [f"{_confidence(table)} {_BY_PROBLEMS}"])


def localisation_cells(table: Mapping[str, Any]) -> Iterator[Cells]:
    """What `localisation_table` returned: agreement, then success by distance."""
    if table["agreement"]:
        rows = [
            [
                one["between"],
                f"{one['attempts']:,}",
                f"{one['pairs']:,}",
                *(percent(one[key]) for key in ("same", "within_one", "earlier", "later")),
                f"{one['by_chance']['value'] * 100:.1f} %",
            ]
            for one in table["agreement"]
        ]
        notes = [
            f"Of all pairs of two locations in one attempt; {_confidence(table)} {_BY_PROBLEMS}",
            "By chance: the same step, if one of the two were any step of the attempt.",
        ]
        heads = ["between", "attempts", "pairs", "same step", "at most one apart", "earlier", "later", "by chance"]
        yield Cells("Where is the first error? Agreement on the step", heads, rows, notes)
    for one in table["success"]:
        rows = [[row["distance"], f"{row['interventions']:,}", percent(row["successful"])] for row in one["distances"]]
        notes = [f"Steps after {one['chosen']}; {_confidence(table)} Wilson intervals over interventions."]
        title = f"Guided success by distance from {one['chosen']}"
        yield Cells(title, ["distance in steps", "interventions", "with a success"], rows, notes)


def yield_cells(table: Mapping[str, Any]) -> Iterator[Cells]:
    """What `yield_table` returned: coverage and cost over proposals and over guided rollouts, and what was spent."""
    speed = table["tokens_per_second"]
    heads = ["newly solved", "kept", "tokens", "tokens a kept one", "tokens a newly solved one"]
    heads += ["hours a kept one", "hours a newly solved one"] if speed else []
    for name, other in (("proposals", "rollouts"), ("rollouts", "proposals")):
        most = max((point[other] for point in table["points"]), default=0)
        points = [point for point in table["points"] if point[other] == most]
        rows = [[str(point[name]), *_point(point, bool(speed))] for point in sorted(points, key=lambda p: p[name])]
        if rows:
            each = {"proposals": "proposals an attempt", "rollouts": "guided rollouts an intervention"}
            others = each[other] if most > 1 else each[other].replace("s ", " ", 1)
            notes = [
                f"Of {table['unsolved']:,} problems that no attempt solved, with {most} {others}; "
                f"{_confidence(table)} {_BY_PROBLEMS}",
                "Tokens are all generated ones: attempts, guided solutions, proposals, guided rollouts.",
            ]
            if speed:
                notes.append(f"Hours of one GPU, or of a machine without one, at {speed:,.0f} tokens/s.")
            yield Cells(f"Yield over {each[name]}", [each[name], *heads], rows, notes)
    spent = [[kind, f"{tokens:,}"] for kind, tokens in table["tokens"].items() if tokens]
    if spent:
        total = ["all", f"{sum(table['tokens'].values()):,}"]
        yield Cells("Tokens that the run generated, without controls", ["for", "tokens"], [*spent, total], [])


def _point(point: Mapping[str, Any], with_hours: bool) -> Iterator[str]:
    yield percent(point["solved"])
    yield f"{point['kept']:,.1f}"
    yield f"{point['tokens']:,.0f}"
    for price in (point["tokens_per_kept"], point["tokens_per_solved"]):
        if price and price["high"] is None:
            yield f"{price['value']:,.0f}, at least {price['low']:,.0f}"
        else:
            yield number(price)
    if with_hours:
        for hours in (point["hours_per_kept"], point["hours_per_solved"]):
            yield "-" if hours is None else f"{hours:.3g}"


def _confidence(table: Mapping[str, Any]) -> str:
    return f"{table['confidence'] * 100:.0f} %"
