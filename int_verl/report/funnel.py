"""The generation funnel: from problems to the interventions that are kept, with every loss named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from int_verl.generate.funnel import context_length_needed, tokens_saved
from int_verl.report.run_reader import RunReader, StageRecord
from int_verl.report.words import REASONS
from int_verl.run_files import ATTEMPTS, GUIDED_ROLLOUTS, INTERVENTIONS, PROPOSALS

VERIFIED = "incorrect, to verify"
WORTH_A_WORD = 0.1
WRONG = ("incorrect", "no_answer")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One bar of the funnel."""

    label: str
    count: int
    goes_on: bool
    "What the next block begins with; the others are losses."
    meaning: str = ""
    "What the label says, in a few words; empty where it is plain."


@dataclass(frozen=True, slots=True)
class Block:
    """The bars that count one kind of thing."""

    title: str
    total: int
    lines: list[Line]

    @property
    def largest_loss(self) -> Line | None:
        """What most was lost to, where that is a large part and needs a word."""
        losses = [line for line in self.lines if not line.goes_on and line.meaning]
        largest = max(losses, key=lambda line: line.count, default=None)
        return largest if largest and largest.count >= WORTH_A_WORD * self.total else None


def generation_funnel(folder: RunReader) -> list[Block]:
    """Blocks in the order of the stages, for the stages that have written rows."""
    attempts = folder.rows(ATTEMPTS, ["problem_id", "skipped"])
    attempted, attempted_on = _tally(attempts, lambda row: row["skipped"] or VERIFIED)
    proposals = folder.rows(PROPOSALS, ["problem_id", "status"])
    proposed, proposed_on = _tally(proposals, lambda row: row["status"])
    rollouts = folder.rows(GUIDED_ROLLOUTS, ["problem_id", "condition", "outcome"])
    from_interventions = (row for row in rollouts if row["condition"] == "intervention")
    guided, _ = _tally(from_interventions, lambda row: "wrong" if row["outcome"] in WRONG else row["outcome"])
    interventions = folder.rows(INTERVENTIONS, ["problem_id", "guided_correct", "kept"])
    selected, selected_on = _tally(interventions, _fate)

    problems = sum(1 for _ in folder.problems()) or len(set().union(*attempted_on.values()))
    counts = {"all": problems}
    if attempted:
        counts["with an incorrect attempt to verify"] = len(attempted_on[VERIFIED])
    if proposed:
        counts["with a proposed intervention"] = len(proposed_on["proposed"])
    if selected:
        counts["with a kept intervention"] = len(selected_on["kept"])
    blocks = [
        Block("Training problems", problems, [Line(label, count, True) for label, count in counts.items()]),
        _block("Attempts", attempted, VERIFIED, "attempts"),
        _block("Verifications of incorrect attempts", proposed, "proposed", "verifications"),
        _block("Guided rollouts from interventions", guided, "correct", "rollouts"),
        _block("Interventions", selected, "kept", "interventions"),
    ]
    return [block for block in blocks if block.total]


def _tally(rows: Iterable[Row], label: Callable[[Row], str]) -> tuple[Counter[str], dict[str, set[str]]]:
    """How many rows have each label, and on which problems."""
    counts: Counter[str] = Counter()
    problems: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        counts[label(row)] += 1
        problems[label(row)].add(row["problem_id"])
    return counts, problems


def _fate(intervention: Row) -> str:
    if intervention["kept"]:
        return "kept"
    return "not selected" if intervention["guided_correct"] else "no guided rollout was correct"


def _block(title: str, counts: Counter[str], goes_on: str, kind: str) -> Block:
    meanings = REASONS[kind]
    ordered = sorted(counts.items(), key=lambda item: (item[0] != goes_on, -item[1], item[0]))
    lines = [
        Line(label.replace("_", " "), count, label == goes_on, meanings.get(label, "")) for label, count in ordered
    ]
    return Block(title, counts.total(), lines)


def funnel_remarks(stages: list[StageRecord]) -> list[str]:
    """What the counts of the generation stages say beside the bars, a sentence each."""
    counts = {stage.name: stage.counts for stage in stages if stage.name in ("sample", "propose", "guide")}
    try:
        guide = counts.get("guide", {})
        remarks = [context_length_needed(counts), *(f"Lost: {loss}." for loss in guide.get("advice", []))]
        if guide.get("rollouts_not_drawn"):
            remarks.append(
                f"Waves left {guide['rollouts_not_drawn']:,} guided rollouts undrawn and {tokens_saved(guide)}."
            )
    except (TypeError, ValueError, KeyError, AttributeError):
        return []  # a manifest of another shape than ours
    return [remark for remark in remarks if remark]


def manifest_counts(stages: list[StageRecord]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What the manifests of the generation stages count, as they name it."""
    return [
        (stage.title, [(str(name).replace("_", " "), _count(value)) for name, value in stage.counts.items()])
        for stage in stages
        if stage.counts
    ]


def _count(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{str(name).replace('_', ' ')} {_count(inner)}" for name, inner in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
