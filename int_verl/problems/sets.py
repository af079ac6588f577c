"""Problem sets in, checked rows out.

A problem set is a parquet, jsonl or csv file, or the name of a `datasets` set, with columns `problem`, `answer` and
`reference_solution`, and optionally `id` and `source`. Other column names are mapped. Every problem is checked before
any sampling; all faults are listed with their row numbers.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, astuple, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from int_verl.errors import UserError

REQUIRED = ("problem", "answer", "reference_solution")
_DIGEST = b"problems"  # in the metadata of a file of ours
_FAULTS_SHOWN = 5
_FAULTS_KEPT = 1_000
_LONGEST_FIELD = 1 << 30  # characters; csv stops at 131,072 otherwise


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


class ProblemSet:
    """A checked problem set. Every iteration reads it anew; what stays in memory is 8 bytes a problem.

    Args:
        file: path of a .parquet, .jsonl or .csv file, or a name that `datasets.load_dataset` knows
            (``name:split`` for a split other than train).
        columns: our column name -> the file's, where they differ.
        limit: keep the first so many problems.
        need_reference: an evaluation set does without reference solutions.

    Raises:
        UserError: missing file or column, or any faulty row; the message names the first few.
    """

    def __init__(
        self, file: str, columns: Mapping[str, str] | None = None, limit: int | None = None, need_reference: bool = True
    ) -> None:
        self.file, self.limit = file, limit
        self._mapping = {name: name for name in (*REQUIRED, "id", "source")} | dict(columns or {})
        self._required = [name for name in REQUIRED if need_reference or name != "reference_solution"]
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
                texts.append(_digest(problem.problem))
                content.update(repr(astuple(problem)).encode())
        if not faults:
            faults += [Fault(row, "id", f"the same as that of row {first}") for row, first in _repeats(ids)]
            faults += [Fault(row, "problem", f"the same text as row {first}") for row, first in _repeats(texts)]
        if faults:
            shown = "; ".join(map(str, faults[:_FAULTS_SHOWN]))
            more = f"; and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
            remedy = "mend or remove these rows (`int-verl problems check --write` does)"
            raise UserError(f"{self.file}: {shown}{more}; {remedy}")
        if not texts:
            raise UserError(f"{self.file}: no rows; give a set with at least one problem")
        self._text_digests_N = np.frombuffer(texts, np.uint64)
        self.digest = content.hexdigest()
        "SHA-256 of all problems in their order."

    def _rows(self) -> Iterator[tuple[int, list[Fault], Problem | None]]:
        """Each row's number from 1, what is wrong with it, and the problem if nothing is."""
        for number, row in islice(enumerate(raw_rows(self.file), 1), self.limit):
            for name in self._required:
                if self._mapping[name] not in row:
                    have = ", ".join(sorted(row)) or "none"
                    raise UserError(
                        f"{self.file}: row {number} has no column {self._mapping[name]!r} (it has: {have}); "
                        f"name yours with problems.columns.{name}=..."
                    )
            yield number, *check_row(number, row, self._mapping, self._required)


def _digest(text: str) -> int:
    """8 bytes of a hash: among a million different texts two agree with a chance of 3e-8."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _repeats(digests: array[int]) -> list[tuple[int, int]]:
    """(row, first row with the same digest) of every row that repeats an earlier one; rows count from 1."""
    _, first, which_N = np.unique(np.frombuffer(digests, np.uint64), return_index=True, return_inverse=True)
    first_N = first[which_N]
    return [(int(row) + 1, int(first_N[row]) + 1) for row in np.flatnonzero(first_N != np.arange(len(digests)))]


def load_problems(
    file: str, columns: Mapping[str, str] | None = None, limit: int | None = None, need_reference: bool = True
) -> list[Problem]:
    """A whole problem set in memory; see `ProblemSet`."""
    return list(ProblemSet(file, columns, limit, need_reference))


def check_row(
    number: int, row: Mapping[str, Any], mapping: Mapping[str, str], required: Iterable[str]
) -> tuple[list[Fault], Problem | None]:
    """What is wrong with a row, or the problem that it holds."""
    faults = surplus_fields(number, row)
    for name in required:
        value = row[mapping[name]]
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            faults.append(Fault(number, mapping[name], f"expected text, found {type(value).__name__}"))
        elif isinstance(value, float) and not math.isfinite(value):
            faults.append(Fault(number, mapping[name], f"expected text, found {value}"))
        elif not _is_unicode(str(value)):
            faults.append(Fault(number, mapping[name], "half of a surrogate pair in it, which no text has"))
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


def surplus_fields(number: int, row: Mapping[Any, Any]) -> list[Fault]:
    """The fault of a csv row with more fields than the header, which csv keeps under the key None."""
    if None not in row:
        return []
    reason = "more fields than the header has; put texts with a comma or a quote into double quotes"
    return [Fault(number, f"{len(row)}", reason)]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def write_problems(path: Path, problems: ProblemSet) -> None:
    """Write a problem set as parquet, unless it is there already."""
    import pyarrow.parquet as pq

    from int_verl.records import PROBLEM, write_rows

    schema = PROBLEM.with_metadata({_DIGEST: problems.digest})
    if not path.is_file() or (pq.read_schema(path).metadata or {}).get(_DIGEST) != problems.digest.encode():
        write_rows(path, schema, (problem.row() for problem in problems))


def read_problems(path: Path) -> Iterator[Problem]:
    """The problems that `write_problems` wrote, one at a time."""
    from int_verl.records import read_rows

    return (Problem(**row) for row in read_rows(path))


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
        try:
            yield from readers[path.suffix](path)
        except UnicodeDecodeError as error:
            raise UserError(f"{file}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error
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
    import pyarrow.parquet as pq

    from int_verl.records import read_rows

    try:
        _check_names(path, pq.read_schema(path).names)
        yield from read_rows(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read as parquet ({str(error).splitlines()[0]})") from error


def _jsonl_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"{path}: row {number} is not JSON ({error.msg} at column {error.colno})") from error
            except RecursionError as error:
                raise UserError(f"{path}: row {number} is nested too deeply to be a problem") from error
            if not isinstance(row, dict):
                raise UserError(f"{path}: row {number} is not a JSON object; write one object a line")
            yield row


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(_LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        _check_names(path, list(rows.fieldnames or ()))
        yield from rows


def _check_names(path: Path, names: list[str]) -> None:
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UserError(f"{path}: two columns are named {repeated[0]!r}; rename or remove one")
