"""What is wrong with a problem set, or only worth knowing, before a run is spent on it.

The file is read row by row; what is kept of a row are its id, its answer, hashes and lengths.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from int_verl.errors import UserError
from int_verl.files import text_hash
from int_verl.grading import BaseGrader, Grader
from int_verl.problems.columns import CalculatorMarks, Columns, find_columns, names_in
from int_verl.problems.near_duplicates import Grams
from int_verl.problems.raw_rows import raw_rows
from int_verl.problems.sets import REQUIRED, Fault, Problem, checked_rows
from int_verl.records import PROBLEM, write_rows

Use = Literal["train", "heldout"]
Kind = Literal["missing", "repeated", "gold", "in_evaluation"]
KINDS: dict[Kind, str] = {
    "missing": "a field is missing, empty, not text or one too many",
    "repeated": "the problem or its id repeats an earlier row's",
    "gold": "the gold answer cannot be used",
    "in_evaluation": "the problem is in the evaluation set",
}
FOR_EVALUATION = ("problem", "answer")
"Our columns that an evaluation set needs."
GRADER_TIMEOUT = 5.0
"Seconds a comparison may take; as in a run."
PERCENTILES = (0, 5, 25, 50, 75, 95, 99, 100)
BINS = 12


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two rows that share 13-grams; rows count from 1.

    Example: ``Likeness(row=849, other_row=125, share=0.86, id="...", other_id="imo-bench-...")``
    """

    row: int
    other_row: int
    share: float
    "Of the 13-grams of the shorter problem."
    id: str
    other_id: str

    def __str__(self) -> str:
        return f"row {self.row} ({self.id}) and row {self.other_row} ({self.other_id}): {self.share:.0%}"


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long a column's texts are, in characters or tokens."""

    column: str
    unit: str
    percentiles: dict[str, int]
    "Percentile -> length; 0 is the shortest, 100 the longest."
    mean: float
    bins: list[int]
    "Texts in each of equally wide classes from 0 to the 99th percentile; longer ones are in the last."
    bin_width: float


@dataclass(slots=True)
class Report:
    """What was found in one file."""

    file: str
    use: Use
    columns: Columns
    rows: int = 0
    faults: dict[Kind, list[Fault]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    "What a run refuses, by kind."
    near_duplicates: list[Likeness] = field(default_factory=list)
    against: str | None = None
    overlaps: list[Likeness] = field(default_factory=list)
    "Rows that are much like a row of `against`."
    lengths: list[Lengths] = field(default_factory=list)

    @property
    def required(self) -> tuple[str, ...]:
        """Our columns that may not be empty."""
        return REQUIRED if self.use == "train" else FOR_EVALUATION

    @property
    def faulty_rows(self) -> set[int]:
        return {fault.row for faults in self.faults.values() for fault in faults}

    @property
    def unwritten_rows(self) -> set[int]:
        """Rows that a cleaned file leaves out: the faulty ones and those that overlap the evaluation set."""
        return self.faulty_rows | {overlap.row for overlap in self.overlaps}

    @property
    def usable_as_it_is(self) -> bool:
        """Whether a run takes the file, given the columns' names."""
        return not self.faulty_rows

    def as_json(self) -> dict[str, Any]:
        found = asdict(self)
        found["columns"]["overrides"] = self.columns.overrides()
        return {**found, "usable_rows": self.rows - len(self.faulty_rows), "usable_as_it_is": self.usable_as_it_is}


def check_problems(
    file: str,
    *,
    columns: Mapping[str, str] | None = None,
    answer_after: str | None = None,
    calculator_marks: CalculatorMarks = "keep",
    use: Use | None = None,
    against: str | None = None,
    near: float = 0.2,
    tokens: Callable[[str], int] | None = None,
    grader: Callable[[], BaseGrader] | None = None,
    count: Callable[[str], None] = lambda what: None,  # noqa: ARG005
) -> Report:
    """Check every row of a problem set.

    Args:
        file: .parquet, .jsonl or .csv, or a `datasets` name.
        columns: ours -> the file's, where it is not to be guessed.
        answer_after: the answer is what follows this mark.
        calculator_marks: whether what stands between << and >> stays in reference solutions.
        use: a training set needs reference solutions; by default a file that has them is taken for one.
        against: an evaluation set that must not be in this file.
        near: rows that share at least this much of the shorter one's 13-grams are listed.
        tokens: text -> its number of tokens.
        grader: makes what the gold answers are checked with; by default the built-in grader.
        count: is told of each row and each gold answer that is done.

    Raises:
        UserError: the file cannot be read, or lacks a column.
    """
    found = replace(locate_columns(file, columns, answer_after), calculator_marks=calculator_marks)
    if use == "train" and "reference_solution" not in found.mapping:
        raise UserError(
            f"{file}: no column of reference solutions, which training needs; "
            "say --column reference_solution=NAME or --for heldout"
        )
    report = Report(file, use or ("train" if "reference_solution" in found.mapping else "heldout"), found)
    problems = _ProblemIndex()
    measures: dict[str, Callable[[str], int]] = {"characters": len} | ({"tokens": tokens} if tokens else {})
    lengths: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, faults, problem in checked_rows(file, found, report.required):
        report.rows = number
        count("rows")
        report.faults["missing"] += faults
        if problem is not None:
            report.faults["repeated"] += problems.add(number, problem)
            for column, (unit, measure) in product(REQUIRED, measures.items()):
                if text := getattr(problem, column):
                    lengths[column, unit].append(measure(text))
    golds = ((entry.row, entry.answer) for entry in problems.entries)
    with grader() if grader else Grader(timeout=GRADER_TIMEOUT) as judge:
        report.faults["gold"] = [
            Fault(row, "answer", f"{shortened(answer)!r}: {reason}")
            for row, answer, reason in judge.unusable_golds(golds, lambda: count("gold answers"))
        ]
    report.near_duplicates = problems.like(problems, near)
    if against is not None:
        report.against = against
        evaluation = _ProblemIndex()
        for number, _, problem in checked_rows(against, locate_columns(against), FOR_EVALUATION):
            if problem is not None:
                evaluation.add(number, problem)
        report.overlaps = problems.like(evaluation, near)
        report.faults["in_evaluation"] = problems.also_in(evaluation, against)
    report.lengths = [_summary(*place, numbers) for place, numbers in lengths.items()]
    return report


def _summary(column: str, unit: str, lengths: list[int]) -> Lengths:
    points = np.percentile(lengths, PERCENTILES, method="inverted_cdf")
    top = max(float(np.percentile(lengths, 99)), 1.0)
    bins, edges = np.histogram(np.minimum(lengths, top), bins=min(BINS, int(top)), range=(0, top))
    percentiles = dict(zip(map(str, PERCENTILES), map(int, points), strict=True))
    return Lengths(column, unit, percentiles, round(float(np.mean(lengths)), 1), bins.tolist(), float(edges[1]))


def locate_columns(file: str, said: Mapping[str, str] | None = None, answer_after: str | None = None) -> Columns:
    """`find_columns` of a file, with the names in its first row.

    Raises:
        UserError: no such file, no rows, or no column for the problem or the answer.
    """
    first = next(raw_rows(file), None)
    if first is None:
        raise UserError(f"{file}: no rows; give a set with at least one problem")
    return find_columns(
        file, names_in(first), raw_rows(file), said, answer_after, needed=(*FOR_EVALUATION, *(said or ()))
    )


def write_clean(report: Report, target: Path) -> int:
    """Write the rows that a run takes, with our columns, and return their number.

    Raises:
        UserError: no row is left.
    """
    left_out = report.unwritten_rows
    if len(left_out) == report.rows:
        raise UserError(f"{report.file}: no row is left to write to {target}; mend the faults that are listed")
    rows = (
        problem.row()
        for number, _, problem in checked_rows(report.file, report.columns, report.required)
        if problem is not None and number not in left_out
    )
    return write_rows(target, PROBLEM, rows)


class _Entry(NamedTuple):
    row: int
    id: str
    answer: str
    text_hash: str


class _ProblemIndex:
    """What has to be known of all problems of a file to compare them, in the order of `add`."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self.grams = Grams()
        self._row_of_id: dict[str, int] = {}
        self._row_of_text: dict[str, int] = {}

    def add(self, row: int, problem: Problem) -> list[Fault]:
        """Take a problem in; returns what it repeats of earlier rows."""
        text = text_hash(problem.problem)
        first_of_id = self._row_of_id.setdefault(problem.id, row)
        first_of_text = self._row_of_text.setdefault(text, row)
        self.entries.append(_Entry(row, problem.id, problem.answer, text))
        self.grams.add(problem.problem)
        if first_of_text != row:
            return [Fault(row, "problem", f"the same text as row {first_of_text}")]
        if first_of_id != row:
            return [Fault(row, "id", f"{problem.id!r} is also the id of row {first_of_id}")]
        return []

    def like(self, other: _ProblemIndex, near: float) -> list[Likeness]:
        """Pairs of not quite the same text that share at least `near` of their 13-grams."""
        pairs = self.grams.pairs(None if other is self else other.grams)
        alike = ((self.entries[pair.first], other.entries[pair.second], pair.share) for pair in pairs)
        return [
            Likeness(one.row, two.row, round(share, 4), one.id, two.id)
            for one, two, share in alike
            if share >= near and one.text_hash != two.text_hash
        ]

    def also_in(self, other: _ProblemIndex, name: str) -> list[Fault]:
        return [
            Fault(entry.row, "problem", f"the same text as row {other._row_of_text[entry.text_hash]} of {name}")
            for entry in self.entries
            if entry.text_hash in other._row_of_text
        ]


def shortened(text: str, length: int = 60) -> str:
    """One line of a text, cut to `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 3] + "..."
