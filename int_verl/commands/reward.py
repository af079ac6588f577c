"""`int-verl reward check` and `int-verl reward audit`: is this reward function, are these gold answers, fit to train
on?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from int_verl.errors import UserError


@click.group()
def reward() -> None:
    """Check reward functions and gold answers before any GPU second is spent."""


@reward.command()
@click.option("--fn", "function", required=True, metavar="PATH:NAME", help="FILE.py:NAME or pkg://MODULE:NAME.")
@click.option(
    "--file", "rows_file", required=True, metavar="FILE", help="Training rows: .parquet or .jsonl, verl's columns."
)
@click.option("--rows", default=20, show_default=True, help="Rows of the file to try.")
@click.option("--seconds", default=3.0, show_default=True, help="Longest that one call may take.")
@click.option("--kwargs", "settings", default="{}", metavar="JSON", help="reward_kwargs, as a JSON object.")
def check(function: str, rows_file: str, rows: int, seconds: float, settings: str) -> None:
    """Try a reward function against what verl expects, and print what breaks.

    Signature, keys, types, awkward responses, threads, time, and the same result on repeated calls. Exit code 1 if
    anything breaks. Responses are made up from each row's gold answer, or taken from a `response` or `responses`
    column.
    """
    from int_verl.grading.reward_contract import check_contract, load_function, load_rows

    try:
        extra = json.loads(settings)
    except json.JSONDecodeError as problem:
        raise UserError(f"--kwargs: not a JSON object: {problem}") from None
    if not isinstance(extra, dict):
        raise UserError("--kwargs: must be a JSON object, such as '{\"timeout\": 1}'")
    compute_score: Callable[..., Any] = load_function(function)
    outcomes = check_contract(compute_score, load_rows(rows_file, rows), seconds=seconds, settings=extra)
    for outcome in outcomes:
        click.echo(
            f"{'ok  ' if outcome.passed else 'FAIL'}  {outcome.what}"
            + (f": {outcome.detail}" if outcome.detail else "")
        )
    failures = sum(not outcome.passed for outcome in outcomes)
    if failures:
        click.echo(f"{failures} of {len(outcomes)} checks failed; verl cannot rely on {function}")
        raise SystemExit(1)
    click.echo(f"all {len(outcomes)} checks passed")


@reward.command()
@click.option("--problems", "file", required=True, metavar="FILE", help="Problem set: .parquet, .jsonl or .csv.")
@click.option(
    "--answer-column",
    default=None,
    help="Column of gold answers [default: guessed from its name].",
)
@click.option("--timeout", default=2.0, show_default=True, help="Seconds for one gold answer.")
@click.option("--workers", default=None, type=int, help="Worker processes [default: the number of cores, at most 4].")
@click.option("--output", default=None, metavar="FILE", help="Write the unusable rows here as jsonl.")
@click.option("--strict", is_flag=True, help="Exit with 1 if any gold answer cannot be used.")
def audit(
    file: str, answer_column: str | None, timeout: float, workers: int | None, output: str | None, strict: bool
) -> None:
    """Grade every gold answer against itself and list those that cannot be used, with row numbers and reasons."""
    from collections import Counter

    from int_verl.grading import Grader
    from int_verl.grading.golds import gold_faults

    golds = list(gold_answers(file, answer_column))
    with Grader(workers=workers, timeout=timeout) as grader:
        reasons = zip(golds, gold_faults(grader, (gold for _, gold in golds)), strict=True)
        faults = [{"row": row, "answer": gold, "reason": reason} for (row, gold), reason in reasons if reason]
    for fault in faults:
        shown = " ".join(str(fault["answer"]).split())
        click.echo(f"row {fault['row']}: {fault['reason']}: {shown[:100]}{'...' if len(shown) > 100 else ''}")
    for reason, count in Counter(fault["reason"] for fault in faults).most_common():
        click.echo(f"{count:6}  {reason}")
    click.echo(f"{len(golds) - len(faults)} of {len(golds)} gold answers can be used; {len(faults)} cannot")
    if output:
        Path(output).write_text("".join(json.dumps(fault, ensure_ascii=False, default=str) + "\n" for fault in faults))
    if faults and strict:
        raise SystemExit(1)


def gold_answers(file: str, column: str | None) -> Iterator[tuple[int, Any]]:
    """(row number from 1, gold answer) of a problem set.

    What follows ``####`` is the answer where a solution comes before it, as in GSM8K. verl's own rows are read too
    (``reward_model.ground_truth``).
    """
    from int_verl.problems.columns import ANSWER_MARK, Columns, column_of

    for number, row in enumerate(read_rows(file), start=1):
        if column is None and isinstance(row.get("reward_model"), dict):
            yield number, row["reward_model"].get("ground_truth")
            continue
        name = column or column_of("answer", row)
        if name is None or name not in row:
            missing = f"no column {name!r}" if name else "no column of answers"
            raise UserError(f"{file}: {missing}; pass --answer-column, one of: {', '.join(map(str, row))}")
        yield number, Columns({"answer": name}, ANSWER_MARK).read(row)["answer"]


def read_rows(file: str) -> Iterator[dict[str, Any]]:
    """The rows of a .parquet, .jsonl or .csv file."""
    path = Path(file)
    if not path.is_file():
        raise UserError(f"{file}: no such file; pass a .parquet, .jsonl or .csv file")
    if path.suffix == ".parquet":
        import pyarrow.parquet as parquet

        yield from parquet.read_table(path).to_pylist()
    elif path.suffix == ".csv":
        import csv

        with path.open(newline="", encoding="utf-8") as lines:
            yield from csv.DictReader(lines)
    elif path.suffix in (".jsonl", ".json"):
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    try:
                        row = json.loads(line)
                    except json.JSONDecodeError:
                        raise UserError(f"{file}: row {number} is not JSON; one object a line is expected") from None
                    if not isinstance(row, dict):
                        raise UserError(f"{file}: row {number} is not an object; one object a line is expected")
                    yield row
    else:
        raise UserError(f"{file}: unknown file type {path.suffix or '(none)'!r}; pass a .parquet, .jsonl or .csv file")
