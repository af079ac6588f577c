"""Interventions that RL made while it sampled, as rows of the viewer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from int_verl.report.run_reader import RunReader
from int_verl.report.viewer import MAX_CHARACTERS, ViewerRow, attempt_steps, shorten
from int_verl.rl.online.record import Record, Tried
from int_verl.run_files import online_dumps

MAX_ROWS = 2_000
"A run has them by the hundred a step: of the first steps and of the last."
RIGHT, WRONG, NOT_CONTINUED = "RL: right", "RL: wrong", "RL: not continued"


def online_rows(folder: RunReader) -> tuple[list[ViewerRow], int]:
    """Rows of the steps in which something was tried, and how many there are in all."""
    records = list(_records(folder))
    total = sum(len(record.tried) for _, record in records)
    problems = {problem["id"]: problem for problem in folder.problems()} if records else {}
    by = folder.step_rule()
    half = MAX_ROWS // 2
    rows = [(stage, record, k) for stage, record in records for k in range(len(record.tried))]
    shown = rows if len(rows) <= MAX_ROWS else rows[:half] + rows[-half:]
    return [_row(stage, record, k, problems.get(record.id), by) for stage, record, k in shown], total


def _records(folder: RunReader) -> Iterator[tuple[str, Record]]:
    for stage, file in online_dumps(folder.path):
        for written in folder.json_lines(str(file.relative_to(folder.path))):
            yield stage, Record.read(written)


def _row(stage: str, record: Record, number: int, problem: dict[str, Any] | None, by: Any) -> ViewerRow:
    one = record.tried[number]
    row = ViewerRow(
        problem_id=f"{record.id} ({stage}, step {record.step})",
        attempt=record.rollout,
        proposal=number,
        status=_status(one),
        content=shorten(one.content),
        location=one.location,
        steps=attempt_steps(record.attempt, one.location, by),
    )
    if problem:
        row.problem, row.reference_solution = shorten(problem["problem"]), shorten(problem["reference_solution"])
        row.answer = shorten(problem["answer"] or "", 200)
    if one.status != "proposed":
        row.verification = shorten(one.verification, MAX_CHARACTERS // 2)
    if one.reward is not None:
        row.continuation = shorten(one.continuation, MAX_CHARACTERS // 2)
        row.continuation_outcome = "correct" if one.right else "wrong"
        row.outcomes = {"intervention": [row.continuation_outcome]}
    return row


def _status(one: Tried) -> str:
    if one.status != "proposed":
        return f"RL: {one.status}"
    return NOT_CONTINUED if one.reward is None else RIGHT if one.right else WRONG
