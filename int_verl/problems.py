"""Problem sets in, checked rows out.

A problem set is a parquet, jsonl or csv file, or the name of a `datasets` set, with columns `problem`, `answer` and
`reference_solution`, and optionally `id` and `source`. Other column names are mapped. Every problem is checked before
any sampling; all faults are listed with their row numbers.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from int_verl.errors import UserError

REQUIRED = ("problem", "answer", "reference_solution")
_SHOWN_FAULTS = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem with its gold answer and a reference solution.

    Example: ``Problem("amc-12", "What is 6 times 7?", "42", "Six sevens are \\boxed{42}.", "amc")``
    """

    id: str
    problem: str
    answer: str
    reference_solution: str
    source: str

    def row(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one row; `row` counts from 1 as an editor does."""

    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column}: {self.reason}"


def load_problems(
    file: str, columns: Mapping[str, str] | None = None, limit: int | None = None, need_reference: bool = True
) -> list[Problem]:
    """Read and check a problem set.

    Args:
        file: path of a .parquet, .jsonl or .csv file, or a name that `datasets.load_dataset` knows
            (``name:split`` for a split other than train).
        columns: our column name -> the file's, where they differ.
        limit: keep the first so many problems.
        need_reference: an evaluation set does without reference solutions.

    Raises:
        UserError: missing file or column, or any faulty row; the message names the first few.
    """
    mapping = {name: name for name in (*REQUIRED, "id", "source")} | dict(columns or {})
    required = [name for name in REQUIRED if need_reference or name != "reference_solution"]
    problems: list[Problem] = []
    faults: list[Fault] = []
    first_row_of: dict[str, int] = {}
    for number, row in enumerate(raw_rows(file), 1):
        if limit is not None and len(problems) >= limit:
            break
        for name in required:
            if mapping[name] not in row:
                have = ", ".join(sorted(row)) or "none"
                raise UserError(
                    f"{file}: row {number} has no column {mapping[name]!r} (it has: {have}); "
                    f"name yours with problems.columns.{name}=..."
                )
        found, problem = check_row(number, row, mapping, required)
        faults += found
        if problem is None:
            continue
        if problem.id in first_row_of:
            faults.append(Fault(number, "id", f"{problem.id!r} is also the id of row {first_row_of[problem.id]}"))
        first_row_of.setdefault(problem.id, number)
        problems.append(problem)
    faults += _duplicates(problems)
    if faults:
        shown = "; ".join(map(str, faults[:_SHOWN_FAULTS]))
        more = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        raise UserError(f"{file}: {shown}{more}; mend or remove these rows")
    if not problems:
        raise UserError(f"{file}: no rows; give a set with at least one problem")
    return problems


def check_row(
    number: int, row: Mapping[str, Any], mapping: Mapping[str, str], required: Iterable[str]
) -> tuple[list[Fault], Problem | None]:
    """What is wrong with a row, or the problem that it holds."""
    faults = []
    for name in required:
        value = row[mapping[name]]
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            faults.append(Fault(number, mapping[name], f"expected text, found {type(value).__name__}"))
        elif not str(value).strip():
            faults.append(Fault(number, mapping[name], "empty"))
    if faults:
        return faults, None
    text = str(row[mapping["problem"]])
    given_id = row.get(mapping["id"])
    return [], Problem(
        id=str(given_id) if given_id not in (None, "") else hashlib.sha256(text.encode()).hexdigest()[:12],
        problem=text,
        answer=str(row[mapping["answer"]]),
        reference_solution=str(row.get(mapping["reference_solution"]) or ""),
        source=str(row.get(mapping["source"]) or "problems"),
    )


def _duplicates(problems: list[Problem]) -> list[Fault]:
    counts = Counter(problem.problem for problem in problems)
    first: dict[str, int] = {}
    faults = []
    for number, problem in enumerate(problems, 1):
        if counts[problem.problem] > 1 and problem.problem in first:
            faults.append(Fault(number, "problem", f"the same text as row {first[problem.problem]}"))
        first.setdefault(problem.problem, number)
    return faults


def unusable_answers(problems: Iterable[Problem], agrees_with_itself: Callable[[str], str | None]) -> list[Fault]:
    """Gold answers that the grader cannot use.

    Args:
        agrees_with_itself: answer -> None when it grades equal to itself, else the reason.
    """
    reasons = ((number, agrees_with_itself(problem.answer)) for number, problem in enumerate(problems, 1))
    return [Fault(number, "answer", reason) for number, reason in reasons if reason is not None]


def raw_rows(file: str) -> Iterator[dict[str, Any]]:
    """The rows of a problem set as they are, one at a time.

    Raises:
        UserError: no such file or data set, or a row that cannot be read.
    """
    path = Path(file).expanduser()
    readers = {".parquet": _parquet_rows, ".jsonl": _jsonl_rows, ".csv": _csv_rows}
    if path.suffix in readers:
        if not path.is_file():
            raise UserError(f"{file}: no such file; problems.train and problems.heldout take a parquet, jsonl or csv")
        yield from readers[path.suffix](path)
        return
    if path.exists():
        raise UserError(f"{file}: unknown kind of file; use .parquet, .jsonl or .csv")
    import datasets

    name, _, split = file.partition(":")
    try:
        rows = datasets.load_dataset(name, split=split or "train")
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{file}: neither a file nor a data set that can be loaded ({str(error).splitlines()[0]})"
        ) from error
    yield from rows


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa

    from int_verl.records import read_rows

    try:
        yield from read_rows(path)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: not a parquet file ({error})") from error


def _jsonl_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"{path}: row {number} is not JSON ({error.msg} at column {error.colno})") from error
            if not isinstance(row, dict):
                raise UserError(f"{path}: row {number} is not a JSON object; write one object a line")
            yield row


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)
