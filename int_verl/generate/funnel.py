"""The funnel: how many problems, attempts and proposals went on, and why the others did not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table

from int_verl.generate.given import GIVEN

if TYPE_CHECKING:
    from int_verl.generate.problem_rows import ProblemRows

_REASONS = 5
"Different words of lost requests that a stage's counts name."


class Funnel:
    """Counts rows as they are written."""

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, Any]] = {
            "sample": {
                "problems": 0,
                "problems_solved": 0,
                "attempts": 0,
                "outcomes": {},
                "skipped": {},
                "asked_with_one_step": 0,
            },
            "propose": {"guided_solutions": {}, "proposals": 0, "statuses": {}, "misplaced_but_kept": {}},
            "guide": {
                "interventions": 0,
                "rollouts": {},
                "rollouts_not_drawn": 0,
                "tokens_saved_estimate": 0,
                "kept": 0,
                "kept_problems": 0,
                "cut_inside_token": 0,
            },
        }
        """What the manifests hold: stage -> counts. Only where there is something of the kind: `given`, the rows taken
        from a file; `context_length_needed`, where a prompt did not fit (with `model_allows`, see `LocalModel.allows`);
        `lost`, the engine's words -> requests that were given up."""
        self._tokens_saved = 0.0

    def add(self, rows: ProblemRows) -> None:
        sample, propose, guide = self.counts.values()
        sample["problems"] += 1
        sample["problems_solved"] += any(row["correct"] for row in rows.attempts)
        sample["attempts"] += len(rows.attempts)
        if given := sum(row["finish_reason"] == GIVEN for row in rows.attempts):
            sample["given"] = sample.get("given", 0) + given
        for row in rows.attempts:
            _add_one(sample["outcomes"], row["outcome"])
            _add_one(sample["skipped"], row["skipped"])
            sample["asked_with_one_step"] += not row["skipped"] and row["steps"] == 1
        for row in rows.guided_solutions:
            _add_one(propose["guided_solutions"], row["status"])
        propose["proposals"] += len(rows.proposals)
        if given := sum(row["finish_reason"] == GIVEN for row in rows.proposals):
            propose["given"] = propose.get("given", 0) + given
        for row in rows.proposals:
            _add_one(propose["statuses"], row["status"])
            if row["status"] == "proposed":
                _add_one(propose["misplaced_but_kept"], row["misplaced"])
        for row in rows.guided:
            _add_one(guide["rollouts"].setdefault(row["condition"], {}), row["outcome"])
        guide["interventions"] += len(rows.interventions)
        for row in rows.interventions:
            if row["not_drawn"]:
                guide["rollouts_not_drawn"] += row["not_drawn"]
                self._tokens_saved += row["not_drawn"] * row["guided_tokens"] / row["guided"]
        guide["tokens_saved_estimate"] = round(self._tokens_saved)
        guide["kept"] += len(rows.sft)
        guide["kept_problems"] += bool(rows.sft)
        guide["cut_inside_token"] += sum(bool(row["prefix_rest"]) for row in rows.sft)
        asked = (rows.attempts, [*rows.guided_solutions, *rows.proposals], rows.guided)
        for counts, stage_rows in zip(self.counts.values(), asked, strict=True):
            for row in stage_rows:
                if row["fault"]:
                    lost = counts.setdefault("lost", {})
                    _add_one(lost, row["fault"] if row["fault"] in lost or len(lost) < _REASONS else "other reasons")
                if "prompt_too_long" in (row.get("outcome"), row.get("status")):
                    needed = row["prompt_tokens"] + row["max_tokens"]
                    counts["context_length_needed"] = max(counts.get("context_length_needed", 0), needed)


def _add_one(counts: dict[str, int], reason: str) -> None:
    if reason:
        counts[reason] = counts.get(reason, 0) + 1


def funnel_table(counts: Mapping[str, Mapping[str, Any]]) -> Table:
    """The funnel as a table: what went on, and what was left out with its reason."""
    table = Table(title="Generation", title_justify="left")
    table.add_column("")
    table.add_column("count", justify="right")
    table.add_column("of which", overflow="fold")

    def add_sum(name: str, reasons: Mapping[str, int]) -> None:
        table.add_row(name, _number(sum(reasons.values())), _listed(reasons))

    sample, propose, guide = counts["sample"], counts.get("propose"), counts.get("guide")
    table.add_row("problems", _number(sample["problems"]), f"solved in an attempt {_number(sample['problems_solved'])}")
    table.add_row("attempts", _number(sample["attempts"]), _listed(sample["outcomes"]))
    if given := sample.get("given"):
        table.add_row("  given", _number(given), "their tokens are not the policy's own")
    add_sum("  not asked for", sample["skipped"])
    if sample["asked_with_one_step"]:
        table.add_row("  asked for, of one step", _number(sample["asked_with_one_step"]))
    if propose and propose["proposals"]:
        if propose["guided_solutions"]:
            add_sum("guided solutions", propose["guided_solutions"])
        table.add_row("proposals", _number(propose["proposals"]))
        if given := propose.get("given"):
            table.add_row("  given", _number(given))
        add_sum("  rejected", {name: number for name, number in propose["statuses"].items() if name != "proposed"})
        if propose["misplaced_but_kept"]:
            add_sum("  misplaced, but kept", propose["misplaced_but_kept"])
    if guide and guide["interventions"]:
        table.add_row("interventions guided", _number(guide["interventions"]))
        for condition, outcomes in guide["rollouts"].items():
            add_sum("guided rollouts" if condition == "intervention" else f"  control: {condition}", outcomes)
        if guide["rollouts_not_drawn"]:
            table.add_row("  not drawn", _number(guide["rollouts_not_drawn"]), tokens_saved(guide))
        table.add_row("interventions kept", _number(guide["kept"]), f"over {_number(guide['kept_problems'])} problems")
    for stage, of_stage in counts.items():
        for words, number in of_stage.get("lost", {}).items():
            table.add_row(f"lost in {stage}", _number(number), words)
    table.caption = context_length_needed(counts)
    return table


def tokens_saved(guide: Mapping[str, Any]) -> str:
    """What the rollouts that waves did not draw would have cost, in words."""
    tokens = _number(guide["tokens_saved_estimate"])
    return f"saved about {tokens} tokens, an estimate: each taken to be as long as those drawn of its intervention"


def context_length_needed(counts: Mapping[str, Mapping[str, Any]]) -> str | None:
    """What would have let the prompts fit that were rejected; None if none was."""
    stage = max(counts.values(), key=lambda each: each.get("context_length_needed", 0), default={})
    needed, allowed = stage.get("context_length_needed", 0), stage.get("model_allows")
    if not needed:
        return None
    if allowed is not None and needed > allowed:
        mend = (
            f"the model itself allows {allowed:,} tokens, and {needed:,} would have let all of them fit; lower "
            "max_tokens, or take a model with a longer context"
        )
    else:
        mend = f"engine.context_length={needed} would have let all of them fit"
    return f"Prompts that did not fit were rejected, never cut; {mend}."


def _number(value: int) -> str:
    return f"{value:,}"


def _listed(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {_number(number)}" for name, number in ordered)
