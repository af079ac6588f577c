"""Interventions to look at: the attempt, where it goes wrong, the better step, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from int_verl.report.run_reader import RunReader
from int_verl.run_files import ATTEMPTS, GUIDED_ROLLOUTS, INTERVENTIONS, PROPOSALS
from int_verl.settings.generation import StepRule
from int_verl.steps import cut_steps

MAX_KEPT, MAX_OTHERS = 36, 12
MAX_CHARACTERS = 4_000
STEPS_AROUND = 6

_COLUMNS = ["problem_id", "attempt", "proposal", "content", "location"]


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step of an attempt; `role`: before the location, wrong (at it), after it, or elided (a gap)."""

    number: int | None
    text: str
    role: str


@dataclass(slots=True)
class ViewerRow:
    """One intervention with everything around it."""

    problem_id: str
    attempt: int
    proposal: int
    content: str
    location: int
    kept: bool | None
    "None if it was proposed, but not guided yet."
    problem: str = ""
    answer: str = ""
    reference_solution: str = ""
    steps: list[ShownStep] = field(default_factory=list)
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    "Outcomes of the guided rollouts by condition."
    continuation: str = ""
    "A guided rollout from the intervention, a correct one if there is one."
    continuation_outcome: str = ""

    def add_rollout(self, rollout: dict[str, Any]) -> None:
        outcome = "correct" if rollout["correct"] else "truncated" if rollout["outcome"] == "truncated" else "wrong"
        outcomes = self.outcomes.setdefault(rollout["condition"], [])
        if len(outcomes) < 64:
            outcomes.append(outcome)
        better = not self.continuation or (outcome == "correct" != self.continuation_outcome)
        if rollout["condition"] == "intervention" and better:
            self.continuation = shorten(rollout["text"] or "", MAX_CHARACTERS // 2)
            self.continuation_outcome = outcome


def viewer_rows(folder: RunReader) -> tuple[list[ViewerRow], int]:
    """A bounded choice of interventions, spread over problems, and how many there are in all."""
    candidates = [ViewerRow(**row) for row in folder.rows(INTERVENTIONS, [*_COLUMNS, "kept"])]
    if not candidates:
        candidates = [
            ViewerRow(**{column: row[column] for column in _COLUMNS}, kept=None)
            for row in folder.rows(PROPOSALS, [*_COLUMNS, "status"])
            if row["status"] == "proposed"
        ]
    kept = _spread([row for row in candidates if row.kept is not False], MAX_KEPT)
    others = _spread([row for row in candidates if row.kept is False], MAX_OTHERS)
    if chosen := [*kept, *others]:
        _complete(folder, chosen)
    return chosen, len(candidates)


def _complete(folder: RunReader, rows: list[ViewerRow]) -> None:
    """Adds problems, attempts and guided rollouts, each file read once."""
    problem_ids = {row.problem_id for row in rows}
    problems = {problem["id"]: problem for problem in folder.problems() if problem["id"] in problem_ids}
    keys = {(row.problem_id, row.attempt) for row in rows}
    columns = ["problem_id", "attempt", "text"]
    attempts = {
        key: attempt
        for attempt in folder.rows(ATTEMPTS, columns, ["steps_begin"])
        if (key := (attempt["problem_id"], attempt["attempt"])) in keys
    }
    for row in rows:
        row.content = shorten(row.content or "")
        if problem := problems.get(row.problem_id):
            row.problem = shorten(problem["problem"] or "")
            row.answer = shorten(problem["answer"] or "", 200)
            row.reference_solution = shorten(problem["reference_solution"] or "")
        if attempt := attempts.get((row.problem_id, row.attempt)):
            begin = attempt.get("steps_begin") or 0
            row.steps = attempt_steps(attempt["text"] or "", row.location, folder.step_rule(), begin)
    by_proposal = {(row.problem_id, row.attempt, row.proposal): row for row in rows}
    columns = ["problem_id", "attempt", "proposal", "condition", "text", "outcome", "correct"]
    for rollout in folder.rows(GUIDED_ROLLOUTS, columns):
        proposed = by_proposal.get((rollout["problem_id"], rollout["attempt"], rollout["proposal"]))
        if proposed is not None:
            proposed.add_rollout(rollout)


def shorten(text: str, limit: int = MAX_CHARACTERS) -> str:
    """A text with its middle left out if it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters left out ...]\n{text[-half:]}"


def attempt_steps(text: str, location: int, by: StepRule = "blank_line", begin: int = 0) -> list[ShownStep]:
    """The steps of an attempt around a location (1-based), with far ones left out.

    What stands before the first step, as thinking may, is a step without a number.

    >>> [(s.number, s.role) for s in attempt_steps("a\\n\\nb\\n\\nc", 2)]
    [(1, 'before'), (2, 'wrong'), (3, 'after')]
    """
    texts = cut_steps(text, by, begin).texts
    shown = [ShownStep(None, shorten(text[:begin].rstrip()), "before")] if text[:begin].strip() else []
    for i, step in enumerate(texts, 1):
        role = "before" if i < location else "wrong" if i == location else "after"
        near = i == 1 or i == len(texts) or abs(i - location) <= STEPS_AROUND
        if near:
            shown.append(ShownStep(i, shorten(step, MAX_CHARACTERS // 2), role))
        elif not shown or shown[-1].role != "elided":
            gap = range(2, location - STEPS_AROUND) if role == "before" else range(i, len(texts))
            shown.append(ShownStep(None, f"steps {gap.start} to {gap.stop - 1} left out", "elided"))
    return shown


def _spread(rows: list[ViewerRow], limit: int) -> list[ViewerRow]:
    """At most `limit` rows: one of every problem before a second of any, evenly over the problems."""
    rounds: dict[int, list[ViewerRow]] = defaultdict(list)
    seen: dict[str, int] = defaultdict(int)
    for row in rows:
        rounds[seen[row.problem_id]].append(row)
        seen[row.problem_id] += 1
    chosen: list[ViewerRow] = []
    for candidates in rounds.values():
        wanted = limit - len(chosen)
        if len(candidates) > wanted:
            candidates = [candidates[i * len(candidates) // wanted] for i in range(wanted)]
        chosen += candidates
    return chosen
