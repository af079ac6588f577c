"""`int-verl reward check` and `int-verl reward audit`: is this reward function, are these gold answers, fit to train
on?"""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path

import click

from int_verl.commands.group import Group
from int_verl.errors import UserError


@click.group(cls=Group)
def reward() -> None:
    """Check reward functions and gold answers before any GPU second is spent."""


@reward.command()
@click.option("--fn", "function", required=True, metavar="PATH:NAME", help="FILE.py:NAME or pkg://MODULE:NAME.")
@click.option("--file", required=True, metavar="FILE", help="Training rows: .parquet or .jsonl, verl's columns.")
@click.option("--rows", default=20, show_default=True, help="Rows of the file to try.")
@click.option("--seconds", default=3.0, show_default=True, help="Longest that one call may take.")
@click.option("--kwargs", "settings", default="{}", metavar="JSON", help="reward_kwargs, as a JSON object.")
def check(function: str, file: str, rows: int, seconds: float, settings: str) -> None:
    """Try a reward function against what verl expects, and print what breaks.

    Signature, keys, types, awkward responses, threads, time, and the same result on repeated calls. Exit code 1 if
    anything breaks. Responses are made up from each row's gold answer, or taken from a `response` or `responses`
    column.
    """
    from int_verl.grading.function_calls import load_function, path_and_name
    from int_verl.grading.reward_contract import check_contract, training_rows
    from int_verl.problems.raw_rows import file_rows

    try:
        extra = json.loads(settings)
    except json.JSONDecodeError as problem:
        raise UserError(f"--kwargs: not a JSON object: {problem}") from None
    if not isinstance(extra, dict):
        raise UserError("--kwargs: must be a JSON object, such as '{\"timeout\": 1}'")
    path, name = path_and_name("--fn", function)
    try:
        compute_score = load_function(path, name)
    except UserError as error:
        raise UserError(f"--fn {function}: {error}") from None
    tried = training_rows(islice(file_rows(file), rows), file)
    outcomes = check_contract(compute_score, tried, seconds=seconds, settings=extra)
    for outcome in outcomes:
        click.echo(f"ok    {outcome.what}" if outcome.passed else f"FAIL  {outcome.what}: {outcome.detail}")
    failures = sum(not outcome.passed for outcome in outcomes)
    if failures:
        click.echo(f"{failures} of {len(outcomes)} checks failed; verl cannot rely on {function}")
        raise SystemExit(1)
    click.echo(f"all {len(outcomes)} checks passed")


@reward.command()
@click.option("--problems", "file", required=True, metavar="FILE", help="Problem set: .parquet, .jsonl or .csv.")
@click.option("--answer-column", help="Column of gold answers [default: guessed from its name].")
@click.option("--timeout", default=2.0, show_default=True, help="Seconds for one gold answer.")
@click.option("--workers", type=int, help="Worker processes [default: the number of cores, at most 4].")
@click.option("--output", metavar="FILE", help="Write the unusable rows here as jsonl.")
@click.option("--strict", is_flag=True, help="Exit with 1 if any gold answer cannot be used.")
def audit(
    file: str, answer_column: str | None, timeout: float, workers: int | None, output: str | None, strict: bool
) -> None:
    """Grade every gold answer against itself and list those that cannot be used, with row numbers and reasons.

    Then list those that math-verify reads as other numbers than the grader does. Either may be wrong.
    """
    from int_verl.grading import Grader
    from int_verl.problems.check import shortened
    from int_verl.problems.columns import gold_answers

    golds = list(gold_answers(file, answer_column))
    with Grader(workers=workers, timeout=timeout) as grader:
        faults = list(grader.unusable_golds(golds))
        unusable = {row for row, _, _ in faults}
        doubts = list(grader.read_otherwise(entry for entry in golds if entry[0] not in unusable))
    for row, gold, reason in faults:
        click.echo(f"row {row}: {reason}: {shortened(str(gold), 103)}")
    for reason, count in Counter(reason for _, _, reason in faults).most_common():
        click.echo(f"{count:6}  {reason}")
    click.echo(f"{len(golds) - len(faults)} of {len(golds)} gold answers can be used; {len(faults)} cannot")
    for row, gold, readings in doubts:
        click.echo(f"row {row}: {readings}: {shortened(str(gold), 103)}")
    click.echo(f"{len(doubts)} of those that can be used are read otherwise by math-verify")
    if output:
        rows = (dict(zip(("row", "answer", "reason"), fault, strict=True)) for fault in faults)
        Path(output).write_text("".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows))
    if faults and strict:
        raise SystemExit(1)
