"""Problem sets in, checked rows out.

A problem set is a parquet, jsonl or csv file, or the name of a `datasets` set, with columns `problem`, `answer` and
`reference_solution`, and optionally `id` and `source`. Other names are mapped, and those in use guessed (`columns.py`).
Every problem is checked before any sampling; all faults are listed with their row numbers.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from int_verl.errors import UserError
from int_verl.problems.columns import CalculatorMarks, Columns, find_columns, names_in, value_in
from int_verl.problems.raw_rows import raw_rows
from int_verl.records import PROBLEM, read_rows, write_rows

REQUIRED = ("problem", "answer", "reference_solution")
NO_SOURCE = "problems"
"The source of problems that name none."
_DIGEST = b"problems"  # in the metadata of a file of ours
_FAULTS_SHOWN = 5
_FAULTS_KEPT = 1_000


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

    @property
    def reward_info(self) -> dict[str, str]:
        """What a reward function finds in its ``extra_info``, in RL and in the generator."""
        return {"id": self.id, "problem": self.problem, "reference_solution": self.reference_solution}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one row; `row` counts from 1 as an editor does."""

    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column}: {self.reason}"


class ProblemSet:
    """A checked problem set. Every iteration reads it anew; what stays in memory is 8 bytes a problem.

    Args:
        file: path of a .parquet, .jsonl or .csv file, or a name that `datasets.load_dataset` knows
            (``name:split`` for a split other than train).
        columns: our column name -> the file's; the others are found by the names that problem sets use.
        limit: keep the first so many problems.
        need_reference: an evaluation set does without reference solutions.
        answer_after: the answer is what follows this mark; by default ``####`` where all rows have it.
        calculator_marks: whether what stands between << and >> stays in reference solutions.
        cases: whether answers are cases, which tell problems of one text apart.

    Raises:
        UserError: missing file or column, or any faulty row; the message names the first few.
    """

    def __init__(
        self,
        file: str,
        columns: Mapping[str, str] | None = None,
        limit: int | None = None,
        need_reference: bool = True,
        answer_after: str | None = None,
        calculator_marks: CalculatorMarks = "keep",
        cases: bool = False,
    ) -> None:
        self.file, self.limit, self._cases = file, limit, cases
        self._required = [name for name in REQUIRED if need_reference or name != "reference_solution"]
        first = next(raw_rows(file), None)
        if first is None:
            raise UserError(f"{file}: no rows; give a set with at least one problem")
        rows = raw_rows(file)
        found = find_columns(file, names_in(first), rows, columns, answer_after, "problems.columns.", self._required)
        mapping = {name: name for name in (*REQUIRED, "id", "source")} | found.mapping  # later rows may have more
        self.columns = replace(found, mapping=mapping, calculator_marks=calculator_marks)
        self._read_all()

    def __iter__(self) -> Iterator[Problem]:
        for number, faults, problem in self._rows():
            if problem is None:
                raise UserError(f"{self.file}: row {number} was changed since it was checked ({faults[0].reason})")
            yield problem

    def __len__(self) -> int:
        return len(self._text_digests_N)

    def row_also_in(self, other: ProblemSet) -> int | None:
        """The first row whose problem is also in the other set; None if there is none."""
        common = np.flatnonzero(np.isin(self._text_digests_N, other._text_digests_N))
        return int(common[0]) + 1 if len(common) else None

    def _read_all(self) -> None:
        ids, texts = array("Q"), array("Q")
        content = hashlib.sha256()
        faults: list[Fault] = []
        for _, found, problem in self._rows():
            faults += found
            if len(faults) > _FAULTS_KEPT:
                break
            if problem is not None and not faults:
                ids.append(_digest(problem.id))
                texts.append(_digest(f"{problem.problem}\0{problem.answer}" if self._cases else problem.problem))
                content.update(repr(astuple(problem)).encode())
        if not faults:
            faults += [Fault(row, "id", f"the same as that of row {first}") for row, first in _repeats(ids)]
            faults += [Fault(row, "problem", f"the same text as row {first}") for row, first in _repeats(texts)]
        if faults:
            shown = "; ".join(map(str, faults[:_FAULTS_SHOWN]))
            more = f"; and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
            remedy = "mend or remove these rows (`int-verl problems check --write` does)"
            raise UserError(f"{self.file}: {shown}{more}; {remedy}")
        self._text_digests_N = np.frombuffer(texts, np.uint64)
        self.digest = content.hexdigest()
        "SHA-256 of all problems in their order."

    def _rows(self) -> Iterator[tuple[int, list[Fault], Problem | None]]:
        """Each row's number from 1, what is wrong with it, and the problem if nothing is."""
        return checked_rows(self.file, self.columns, self._required, self.limit)


def _digest(text: str) -> int:
    """8 bytes of a hash: among a million different texts two agree with a chance of 3e-8."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _repeats(digests: array[int]) -> list[tuple[int, int]]:
    """(row, first row with the same digest) of every row that repeats an earlier one; rows count from 1."""
    _, first, which_N = np.unique(np.frombuffer(digests, np.uint64), return_index=True, return_inverse=True)
    first_N = first[which_N]
    return [(int(row) + 1, int(first_N[row]) + 1) for row in np.flatnonzero(first_N != np.arange(len(digests)))]


def load_problems(
    file: str,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    need_reference: bool = True,
    answer_after: str | None = None,
) -> list[Problem]:
    """A whole problem set in memory; see `ProblemSet`."""
    return list(ProblemSet(file, columns, limit, need_reference, answer_after))


def checked_rows(
    file: str, columns: Columns, required: Sequence[str], limit: int | None = None
) -> Iterator[tuple[int, list[Fault], Problem | None]]:
    """Each row's number from 1, what is wrong with it, and the problem if nothing is.

    Args:
        required: our columns that may not be empty.
        limit: read the first so many.
    """
    for number, row in islice(enumerate(raw_rows(file), 1), limit):
        values = columns.read(row)
        faults = surplus_fields(number, row)
        faults += [Fault(number, columns.mapping.get(name, name), "missing") for name in required if name not in values]
        if not faults and not columns.has_mark(value_in(row, columns.mapping["answer"])):
            faults = [Fault(number, columns.mapping["answer"], f"no {columns.answer_after!r} in it")]
        if faults:
            yield number, faults, None
        else:
            yield number, *check_row(number, values, columns.mapping, required)


def check_row(
    number: int, values: Mapping[str, Any], names: Mapping[str, str], required: Iterable[str]
) -> tuple[list[Fault], Problem | None]:
    """What is wrong with a row, or the problem that it holds.

    Args:
        values: of our columns.
        names: ours -> the file's, for the faults.
        required: our columns that may not be empty.
    """
    reasons = ((names.get(name, name), _why_no_text(values[name])) for name in required)
    faults = [Fault(number, column, reason) for column, reason in reasons if reason]
    if faults:
        return faults, None
    text = str(values["problem"])
    given_id = values.get("id")
    return [], Problem(
        id=str(given_id) if given_id not in (None, "") else hashlib.sha256(text.encode()).hexdigest()[:12],
        problem=text,
        answer=str(values["answer"]),
        reference_solution=str(values.get("reference_solution") or ""),
        source=str(values.get("source") or NO_SOURCE),
    )


def surplus_fields(number: int, row: Mapping[Any, Any]) -> list[Fault]:
    """The fault of a csv row with more fields than the header, which csv keeps under the key None."""
    if None not in row:
        return []
    reason = "more fields than the header has; put texts with a comma or a quote into double quotes"
    return [Fault(number, f"{len(row)}", reason)]


def _why_no_text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return f"expected text, found {type(value).__name__}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"expected text, found {value}"
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return "half of a surrogate pair in it, which no text has"
    return None if str(value).strip() else "empty"


def write_problems(path: Path, problems: ProblemSet) -> None:
    """Write a problem set as parquet, unless it is there already."""
    if written_digest(path) != problems.digest:
        write_rows(path, PROBLEM.with_metadata({_DIGEST: problems.digest}), (problem.row() for problem in problems))


def written_digest(path: Path) -> str | None:
    """The digest of the problem set that `write_problems` wrote; None where there is none."""
    digest = (pq.read_schema(path).metadata or {}).get(_DIGEST) if path.is_file() else None
    return digest.decode() if digest else None


def read_problems(path: Path) -> Iterator[Problem]:
    """The problems that `write_problems` wrote, one at a time."""
    return (Problem(**row) for row in read_rows(path))
