"""A problem set made fit for training and for telling what training has done: what is dropped, and what is held out.

Every row that is left out is named with its reason. The order of the rules: what a run refuses, proofs, near
duplicates, benchmarks. What is held out is told by a hash of the problem alone, so it stays held out when rows are
added or reordered, under another id and with other names for its variables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.files import file_hash
from int_verl.grading import BaseGrader
from int_verl.problems.check import KINDS, Report, Use, check_problems
from int_verl.problems.columns import CalculatorMarks, column_of, names_in, value_in
from int_verl.problems.drops import Drop
from int_verl.problems.held_out import is_held_out
from int_verl.problems.near_duplicates import Grams
from int_verl.problems.proofs import asks_for_a_proof_alone
from int_verl.problems.raw_rows import raw_rows
from int_verl.problems.sets import Problem, checked_rows
from int_verl.records import PROBLEM, RowWriter

SHINGLE, RARE, SHARED = 8, 3, 5
"""A row overlaps a benchmark's where they share `SHARED` grams of `SHINGLE` words that at most `RARE` of the
benchmarks' problems have, or all grams of the shorter one. Names are left out: formulas of letters alone would be
grams that many problems share."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is dropped beside what a run refuses, and what is held out."""

    drop_proofs: bool = False
    drop_near: float | None = None
    "From this share of the shorter problem's 13-grams on, without names; None: near duplicates stay."
    benchmarks: Sequence[str] = ()
    "Files, or names that `datasets` knows."
    heldout: float = 0.0
    "Share of the problems."
    split: str = ""
    "Names the split; another name holds out others."


@dataclass(slots=True)
class Curated:
    """What became of a file's rows, as the manifest holds it."""

    file: str
    rules: Rules
    rows: int = 0
    train: int = 0
    heldout: int = 0
    benchmark_hashes: dict[str, str] = field(default_factory=dict)
    "Of the benchmarks that are files."
    dropped: list[Drop] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def curate(
    file: str,
    rules: Rules,
    train: Path,
    heldout: Path | None,
    *,
    columns: Mapping[str, str] | None = None,
    answer_after: str | None = None,
    calculator_marks: CalculatorMarks = "keep",
    use: Use | None = None,
    against: str | None = None,
    grader: Callable[[], BaseGrader] | None = None,
    count: Callable[[str], None] = lambda what: None,  # noqa: ARG005
) -> Curated:
    """Write the rows that stay, with our columns.

    Args:
        heldout: where the held-out ones go; needed with `rules.heldout`.
        columns, answer_after, calculator_marks, use, against, grader, count: see `check_problems`.

    Raises:
        UserError: a file cannot be read, or no row is left to train on.
    """
    report = check_problems(
        file,
        columns=columns,
        answer_after=answer_after,
        calculator_marks=calculator_marks,
        use=use,
        against=against,
        near=1.0,
        grader=grader,
        count=count,
    )
    found = Curated(file, rules, report.rows)
    drops = _drops(report, rules)
    found.dropped = [drops[row] for row in sorted(drops)]
    found.benchmark_hashes = {name: file_hash(Path(name)) for name in rules.benchmarks if Path(name).is_file()}
    with ExitStack() as opened:
        to_train = opened.enter_context(RowWriter(train, PROBLEM))
        to_heldout = opened.enter_context(RowWriter(heldout, PROBLEM)) if heldout else to_train
        for number, problem in _problems(report):
            if number not in drops:
                held = is_held_out(problem.problem, rules.heldout, rules.split)
                (to_heldout if held else to_train).write(problem.row())
        if not to_train.count:
            raise UserError(f"{file}: no row is left to train on; see what was dropped, and drop less")
    found.train, found.heldout = to_train.count, to_heldout.count if heldout else 0
    return found


def _problems(report: Report) -> Iterator[tuple[int, Problem]]:
    for number, _, problem in checked_rows(report.file, report.columns, report.required):
        if problem is not None:
            yield number, problem


def _drops(report: Report, rules: Rules) -> dict[int, Drop]:
    """Row -> why it is left out, the first rule of those that it breaks."""
    kinds = [(kind, fault) for kind in KINDS for fault in report.faults[kind]]
    faults = {
        fault.row: Drop(fault.row, "", kind, f"{fault.column}: {fault.reason}") for kind, fault in reversed(kinds)
    }
    drops = dict(faults)
    rows: list[tuple[int, str]] = []
    grams, shingles = Grams(names="alike"), Grams(SHINGLE, names="left_out")
    for number, problem in _problems(report):
        if number in faults:
            fault = faults[number]
            drops[number] = Drop(number, problem.id, fault.kind, fault.reason)
        elif rules.drop_proofs and asks_for_a_proof_alone(problem.problem):
            drops[number] = Drop(number, problem.id, "proof", "asks for a proof and for no answer")
        else:
            rows.append((number, problem.id))
            grams.add(problem.problem)
            shingles.add(problem.problem)
    if rules.drop_near is not None:
        for number, drop in _near(rows, grams, rules.drop_near):
            drops[number] = drop
    if rules.benchmarks:
        for number, drop in _overlaps(rows, shingles, rules.benchmarks):
            drops.setdefault(number, drop)
    return drops


def _near(rows: Sequence[tuple[int, str]], grams: Grams, near: float) -> Iterator[tuple[int, Drop]]:
    """Rows that are like an earlier one that stays."""
    dropped: set[int] = set()
    for pair in sorted(grams.pairs(), key=lambda pair: (pair.first, -pair.share)):
        if pair.share >= near and pair.second not in dropped and pair.first not in dropped:
            dropped.add(pair.first)
            (number, name), (earlier, other) = rows[pair.first], rows[pair.second]
            reason = f"shares {pair.share:.0%} of the 13-grams with row {earlier} ({other})"
            yield number, Drop(number, name, "near_duplicate", reason)


def _overlaps(
    rows: Sequence[tuple[int, str]], shingles: Grams, benchmarks: Sequence[str]
) -> Iterator[tuple[int, Drop]]:
    known, places = Grams(SHINGLE, names="left_out"), list[str]()
    for name in benchmarks:
        for number, row in enumerate(raw_rows(name), 1):
            column = column_of("problem", names_in(row))
            if column is None:
                raise UserError(f"--benchmark {name}: row {number} has no column of problems; it has {', '.join(row)}")
            known.add(str(value_in(row, column)))
            places.append(f"row {number} of {name}")
    for pair in shingles.pairs(known, RARE):
        if pair.shared >= SHARED or pair.share == 1:
            number, name = rows[pair.first]
            reason = f"shares {pair.shared} rare {SHINGLE}-grams ({pair.share:.0%}) with {places[pair.second]}"
            yield number, Drop(number, name, "benchmark", reason)
