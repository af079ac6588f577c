"""The funnel: how many problems, attempts and proposals went on, and why the others did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from int_verl.generate.dataflow import ProblemRows


class Funnel:
    """Counts rows as they are written. `counts()` is what the manifests hold."""

    def __init__(self) -> None:
        self.attempts: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.proposals: Counter[str] = Counter()
        self.conditions: dict[str, Counter[str]] = {}
        self.problems = self.solved = self.kept_problems = self.kept = self.interventions = 0
        self.re_encoded = 0

    def add(self, rows: ProblemRows) -> None:
        self.problems += 1
        self.solved += any(row["correct"] for row in rows.attempts)
        for row in rows.attempts:
            self.attempts[row["outcome"]] += 1
            if row["skipped"]:
                self.skipped[row["skipped"]] += 1
        for row in rows.proposals:
            self.proposals[row["status"]] += 1
        for row in rows.guided:
            self.conditions.setdefault(row["condition"], Counter())[row["outcome"]] += 1
        self.interventions += len(rows.interventions)
        self.kept += len(rows.sft)
        self.kept_problems += bool(rows.sft)
        self.re_encoded += sum(row["prefix_exact"] < len(row["prefix_ids"]) for row in rows.sft)

    def counts(self) -> dict[str, dict[str, Any]]:
        """Stage -> counts."""
        return {
            "sample": {
                "problems": self.problems,
                "problems_solved": self.solved,
                "attempts": sum(self.attempts.values()),
                "outcomes": dict(self.attempts),
                "skipped": dict(self.skipped),
            },
            "propose": {
                "proposals": sum(self.proposals.values()),
                "statuses": dict(self.proposals),
            },
            "guide": {
                "interventions": self.interventions,
                "rollouts": {name: dict(outcomes) for name, outcomes in self.conditions.items()},
                "kept": self.kept,
                "kept_problems": self.kept_problems,
                "prefixes_re_encoded": self.re_encoded,
            },
        }


def funnel_table(counts: Mapping[str, Mapping[str, Any]]) -> Table:
    """The funnel as a table: what went on, and what was left out with its reason."""
    table = Table(title="Generation", title_justify="left")
    table.add_column("")
    table.add_column("count", justify="right")
    table.add_column("of which", overflow="fold")
    sample = counts["sample"]
    table.add_row("problems", _number(sample["problems"]), f"solved in an attempt {_number(sample['problems_solved'])}")
    table.add_row("attempts", _number(sample["attempts"]), _listed(sample["outcomes"]))
    table.add_row("  not asked for", _number(sum(sample["skipped"].values())), _listed(sample["skipped"]))
    propose = counts.get("propose")
    if propose and propose["proposals"]:
        rejected = {name: number for name, number in propose["statuses"].items() if name != "proposed"}
        table.add_row("proposals", _number(propose["proposals"]))
        table.add_row("  rejected", _number(sum(rejected.values())), _listed(rejected))
    guide = counts.get("guide")
    if guide and guide["interventions"]:
        table.add_row("interventions guided", _number(guide["interventions"]))
        for condition, outcomes in guide["rollouts"].items():
            name = "guided rollouts" if condition == "intervention" else f"  control: {condition}"
            table.add_row(name, _number(sum(outcomes.values())), _listed(outcomes))
        table.add_row("interventions kept", _number(guide["kept"]), f"over {_number(guide['kept_problems'])} problems")
    return table


def _number(value: int) -> str:
    return f"{value:,}"


def _listed(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {_number(number)}" for name, number in ordered)
