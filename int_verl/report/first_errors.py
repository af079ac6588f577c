"""Where attempts truly go wrong first, as a file or a function of the user's says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from int_verl.errors import UserError
from int_verl.named_function import load_function
from int_verl.problems.raw_rows import file_rows
from int_verl.report.run_reader import RunReader
from int_verl.run_files import ATTEMPTS
from int_verl.steps import cut_steps

Key = tuple[str, int]
_COLUMNS = ("problem_id", "attempt", "first_error")
_FLAG = "--first-errors"


def first_errors_of(run: RunReader, said: str) -> dict[Key, int]:
    """Problem and attempt -> the step of its first error, from 1; attempts without one are left out.

    Args:
        said: a .parquet, .jsonl or .csv file with the columns problem_id, attempt and first_error (null: it has none),
            or ``path/to/file.py:function``, a function of the problem (a dict with id, problem, answer and
            reference_solution) and the texts of the attempt's steps that returns the number of the step, or None.

    Raises:
        UserError: there is no such file or function, a column is missing, a value is no step, or none is of this run.
    """
    steps = {(row["problem_id"], row["attempt"]): row["steps"] for row in _attempts(run, ["steps"])}
    found: dict[Key, int] = {}
    for key, step in _called(run, said) if ".py:" in said else _read(said):
        if step is None or key not in steps:
            continue
        if not isinstance(step, int) or isinstance(step, bool) or not 1 <= step <= steps[key]:
            raise UserError(
                f"{_FLAG} {said}: {step!r} is no step of attempt {key[1]} at problem {key[0]}, which has {steps[key]}"
            )
        found[key] = step
    if not found:
        raise UserError(f"{_FLAG} {said}: names no first error in an attempt of {run.path}")
    return found


def _read(file: str) -> Iterator[tuple[Key, Any]]:
    for number, row in enumerate(file_rows(file), 1):
        if missing := [name for name in _COLUMNS if name not in row]:
            raise UserError(f"{_FLAG} {file}: row {number} has no {missing[0]}; rows have {', '.join(_COLUMNS)}")
        try:
            attempt, step = int(row["attempt"]), row["first_error"]
            yield (str(row["problem_id"]), attempt), int(step) if step not in (None, "") else None
        except (TypeError, ValueError) as error:
            raise UserError(f"{_FLAG} {file}: row {number}: attempt and first_error are whole numbers") from error


def _called(run: RunReader, spec: str) -> Iterator[tuple[Key, Any]]:
    function, by = load_function(_FLAG, spec), run.step_rule()
    problems = {problem["id"]: problem for problem in run.problems()}
    for row in _attempts(run, ["text", "steps_begin", "correct"]):
        problem = problems.get(row["problem_id"])
        if problem is not None and row["text"] and not row["correct"]:
            texts = cut_steps(row["text"], by, row["steps_begin"] or 0).texts
            yield (row["problem_id"], row["attempt"]), function(problem, texts)


def _attempts(run: RunReader, columns: list[str]) -> Iterator[dict[str, Any]]:
    return run.rows(ATTEMPTS, ["problem_id", "attempt", *columns])
