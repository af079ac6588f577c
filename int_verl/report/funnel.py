"""The generation funnel: from problems to the interventions that are kept, with every loss named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from int_verl.generate.funnel import context_length_needed, tokens_saved
from int_verl.report.run_reader import RunReader, StageRecord

VERIFIED = "incorrect, to verify"
WRONG = ("incorrect", "no_answer")


@dataclass(frozen=True, slots=True)
class Line:
    """One bar of the funnel."""

    label: str
    count: int
    share: float
    "Of the block's total, 0 to 1."
    goes_on: bool
    "What the next block begins with; the others are losses."


@dataclass(frozen=True, slots=True)
class Block:
    """The bars that count one kind of thing."""

    title: str
    total: int
    lines: list[Line]


def generation_funnel(folder: RunReader) -> list[Block]:
    """Blocks in the order of the stages, for the stages that have written rows."""
    blocks = []
    problems = sum(1 for _ in folder.problems())

    attempts: Counter[str] = Counter()
    seen: set[str] = set()
    failed: set[str] = set()
    for row in folder.rows("sample/attempts.parquet", ["problem_id", "outcome", "skipped"]):
        attempts[row["skipped"] or VERIFIED] += 1
        seen.add(row["problem_id"])
        if not row["skipped"]:
            failed.add(row["problem_id"])

    proposals: Counter[str] = Counter()
    proposed: set[str] = set()
    for row in folder.rows("propose/proposals.parquet", ["problem_id", "status"]):
        proposals[row["status"]] += 1
        if row["status"] == "proposed":
            proposed.add(row["problem_id"])

    rollouts: Counter[str] = Counter()
    for row in folder.rows("guide/guided.parquet", ["condition", "outcome"]):
        if row["condition"] == "intervention":
            rollouts["wrong" if row["outcome"] in WRONG else row["outcome"]] += 1

    interventions: Counter[str] = Counter()
    kept: set[str] = set()
    for row in folder.rows("guide/interventions.parquet", ["problem_id", "guided_correct", "kept"]):
        if row["kept"]:
            interventions["kept"] += 1
            kept.add(row["problem_id"])
        else:
            interventions["not selected" if row["guided_correct"] else "no guided rollout was correct"] += 1

    problems = problems or len(seen)
    if problems:
        counts = Counter({"all": problems})
        if attempts:
            counts["with an incorrect attempt to verify"] = len(failed)
        if proposals:
            counts["with a proposed intervention"] = len(proposed)
        if interventions:
            counts["with a kept intervention"] = len(kept)
        lines = [Line(label, count, count / problems, True) for label, count in counts.items()]
        blocks.append(Block("Training problems", problems, lines))
    blocks += _block("Attempts", attempts, {VERIFIED})
    blocks += _block("Verifications of incorrect attempts", proposals, {"proposed"})
    blocks += _block("Guided rollouts from interventions", rollouts, {"correct"})
    blocks += _block("Interventions", interventions, {"kept"})
    return blocks


def funnel_remarks(stages: list[StageRecord]) -> list[str]:
    """What the counts of the generation stages say beside the bars, a sentence each."""
    counts = {stage.name: stage.counts for stage in stages if stage.name in ("sample", "propose", "guide")}
    try:
        remarks = [context_length_needed(counts)]
        guide = counts.get("guide", {})
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


def _block(title: str, counts: Counter[str], goes_on: set[str]) -> list[Block]:
    total = counts.total()
    if not total:
        return []
    ordered = sorted(counts.items(), key=lambda item: (item[0] not in goes_on, -item[1], item[0]))
    lines = [Line(label.replace("_", " "), count, count / total, label in goes_on) for label, count in ordered]
    return [Block(title, total, lines)]


def _count(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{str(name).replace('_', ' ')} {_count(inner)}" for name, inner in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)
