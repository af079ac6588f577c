"""Interventions to look at, kept, dropped and rejected: attempt, wrong step, better step, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from int_verl.report.run_reader import RunReader
from int_verl.report.trained import KEY, Key, Trained, trained_on
from int_verl.run_files import ATTEMPTS, GUIDED_ROLLOUTS, INTERVENTIONS, PROPOSALS
from int_verl.settings.generation import StepRule
from int_verl.steps import cut_steps

MAX_ROWS = 10_000
MAX_CHARACTERS_IN_ALL = 60_000_000
"Of all rows together; a page takes about a sixth of it."
MAX_CHARACTERS = 4_000
STEPS_AROUND = 6
MAX_ROLLOUTS = 64
"Of a condition whose outcomes are kept."

KEPT, NOT_KEPT, PROPOSED = "kept", "not kept", "proposed"


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step of an attempt; `role`: before the location, wrong (at it), after it, or elided (a gap)."""

    number: int | None
    text: str
    role: str


@dataclass(slots=True)
class ViewerRow:
    """One intervention, or what was rejected as one, with everything around it."""

    problem_id: str
    attempt: int
    proposal: int
    status: str
    "Kept, not kept, proposed (not guided yet), or the reason of the rejection."
    content: str = ""
    location: int | None = None
    problem: str = ""
    answer: str = ""
    reference_solution: str = ""
    verification: str = ""
    "What the model wrote, of a rejected one."
    steps: list[ShownStep] = field(default_factory=list)
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    "Outcomes of the guided rollouts by condition."
    continuation: str = ""
    "A guided rollout from the intervention: the one that SFT trains on, or a correct one if there is one."
    continuation_outcome: str = ""
    trained: Trained | None = None

    @property
    def key(self) -> Key:
        return self.problem_id, self.attempt, self.proposal

    def add_rollout(self, rollout: dict[str, Any]) -> None:
        outcome = "correct" if rollout["correct"] else "truncated" if rollout["outcome"] == "truncated" else "wrong"
        outcomes = self.outcomes.setdefault(rollout["condition"], [])
        if len(outcomes) < MAX_ROLLOUTS:
            outcomes.append(outcome)
        if rollout["condition"] != "intervention":
            return
        suffix = self.trained.rollout if self.trained else None
        if rollout["rollout"] == suffix if suffix is not None else self._is_better(outcome):
            self.continuation = shorten(rollout["text"] or "", MAX_CHARACTERS // 2)
            self.continuation_outcome = outcome

    def _is_better(self, outcome: str) -> bool:
        return not self.continuation or outcome == "correct" != self.continuation_outcome

    @property
    def characters(self) -> int:
        texts = (self.problem, self.reference_solution, self.content, self.verification, self.continuation)
        return sum(map(len, texts)) + sum(len(step.text) for step in self.steps)


def viewer_rows(folder: RunReader) -> tuple[list[ViewerRow], int]:
    """Interventions in the order of their keys, and how many there are in all.

    Where there are more than a page takes, every status has its share of them, and every problem its share of a
    status.
    """
    candidates = [
        _row(row, KEPT if row["kept"] else NOT_KEPT)
        for row in folder.rows(INTERVENTIONS, [*KEY, "content", "location", "kept"])
    ]
    guided = bool(candidates)
    candidates += [
        _row(row, row["status"] or "")
        for row in folder.rows(PROPOSALS, [*KEY, "content", "location", "status"])
        if not (guided and row["status"] == PROPOSED)
    ]
    chosen = _shares(candidates, MAX_ROWS)
    if chosen:
        _complete(folder, chosen)
    left = MAX_CHARACTERS_IN_ALL
    fitting = []
    for row in chosen:
        left -= row.characters
        if left < 0:
            break
        fitting.append(row)
    return sorted(fitting, key=lambda row: row.key), len(candidates)


def _row(row: dict[str, Any], status: str) -> ViewerRow:
    return ViewerRow(row["problem_id"], row["attempt"], row["proposal"], status, row["content"] or "", row["location"])


def _complete(folder: RunReader, rows: list[ViewerRow]) -> None:
    """Adds problems, attempts, rejected verifications and guided rollouts, each file read once."""
    by_key = {row.key: row for row in rows}
    problem_ids = {row.problem_id for row in rows}
    problems = {problem["id"]: problem for problem in folder.problems() if problem["id"] in problem_ids}
    attempts = _attempts(folder, {(row.problem_id, row.attempt) for row in rows})
    trained = trained_on(folder, by_key.keys())
    by, texts = folder.step_rule(), _Shortened()
    for row in rows:
        row.content = shorten(row.content)
        row.trained = trained.get(row.key)
        if problem := problems.get(row.problem_id):
            row.problem, row.reference_solution = texts(problem["problem"]), texts(problem["reference_solution"])
            row.answer = shorten(problem["answer"] or "", 200)
        if attempt := attempts.get((row.problem_id, row.attempt)):
            row.steps = attempt_steps(attempt["text"] or "", row.location, by, attempt.get("steps_begin") or 0)
    for proposal in folder.rows(PROPOSALS, [*KEY, "text"]):
        rejected = by_key.get(tuple(proposal[name] for name in KEY))
        if rejected is not None and rejected.status not in (KEPT, NOT_KEPT, PROPOSED):
            rejected.verification = shorten(proposal["text"] or "", MAX_CHARACTERS // 2)
    for rollout in folder.rows(GUIDED_ROLLOUTS, [*KEY, "condition", "rollout", "text", "outcome", "correct"]):
        continued = by_key.get(tuple(rollout[name] for name in KEY))
        if continued is not None:
            continued.add_rollout(rollout)


def _attempts(folder: RunReader, keys: set[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any]]:
    return {
        key: attempt
        for attempt in folder.rows(ATTEMPTS, ["problem_id", "attempt", "text"], ["steps_begin"])
        if (key := (attempt["problem_id"], attempt["attempt"])) in keys
    }


class _Shortened(dict[str, str]):
    """Texts that many rows share, shortened once."""

    def __call__(self, text: str | None) -> str:
        return self[text or ""]

    def __missing__(self, text: str) -> str:
        self[text] = shorten(text)
        return self[text]


def shorten(text: str, limit: int = MAX_CHARACTERS) -> str:
    """A text with its middle left out if it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters left out ...]\n{text[-half:]}"


def attempt_steps(text: str, location: int | None, by: StepRule = "blank_line", begin: int = 0) -> list[ShownStep]:
    """The steps of an attempt around a location (1-based), with far ones left out; around its end without a location.

    What stands before the first step, as thinking may, is a step without a number.

    >>> [(s.number, s.role) for s in attempt_steps("a\\n\\nb\\n\\nc", 2)]
    [(1, 'before'), (2, 'wrong'), (3, 'after')]
    """
    texts = cut_steps(text, by, begin).texts
    location = len(texts) + 1 if location is None else location
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


def _shares(rows: list[ViewerRow], limit: int) -> list[ViewerRow]:
    """At most `limit` rows; a status with few of them has all of its own, and the others share what is left."""
    by_status: dict[str, list[ViewerRow]] = defaultdict(list)
    for row in rows:
        by_status[row.status].append(row)
    chosen: list[ViewerRow] = []
    smallest_first = sorted(by_status.values(), key=len)
    for number, of_status in enumerate(smallest_first):
        chosen += _spread(of_status, (limit - len(chosen)) // (len(smallest_first) - number))
    return _spread(chosen, limit)


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
