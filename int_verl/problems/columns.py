"""Which column of a file holds what: guessed from the names that problem sets use, unless it is said.

So the problems of any file are found, and the gold answers even of a file that has nothing else. What stands inside a
column has a dotted name, as `reward_model.ground_truth` in verl's own rows; of a chat the last user message counts.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from int_verl.errors import UserError
from int_verl.problems.raw_rows import file_rows

# Ours -> what others call it, likeliest first; case, blanks, _ and - aside.
NAMES = {
    "problem": (
        *("problem", "question", "problem_statement", "query", "extra_info.problem", "extra_info.question"),
        *("prompt", "input"),
    ),
    "answer": (
        *("reward_model.ground_truth", "answer", "final_answer", "short_answer", "gold", "ground_truth"),
        *("expected_answer", "target", "case"),
    ),
    "reference_solution": (
        *("reference_solution", "solution", "reference", "rationale", "explanation", "guidance"),
        *("extra_info.reference_solution", "extra_info.solution", "extra_info.answer"),
    ),
    "id": ("id", "problem_id", "question_id", "unique_id", "uuid", "extra_info.id"),
    "source": ("source", "data_source", "dataset"),
}
ANSWER_MARK = "####"
"What stands between a solution and its answer where one column holds both, as in GSM8K."
CalculatorMarks = Literal["keep", "remove"]
_CALCULATOR_MARK = re.compile(r"<<[^<>]*>>")
"What GSM8K's solutions have for a calculator: `48/2 = <<48/2=24>>24`."


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
    calculator_marks: CalculatorMarks = "keep"
    "Whether what stands between << and >> stays in reference solutions."

    def __str__(self) -> str:
        """``problem = question, answer = answer after ####``"""
        after = f" after {self.answer_after}" if self.answer_after is not None else ""
        pairs = [
            f"{ours} = {theirs}{after if ours == 'answer' else ''}"
            for ours, theirs in self.mapping.items()
            if ours != theirs or (ours == "answer" and after)
        ]
        return ", ".join(pairs) or "our names"

    def has_mark(self, answer: Any) -> bool:
        return self.answer_after is None or (isinstance(answer, str) and self.answer_after in answer)

    def overrides(self) -> list[str]:
        """The settings of a run that say the same, quoted for a shell."""
        pairs = ((ours, theirs) for ours, theirs in self.mapping.items() if ours != theirs)
        said = [f"problems.columns.{ours}={_quoted(theirs)}" for ours, theirs in pairs]
        said += [f"problems.answer_after={_quoted(self.answer_after)}"] if self.answer_after is not None else []
        said += ["problems.calculator_marks=remove"] if self.calculator_marks == "remove" else []
        return [shlex.quote(override) for override in said]

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the file with our columns, those it has; an answer without the mark stays as it is."""
        found = ((ours, value_in(row, theirs)) for ours, theirs in self.mapping.items())
        values = {ours: value for ours, value in found if value is not _MISSING}
        if self.answer_after and self.has_mark(values.get("answer")):
            solution, _, final = values["answer"].rpartition(self.answer_after)
            values["answer"] = final.strip()
            if self.mapping.get("reference_solution") == self.mapping["answer"]:
                values["reference_solution"] = solution.strip()
        reference = values.get("reference_solution")
        if self.calculator_marks == "remove" and isinstance(reference, str):
            values["reference_solution"] = _CALCULATOR_MARK.sub("", reference)
        return values


def find_columns(
    file: str,
    names: Iterable[str],
    rows: Iterable[Mapping[str, Any]],
    said: Mapping[str, str] | None = None,
    answer_after: str | None = None,
    option: str = "--column ",
    needed: Iterable[str] = ("problem", "answer"),
) -> Columns:
    """Columns of a file: those that are `said`, and a guess for the others.

    Args:
        file: its name, for messages.
        names: the columns that it has, see `names_in`.
        rows: read as long as every answer so far holds the mark ``####``.
        said: ours -> the file's.
        answer_after: the mark, if it is known.
        option: what says a column, as ``--column answer=NAME``, for messages.
        needed: ours that it has to have.

    Raises:
        UserError: a column that is needed and not there, or one that is said and not there.
    """
    names, said = [name for name in names if name is not None], dict(said or {})  # csv: fields beyond the header
    for ours, theirs in said.items():
        if ours not in NAMES:
            raise UserError(f"{option}{ours}={theirs}: no such column of ours; they are {', '.join(NAMES)}")
        if theirs not in names and ours in needed:
            near = f"is it {found[0]}? " if (found := get_close_matches(theirs, names, 1)) else ""
            raise UserError(
                f"{option}{ours}={theirs}: {file} has no column {theirs!r}; {near}it has {', '.join(names)}"
            )
    places = {ours: said.get(ours) or column_of(ours, names) for ours in NAMES}
    mapping = {ours: theirs for ours, theirs in places.items() if theirs is not None}
    for ours in ("problem", "answer"):
        if ours not in mapping:
            raise UserError(
                f"{file}: which column is the {ours}? Say {option}{ours}=NAME; it has {', '.join(names) or 'none'}"
            )
    guessed = [ours for ours, theirs in mapping.items() if ours not in said and ours != theirs]
    with_mark = Columns(mapping, ANSWER_MARK)
    marked = (with_mark.has_mark(value_in(row, mapping["answer"])) for row in rows)
    if answer_after is None and next(marked, False) and all(marked):
        answer_after = ANSWER_MARK
        guessed.append("answer_after")
    if answer_after and "reference_solution" not in mapping:
        mapping["reference_solution"] = mapping["answer"]
    if "reference_solution" in needed and "reference_solution" not in mapping:
        raise UserError(
            f"{file}: no column of reference solutions, which training needs; say {option}reference_solution=NAME; "
            f"it has {', '.join(names)}"
        )
    return Columns(mapping, answer_after, tuple(guessed))


_MISSING = object()


def names_in(row: Mapping[str, Any]) -> list[str]:
    """The columns of a row, and with dotted names what stands in those that are structs.

    >>> names_in({"prompt": "6 times 7?", "reward_model": {"style": "rule", "ground_truth": "42"}})
    ['prompt', 'reward_model', 'reward_model.style', 'reward_model.ground_truth']
    """
    names: list[str] = []
    for name, value in row.items():
        names.append(name)
        if isinstance(value, Mapping):
            names += [f"{name}.{below}" for below in value]
    return names


def value_in(row: Mapping[str, Any], name: str) -> Any:
    """What a row has under a name of `names_in`; of a chat the last user message; `_MISSING` where it has none."""
    value = row.get(name, _MISSING)
    if value is _MISSING:
        outer, _, inner = name.partition(".")
        above = row.get(outer)
        value = above.get(inner, _MISSING) if isinstance(above, Mapping) else _MISSING
    if isinstance(value, list) and value and all(isinstance(turn, Mapping) for turn in value):
        asked = [turn.get("content") for turn in value if turn.get("role") == "user"]
        return asked[-1] if asked else value
    return value


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
    """(row number from 1, gold answer), whatever its type: what a run takes for it.

    What follows ``####`` is the answer where all rows have it, as in GSM8K. Of verl's own rows it is
    ``reward_model.ground_truth``.

    Args:
        column: where the answers are; by default it is guessed from its name.

    Raises:
        UserError: the file cannot be read, or has no such column.
    """
    first = next(file_rows(file), None)
    if first is None:
        return
    name = column or column_of("answer", names_in(first))
    columns = Columns({"answer": name or ""}, ANSWER_MARK)
    if name is not None and not all(columns.has_mark(value_in(row, name)) for row in file_rows(file)):
        columns = Columns({"answer": name})
    for number, row in enumerate(file_rows(file), start=1):
        values = columns.read(row)
        if "answer" not in values:
            missing = f"no column {name!r}" if name else "no column of answers"
            raise UserError(f"{file}: {missing}; pass --answer-column, one of: {', '.join(map(str, row))}")
        yield number, values["answer"]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _quoted(name: str) -> str:
    """A column's name as Hydra reads it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return name if re.fullmatch(r"\w+( \w+)*", name) else f'"{escaped}"'
