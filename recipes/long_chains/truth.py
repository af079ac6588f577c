"""What a run's rows are really like: the domain knows which steps are right.

    python recipes/long_chains/truth.py --run runs/long_chains
    python recipes/long_chains/truth.py --run runs/baselines-long_chains/seed-0/sft_self_reflection

Errors a step of the attempts, right steps among the proposals, and wrong steps in the rows that SFT trains on; what a
run has not got yet is left out. Whether proposals are at the first error is said by `int-verl analyse interventions
RUN --first-errors recipes/long_chains/chains.py:first_error`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from chains import first_error, read_step, steps_in
from rich.console import Console
from rich.table import Table

from int_verl.evaluate import bootstrap, pass_at_k, wilson
from int_verl.records import read_rows
from int_verl.run_files import ATTEMPTS, BASELINE_ROWS, KEPT, PROPOSALS, TRAIN_PROBLEMS
from int_verl.steps import split_steps

Figures = dict[str, dict[str, Any]]
"Group -> figure -> value, with its 95 % interval where it is a share."
Problems = Mapping[str, Mapping[str, str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of a run on this domain's problems")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args()
    if not (args.run / ATTEMPTS).is_file():
        parser.error(f"--run {args.run}: there is no {ATTEMPTS}; run the generator first")
    figures = measure(args.run)
    table = Table("", "figure", "value", "95 % interval", title=str(args.run))
    for group, found in figures.items():
        for name, value in found.items():
            interval = f"{value['low']:.3f} to {value['high']:.3f}" if "low" in value else ""
            table.add_row(group, name, f"{value['value']:.3f}" if interval else str(value["value"]), interval)
    Console(width=120).print(table)
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


def measure(run: Path) -> Figures:
    """All figures that the run's tables allow."""
    problems = {row["id"]: row for row in read_rows(run / TRAIN_PROBLEMS)}
    figures = {"attempts": of_attempts(read_rows(run / ATTEMPTS, ["problem_id", "text", "correct"]), problems)}
    if (run / PROPOSALS).is_file():
        figures["proposals"] = of_proposals(read_rows(run / PROPOSALS), problems)
    for name, file in (("rows of interventions", KEPT), ("rows of solutions", BASELINE_ROWS)):
        if (run / file).is_file():
            figures[name] = of_rows(read_rows(run / file), problems)
    return figures


def of_attempts(attempts: Iterable[Mapping[str, Any]], problems: Problems) -> dict[str, Any]:
    """Success, and errors among the steps that were reached without one; the answer counts as a step."""
    by_problem: dict[str, list[bool]] = {}
    places: list[int] = []
    reached = right = lucky = 0
    for row in attempts:
        by_problem.setdefault(row["problem_id"], []).append(row["correct"])
        steps = split_steps(row["text"])
        place = first_error(problems[row["problem_id"]], steps)
        if place is not None:
            places.append(place)
        reached += place or len(steps)
        right += row["correct"]
        lucky += row["correct"] and place is not None
    drawn = min(map(len, by_problem.values()))
    pass_at = {
        f"pass@{k}": bootstrap([pass_at_k(len(grades), sum(grades), k) for grades in by_problem.values()])
        for k in sorted({1, drawn})
    }
    return pass_at | {
        "errors a step reached": wilson(len(places), reached),
        "step of the first error, mean": {"value": round(sum(places) / max(1, len(places)), 2)},
        "right answers in spite of a wrong step": wilson(lucky, right),
    }


def of_proposals(proposals: Iterable[Mapping[str, Any]], problems: Problems) -> dict[str, Any]:
    """Of those that name a step and its replacement: is that the step of the right path at this place?"""
    rows = list(proposals)
    parsed = [row for row in rows if row["location"] is not None and row["content"]]
    right = sum(wrong_steps(row, problems) == 0 for row in parsed)
    return {"parsed": wilson(len(parsed), len(rows)), "the right step at its place": wilson(right, len(parsed))}


def of_rows(rows: Iterable[Mapping[str, Any]], problems: Problems) -> dict[str, Any]:
    """Wrong steps in what SFT trains on: interventions, one step each, or whole solutions."""
    wrong = [(wrong_steps(row, problems), max(1, len(split_steps(row["content"])) - 1)) for row in rows]
    return {
        "rows": {"value": len(wrong)},
        "rows with a wrong step": wilson(sum(bad > 0 for bad, _ in wrong), len(wrong)),
        "wrong steps": wilson(sum(bad for bad, _ in wrong), sum(steps for _, steps in wrong)),
    }


def wrong_steps(row: Mapping[str, Any], problems: Problems) -> int:
    """Steps of a row's content that are not on the right path: of one step, at the row's location, or of a solution."""
    right = steps_in(problems[row["problem_id"]]["reference_solution"])
    texts = split_steps(row["content"])
    if len(texts) == 1:
        return int([read_step(texts[0])] != right[row["location"] - 1 : row["location"]])
    return sum(i >= len(right) or read_step(text) != right[i] for i, text in enumerate(texts[:-1]))


if __name__ == "__main__":
    main()
