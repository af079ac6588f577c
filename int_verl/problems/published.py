"""The sets that the authors of InT published: what they are called and have, and their rows with our columns.

The names of the columns are those of the authors' public scripts (github.com/intervention-training/int) and of a public
script that uses InT-hard-set; the cards at the hub could not be read. A set with other names is refused in one line,
and can be read all the same once it is said where its columns are. docs/problem-sets.md has the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from int_verl.errors import UserError
from int_verl.files import text_hash
from int_verl.problems.raw_rows import raw_rows, with_split
from int_verl.problems.sets import Problem, check_row
from int_verl.records import PROBLEM

COLUMNS = {
    "problem": "problem",
    "answer": "answer",
    "reference_solution": "reference_solution",
    "source": "source",
    "id": "id",
    "attempt": "incorrect_attempt",
    "intervention": "intervention",
    "guided_attempt": "intervention_guided_attempt",
    "verification": "self_verify_output",
}
"Ours -> theirs."
FILLED = ("answer", "reference_solution")
"What may come from a set of problems instead."


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """What a set has to have, and what becomes of it."""

    name: str
    needed: tuple[str, ...]
    "Our columns that must be there."
    split: str = "train"
    alternative: tuple[str, ...] = ()
    "Our columns that will do in place of `needed`."

    @property
    def is_heldout(self) -> bool:
        return self.split == "test"


_PROBLEM = ("problem", "answer", "reference_solution")
SETS = {
    each.name: each
    for each in (
        PublishedSet("InT-hard-set", _PROBLEM),
        PublishedSet("InT-hard-set-with-incorrect-attempts", (*_PROBLEM, "attempt")),
        PublishedSet("InT-hard-set-with-incorrect-attempts-and-interventions", (*_PROBLEM, "attempt", "intervention")),
        PublishedSet("InT-SFT", (*_PROBLEM, "attempt", "intervention"), alternative=(*_PROBLEM, "guided_attempt")),
        PublishedSet("InT-RL", _PROBLEM),
        PublishedSet("InT-test-set", ("problem", "answer"), split="test"),
    )
}


class PublishedRows:
    """The rows of a set.

    Args:
        data: what `datasets` loads: a folder, a file or a name, with ``:split`` for another split than the set's own.
        said: our columns -> theirs, where they are not the published ones.
        problems: a set with the columns problem, answer and reference_solution, which says what `data` does not.

    Raises:
        UserError: a column is not there, or there are no rows.
    """

    def __init__(self, published: PublishedSet, data: str, said: Mapping[str, str], problems: str | None) -> None:
        self.published = published
        self.data = with_split(data, published.split)
        first = next(raw_rows(self.data), None)
        if first is None:
            raise UserError(f"{data}: no rows; is it {published.name}?")
        self.columns = _located(published, data, list(first), said, bool(problems))
        self._known = dict(_known(problems)) if problems else {}

    @property
    def has_attempts(self) -> bool:
        return "attempt" in self.columns or self.whole

    @property
    def has_interventions(self) -> bool:
        return "intervention" in self.columns or self.whole

    @property
    def whole(self) -> bool:
        """Whether attempts stand there only with their interventions in them."""
        return "guided_attempt" in self.columns and not {"attempt", "intervention"} <= self.columns.keys()

    def rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each row's number from 1, and the row with our columns; what stands for nothing is None."""
        for number, row in enumerate(raw_rows(self.data), 1):
            own = {ours: _something(row.get(theirs)) for ours, theirs in self.columns.items()}
            known = self._known.get(text_hash(str(own["problem"])), {})
            yield number, own | {name: known.get(name) for name in FILLED if own.get(name) is None}

    def problem_of(self, number: int, row: Mapping[str, Any]) -> tuple[str, Problem | None]:
        """Why a row holds no problem, or the problem."""
        required = ["problem", "answer", *([] if self.published.is_heldout else ["reference_solution"])]
        faults, problem = check_row(number, row, {name: name for name in PROBLEM.names}, required)
        return "; ".join(f"{fault.column}: {fault.reason}" for fault in faults), problem


def _located(
    published: PublishedSet, data: str, names: list[str], said: Mapping[str, str], with_problems: bool
) -> dict[str, str]:
    """Ours -> theirs of the columns that the set has and that are used."""
    have = f"it has {', '.join(names)}"
    for ours, theirs in said.items():
        if ours not in COLUMNS:
            raise UserError(f"--column {ours}={theirs}: no such column of ours; they are {', '.join(COLUMNS)}")
        if theirs not in names:
            raise UserError(f"--column {ours}={theirs}: {data} has no column {theirs!r}; {have}")
    places = {**COLUMNS, **said}
    found = {ours: theirs for ours, theirs in places.items() if theirs in names}
    elsewhere = set(FILLED) if with_problems else set()
    missing, without = (
        [ours for ours in needed if ours not in found and ours not in elsewhere]
        for needed in (published.needed, published.alternative)
    )
    if missing and (without or not published.alternative):
        ours = missing[0]
        more = ", or give --problems" if ours in FILLED else ""
        raise UserError(
            f"{data}: no column {places[ours]!r}, which is needed of {published.name}; {have}; "
            f"say --column {ours}=NAME{more}"
        )
    used = {*published.needed, *published.alternative, "id", "source", "verification"}
    return {ours: theirs for ours, theirs in found.items() if ours in used}


def _known(data: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Hash of a problem's text -> what is known of it."""
    for number, row in enumerate(raw_rows(data), 1):
        for name in ("problem", *FILLED):
            if name not in row:
                raise UserError(f"--problems {data}: row {number} has no column {name!r}; it has {', '.join(row)}")
        yield text_hash(str(row["problem"])), {name: _something(row[name]) for name in FILLED}


def _something(value: Any) -> Any:
    """A value; None for what the sets write where there is none."""
    return None if isinstance(value, str) and value.strip() in ("", "None") else value
