"""A published set as files that a run is given, with a manifest of every row that was left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.files import text_hash, write_text
from int_verl.grading import BaseGrader
from int_verl.interventions import InterventionParseError, parse_intervention
from int_verl.problems.drops import Drop
from int_verl.problems.published import PublishedRows
from int_verl.records import GIVEN_ATTEMPT, GIVEN_INTERVENTION, PROBLEM, RowWriter
from int_verl.steps import split_steps

MANIFEST = "import.json"
_ROWS_PER_GROUP = 100
"A run reads the rows of a problem, and with them their group."


@dataclass(slots=True)
class Imported:
    """What came of a set, as `import.json` holds it."""

    set: str
    data: str
    columns: dict[str, str]
    "Ours -> theirs."
    rows: int = 0
    problems: int = 0
    attempts: int = 0
    interventions: int = 0
    dropped: list[Drop] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    "Of the run that goes on from here."


def import_set(source: PublishedRows, into: Path, grader: Callable[[], BaseGrader]) -> Imported:
    """Write a published set into a new folder.

    Args:
        grader: makes what the gold answers are checked with.

    Raises:
        UserError: no row can be used, or `into` is taken.
    """
    if into.exists() and any(into.iterdir()):
        raise UserError(f"--into {into}: something is there already; choose another folder")
    found = Imported(source.published.name, source.data, source.columns)
    _write(source, found, _first_rows(source, grader), into)
    write_text(into / MANIFEST, json.dumps(asdict(found), indent=2, ensure_ascii=False) + "\n")
    return found


@dataclass(slots=True)
class _First:
    """The first row of a problem, which the others have to agree with."""

    row: int
    id: str
    answer: str
    fault: str | None = None
    "Why its gold answer cannot be used."
    attempts: dict[str, int] = field(default_factory=dict)
    "Hash of an attempt's text -> its index."


def _first_rows(source: PublishedRows, grader: Callable[[], BaseGrader]) -> dict[str, _First]:
    """Hash of a problem's text -> the first of its rows that holds a problem."""
    first: dict[str, _First] = {}
    for number, row in source.rows():
        _, problem = source.problem_of(number, row)
        if problem is not None:
            first.setdefault(text_hash(problem.problem), _First(number, problem.id, problem.answer))
    with grader() as judge:
        bad = {
            number: why for number, _, why in judge.unusable_golds((each.row, each.answer) for each in first.values())
        }
    for each in first.values():
        if each.row in bad:
            each.fault = f"{each.answer!r}: {bad[each.row]}"
    return first


def _write(source: PublishedRows, found: Imported, first: Mapping[str, _First], into: Path) -> None:
    """Write the files of a set, in the order of its rows; its problems and attempts each once."""
    use = "heldout" if source.published.is_heldout else "train"
    files = {use: (f"{use}.parquet", PROBLEM)}
    if source.has_attempts:
        files["attempts"] = ("attempts.parquet", GIVEN_ATTEMPT)
    if source.has_interventions:
        files["interventions"] = ("interventions.parquet", GIVEN_INTERVENTION)
    with ExitStack() as opened:
        writers = {
            name: opened.enter_context(RowWriter(into / file, schema, _ROWS_PER_GROUP))
            for name, (file, schema) in files.items()
        }
        for number, row in source.rows():
            found.rows = number
            drop = _take(source, number, row, first, use, writers)
            if drop is not None:
                found.dropped.append(drop)
        if not writers[use].count:
            raise UserError(
                f"{source.data}: none of its {found.rows:,} rows can be used; the first: {found.dropped[0]}"
            )
    found.problems = writers[use].count
    found.attempts = writers["attempts"].count if "attempts" in writers else 0
    found.interventions = writers["interventions"].count if "interventions" in writers else 0
    found.settings = _settings(source, {name: into / file for name, (file, _) in files.items()})
    found.notes = _notes(source)


def _take(
    source: PublishedRows,
    number: int,
    row: Mapping[str, Any],
    first: Mapping[str, _First],
    use: str,
    writers: Mapping[str, RowWriter],
) -> Drop | None:
    """Write what a row has that is not there yet; or why it is left out."""
    reason, problem = source.problem_of(number, row)
    if problem is None:
        return Drop(number, str(row.get("id") or ""), "faulty", reason)
    one = first[text_hash(problem.problem)]
    if one.fault:
        return Drop(number, one.id, "gold", one.fault)
    if problem.answer != one.answer:
        return Drop(number, one.id, "faulty", f"another answer than row {one.row}")
    if number == one.row:
        writers[use].write(problem.row())
    if not source.has_attempts:
        return None if number == one.row else Drop(number, one.id, "repeated", f"the same problem as row {one.row}")
    return None if _give(source, row, one, writers) else Drop(number, one.id, "faulty", "no attempt")


def _give(source: PublishedRows, row: Mapping[str, Any], one: _First, writers: Mapping[str, RowWriter]) -> bool:
    """Write a row's attempt, unless it is there already, and its intervention; whether it has an attempt."""
    attempt, content, location = row.get("attempt"), None, None
    if source.whole:
        attempt, content, location = _cut_whole(row["guided_attempt"])
    elif source.has_interventions:
        content, location = _fields(row["intervention"])
    if not isinstance(attempt, str):
        return False
    key = text_hash(attempt)
    if key not in one.attempts:
        one.attempts[key] = len(one.attempts)
        writers["attempts"].write({"problem_id": one.id, "text": attempt})
    if "interventions" in writers:
        text = row.get("verification")
        given = {"content": content, "location": location, "text": text if isinstance(text, str) else None}
        writers["interventions"].write({"problem_id": one.id, "attempt": one.attempts[key], **given})
    return True


def _cut_whole(guided: Any) -> tuple[Any, str | None, int | None]:
    """A guided attempt as an attempt whose last step is the intervention: what is trained on is the same."""
    if not isinstance(guided, str):
        return None, None, None
    steps = split_steps(guided.rstrip())
    return guided.rstrip(), steps[-1], len(steps)


def _fields(intervention: Any) -> tuple[str | None, int | None]:
    """Content and location of an intervention; None for what is not there or cannot be read."""
    if isinstance(intervention, str):
        try:
            read = parse_intervention(f"<intervention>\n{intervention}\n</intervention>")
        except InterventionParseError:
            return None, None
        return read.content, read.location
    if not isinstance(intervention, Mapping):
        return None, None
    content, location = intervention.get("content"), intervention.get("location")
    text = content if isinstance(content, str) else None
    return text, location if isinstance(location, int) and 0 <= location < 2**31 else None


def _settings(source: PublishedRows, files: Mapping[str, Path]) -> list[str]:
    keys = {"attempts": "sample.attempts_from", "interventions": "propose.interventions_from"}
    said = [f"{keys.get(name, f'problems.{name}')}={file}" for name, file in files.items()]
    if source.published.name == "InT-SFT":
        said += ["guide.rollouts=0", "select.need_success=false"]
    return said


def _notes(source: PublishedRows) -> list[str]:
    notes = []
    if source.has_attempts:
        notes.append(
            "the attempts are text: a run encodes them with its own tokenizer, and their tokens are not those that "
            "were sampled"
        )
    if source.whole:
        notes.append(
            "attempts and interventions do not stand apart: the last paragraph is taken for the intervention, which "
            "matters to sft.loss_on=intervention and to the test for leaks alone"
        )
    if source.published.name == "InT-SFT":
        notes.append("the authors have filtered this set by guided rollouts, so none are drawn anew")
    return notes
