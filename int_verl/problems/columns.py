"""Which column of a file holds what: guessed from the names that problem sets use, unless it is said.

So the problems of any file are found, and the gold answers even of a file that has nothing else.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from int_verl.errors import UserError
from int_verl.problems.raw_rows import file_rows

# Ours -> what others call it, likeliest first; case, blanks, _ and - aside.
NAMES = {
    "problem": ("problem", "question", "problem_statement", "query", "prompt", "input"),
    "answer": ("answer", "final_answer", "short_answer", "gold", "ground_truth", "expected_answer", "target"),
    "reference_solution": ("reference_solution", "solution", "reference", "rationale", "explanation"),
    "id": ("id", "problem_id", "question_id", "unique_id", "uuid"),
    "source": ("source", "data_source", "dataset"),
}
ANSWER_MARK = "####"
"What stands between a solution and its answer where one column holds both, as in GSM8K."


@dataclass(frozen=True, slots=True)
class Columns:
    """Where our columns are in a file.

    Example: ``Columns({"problem": "question", "answer": "answer", "reference_solution": "answer"}, "####")`` for GSM8K.
    """

    mapping: dict[str, str]
    "Ours -> the file's; an optional column that the file does not have is not there."
    answer_after: str | None = None
    "The answer is what follows the last such mark; what stands before it is the reference solution."
    guessed: tuple[str, ...] = ()
    "Which of ours were found by a name that is not ours; `answer_after` if the mark was."

    def has_mark(self, answer: Any) -> bool:
        return self.answer_after is None or (isinstance(answer, str) and self.answer_after in answer)

    def overrides(self) -> list[str]:
        """The settings of a run that say the same, quoted for a shell; none can say `answer_after`."""
        if self.answer_after is not None:
            return []
        pairs = ((ours, theirs) for ours, theirs in self.mapping.items() if ours != theirs)
        return [shlex.quote(f"problems.columns.{ours}={_quoted(theirs)}") for ours, theirs in pairs]

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the file with our columns, those it has; an answer without the mark stays as it is."""
        values = {ours: row[theirs] for ours, theirs in self.mapping.items() if theirs in row}
        if self.answer_after and self.has_mark(values.get("answer")):
            solution, _, final = values["answer"].rpartition(self.answer_after)
            values["answer"] = final.strip()
            if self.mapping.get("reference_solution") == self.mapping["answer"]:
                values["reference_solution"] = solution.strip()
        return values


def find_columns(
    file: str,
    names: Iterable[str],
    rows: Iterable[Mapping[str, Any]],
    said: Mapping[str, str] | None = None,
    answer_after: str | None = None,
) -> Columns:
    """Columns of a file: those that are `said`, and a guess for the others.

    Args:
        file: its name, for messages.
        names: the columns that it has.
        rows: read as long as every answer so far holds the mark ``####``.
        said: ours -> the file's.
        answer_after: the mark, if it is known.

    Raises:
        UserError: no column for the problem or the answer, or a column that is said and not there.
    """
    names, said = [name for name in names if name is not None], dict(said or {})  # csv: fields beyond the header
    for ours, theirs in said.items():
        if ours not in NAMES:
            raise UserError(f"--column {ours}={theirs}: no such column of ours; they are {', '.join(NAMES)}")
        if theirs not in names:
            raise UserError(f"--column {ours}={theirs}: {file} has no column {theirs!r}; it has {', '.join(names)}")
    places = {ours: said.get(ours) or column_of(ours, names) for ours in NAMES}
    mapping = {ours: theirs for ours, theirs in places.items() if theirs is not None}
    for ours in ("problem", "answer"):
        if ours not in mapping:
            raise UserError(f"{file}: which column is the {ours}? Say --column {ours}=NAME; it has {', '.join(names)}")
    guessed = [ours for ours, theirs in mapping.items() if ours not in said and ours != theirs]
    with_mark = Columns(mapping, ANSWER_MARK)
    marked = (with_mark.has_mark(row.get(mapping["answer"])) for row in rows)
    if answer_after is None and next(marked, False) and all(marked):
        answer_after = ANSWER_MARK
        guessed.append("answer_after")
    if answer_after and "reference_solution" not in mapping:
        mapping["reference_solution"] = mapping["answer"]
    return Columns(mapping, answer_after, tuple(guessed))


def said_columns(options: Iterable[str]) -> dict[str, str]:
    """Ours -> theirs, of options ``--column OURS=THEIRS``; a UserError for one that is no such pair."""
    pairs = {}
    for option in options:
        ours, equals, theirs = option.partition("=")
        if not equals:
            raise UserError(f"--column {option}: write OURS=THEIRS, for example answer=final_answer")
        pairs[ours] = theirs
    return pairs


def column_of(ours: str, names: Iterable[str]) -> str | None:
    """The likeliest of a file's columns for one of ours, or None."""
    plain = {_plain(name): name for name in reversed(list(names))}
    return next((plain[_plain(name)] for name in NAMES[ours] if _plain(name) in plain), None)


def gold_answers(file: str, column: str | None = None) -> Iterator[tuple[int, Any]]:
    """(row number from 1, gold answer), whatever its type.

    What follows ``####`` is the answer where a solution comes before it, as in GSM8K. verl's own rows are read too
    (``reward_model.ground_truth``).

    Args:
        column: where the answers are; by default it is guessed from its name.

    Raises:
        UserError: the file cannot be read, or has no such column.
    """
    for number, row in enumerate(file_rows(file), start=1):
        if column is None and isinstance(row.get("reward_model"), dict):
            yield number, row["reward_model"].get("ground_truth")
            continue
        name = column or column_of("answer", row)
        if name is None or name not in row:
            missing = f"no column {name!r}" if name else "no column of answers"
            raise UserError(f"{file}: {missing}; pass --answer-column, one of: {', '.join(map(str, row))}")
        yield number, Columns({"answer": name}, ANSWER_MARK).read(row)["answer"]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _quoted(name: str) -> str:
    """A column's name as Hydra reads it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return name if re.fullmatch(r"\w+( \w+)*", name) else f'"{escaped}"'
