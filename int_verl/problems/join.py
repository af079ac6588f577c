"""Several problem sets as one, each with its name as the source of its problems.

Columns are found as by `check`, ids get the set's name in front, so that no two sets share one, and
of a problem that is in several sets the first stays. Reference solutions that a set lacks may come from another, by the
problem's text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.files import text_hash
from int_verl.problems.check import FOR_EVALUATION, locate_columns
from int_verl.problems.drops import Drop
from int_verl.problems.held_out import hold_out
from int_verl.problems.sets import Problem, checked_rows
from int_verl.records import PROBLEM, write_rows


@dataclass(slots=True)
class JoinedSet:
    """What became of one set's rows."""

    file: str
    rows: int = 0
    taken: int = 0
    referenced: int = 0
    "Of those taken: with a reference solution from elsewhere."
    dropped: list[Drop] = field(default_factory=list)


@dataclass(slots=True)
class Joined:
    """What became of all rows, as the manifest holds it."""

    references: str | None
    sets: dict[str, JoinedSet]
    written: int = 0
    heldout: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def join(
    files: Mapping[str, str],
    out: Path,
    *,
    references: str | None = None,
    need_reference: bool = False,
    heldout: tuple[int, Path] | None = None,
    split: str = "",
) -> Joined:
    """Write the problems of all sets, with our columns, in the order of the sets.

    Args:
        files: name -> .parquet, .jsonl or .csv, or what `datasets` loads.
        references: a set with reference solutions, for problems that have none of their own.
        need_reference: drop problems without one.
        heldout: how many to hold out, told by a hash of each, and where they go.
        split: another name holds out others.

    Raises:
        UserError: a file cannot be read or lacks a column, or no problem is left.
    """
    known = dict(_references(references)) if references else {}
    found = Joined(references, {name: JoinedSet(file) for name, file in files.items()})
    problems = list(_problems(found, known, need_reference))
    held: list[dict[str, str]] = []
    if heldout is not None:
        number, file = heldout
        if number >= len(problems):
            raise UserError(f"--heldout {number}: there are {len(problems):,} problems, none would be left")
        problems, held = hold_out(problems, number, split)
        write_rows(file, PROBLEM, held)
    if not problems:
        raise UserError(f"{out}: no problem is left of {', '.join(files.values())}; see what was dropped")
    write_rows(out, PROBLEM, problems)
    found.written, found.heldout = len(problems), len(held)
    return found


def _references(file: str) -> Iterator[tuple[str, str]]:
    """Hash of a problem's text -> a reference solution of it, the first that is not empty."""
    columns = locate_columns(file)
    if "reference_solution" not in columns.mapping:
        raise UserError(f"--references {file}: no column of reference solutions; it has {', '.join(columns.mapping)}")
    seen = set()
    for _, _, problem in checked_rows(file, columns, FOR_EVALUATION):
        if problem is not None and problem.reference_solution and (key := text_hash(problem.problem)) not in seen:
            seen.add(key)
            yield key, problem.reference_solution


def _problems(found: Joined, known: Mapping[str, str], need_reference: bool) -> Iterator[dict[str, str]]:
    first: dict[str, str] = {}
    for name, of_set in found.sets.items():
        for number, faults, problem in checked_rows(of_set.file, locate_columns(of_set.file), FOR_EVALUATION):
            of_set.rows = number
            if problem is None:
                reason = "; ".join(f"{fault.column}: {fault.reason}" for fault in faults)
                of_set.dropped.append(Drop(number, "", "missing", reason))
                continue
            key = text_hash(problem.problem)
            known_solution = "" if problem.reference_solution else known.get(key, "")
            named = _named(name, problem, known_solution)
            if key in first:
                of_set.dropped.append(Drop(number, named.id, "repeated", f"the same text as {first[key]}"))
            elif need_reference and not named.reference_solution:
                of_set.dropped.append(Drop(number, named.id, "no_reference", "no reference solution is known"))
            else:
                first[key] = named.id
                of_set.taken += 1
                of_set.referenced += bool(known_solution)
                yield named.row()


def _named(name: str, problem: Problem, reference_solution: str) -> Problem:
    solution = problem.reference_solution or reference_solution
    return replace(problem, id=f"{name}/{problem.id}", source=name, reference_solution=solution)
