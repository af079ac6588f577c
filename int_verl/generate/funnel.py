"""The funnel: how many problems, attempts and proposals went on, and why the others did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from int_verl.generate.tables import ProblemRows


class Funnel:
    """Counts rows as they are written. `counts()` is what the manifests hold."""

    def __init__(self) -> None:
        self.attempts: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.guided_solutions: Counter[str] = Counter()
        self.proposals: Counter[str] = Counter()
        self.misplaced: Counter[str] = Counter()
        self.conditions: dict[str, Counter[str]] = {}
        self.problems = self.solved = self.kept_problems = self.kept = self.interventions = 0
        self.one_step = self.not_drawn = self.cut_inside_token = 0
        self.tokens_saved = 0.0
        self.needed: Counter[str] = Counter()

    def add(self, rows: ProblemRows) -> None:
        self.problems += 1
        self.solved += any(row["correct"] for row in rows.attempts)
        for row in rows.attempts:
            self.attempts[row["outcome"]] += 1
            if row["skipped"]:
                self.skipped[row["skipped"]] += 1
            else:
                self.one_step += row["steps"] == 1
        for row in rows.guided_solutions:
            self.guided_solutions[row["status"]] += 1
        for row in rows.proposals:
            self.proposals[row["status"]] += 1
            if row["status"] == "proposed" and row["misplaced"]:
                self.misplaced[row["misplaced"]] += 1
        for row in rows.guided:
            self.conditions.setdefault(row["condition"], Counter())[row["outcome"]] += 1
        self.interventions += len(rows.interventions)
        for row in rows.interventions:
            if row["not_drawn"]:
                self.not_drawn += row["not_drawn"]
                self.tokens_saved += row["not_drawn"] * row["guided_tokens"] / row["guided"]
        self.kept += len(rows.sft)
        self.kept_problems += bool(rows.sft)
        self.cut_inside_token += sum(bool(row["prefix_rest"]) for row in rows.sft)
        asked = {"sample": rows.attempts, "propose": [*rows.guided_solutions, *rows.proposals], "guide": rows.guided}
        for stage, stage_rows in asked.items():
            for row in stage_rows:
                if "prompt_too_long" in (row.get("outcome"), row.get("status")):
                    self.needed[stage] = max(self.needed[stage], row["prompt_tokens"] + row["max_tokens"])

    def counts(self) -> dict[str, dict[str, Any]]:
        """Stage -> counts; `context_length_needed` only where a prompt did not fit."""
        counts: dict[str, dict[str, Any]] = {
            "sample": {
                "problems": self.problems,
                "problems_solved": self.solved,
                "attempts": self.attempts.total(),
                "outcomes": dict(self.attempts),
                "skipped": dict(self.skipped),
                "asked_with_one_step": self.one_step,
            },
            "propose": {
                "guided_solutions": dict(self.guided_solutions),
                "proposals": self.proposals.total(),
                "statuses": dict(self.proposals),
                "misplaced_but_kept": dict(self.misplaced),
            },
            "guide": {
                "interventions": self.interventions,
                "rollouts": {name: dict(outcomes) for name, outcomes in self.conditions.items()},
                "rollouts_not_drawn": self.not_drawn,
                "tokens_saved_estimate": round(self.tokens_saved),
                "kept": self.kept,
                "kept_problems": self.kept_problems,
                "cut_inside_token": self.cut_inside_token,
            },
        }
        for stage, tokens in self.needed.items():
            counts[stage]["context_length_needed"] = tokens
        return counts


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
    if sample["asked_with_one_step"]:
        table.add_row("  asked for, of one step", _number(sample["asked_with_one_step"]))
    propose = counts.get("propose")
    if propose and propose["proposals"]:
        if propose["guided_solutions"]:
            table.add_row(
                "guided solutions",
                _number(sum(propose["guided_solutions"].values())),
                _listed(propose["guided_solutions"]),
            )
        rejected = {name: number for name, number in propose["statuses"].items() if name != "proposed"}
        table.add_row("proposals", _number(propose["proposals"]))
        table.add_row("  rejected", _number(sum(rejected.values())), _listed(rejected))
        if kept := propose["misplaced_but_kept"]:
            table.add_row("  misplaced, but kept", _number(sum(kept.values())), _listed(kept))
    guide = counts.get("guide")
    if guide and guide["interventions"]:
        table.add_row("interventions guided", _number(guide["interventions"]))
        for condition, outcomes in guide["rollouts"].items():
            name = "guided rollouts" if condition == "intervention" else f"  control: {condition}"
            table.add_row(name, _number(sum(outcomes.values())), _listed(outcomes))
        if guide["rollouts_not_drawn"]:
            table.add_row("  not drawn", _number(guide["rollouts_not_drawn"]), tokens_saved(guide))
        table.add_row("interventions kept", _number(guide["kept"]), f"over {_number(guide['kept_problems'])} problems")
    table.caption = context_length_needed(counts)
    return table


def tokens_saved(guide: Mapping[str, Any]) -> str:
    """What the rollouts that waves did not draw would have cost, in words."""
    tokens = _number(guide["tokens_saved_estimate"])
    return f"saved about {tokens} tokens, an estimate: each taken to be as long as those drawn of its intervention"


def context_length_needed(counts: Mapping[str, Mapping[str, Any]]) -> str | None:
    """What would have let the prompts fit that were rejected; None if none was."""
    needed = max((stage.get("context_length_needed", 0) for stage in counts.values()), default=0)
    if not needed:
        return None
    return (
        "Prompts that did not fit were rejected, never cut; "
        f"engine.context_length={needed} would have let all of them fit."
    )


def _number(value: int) -> str:
    return f"{value:,}"


def _listed(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {_number(number)}" for name, number in ordered)
