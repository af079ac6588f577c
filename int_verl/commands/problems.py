"""`int-verl problems check` and `int-verl problems hard`: is this problem set fit for a run, and which problems are
hard?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from int_verl.commands.curate import curate
from int_verl.commands.group import Group
from int_verl.commands.join import join
from int_verl.commands.parquet_option import PARQUET
from int_verl.errors import UserError

if TYPE_CHECKING:
    from int_verl.console import SafeConsole
    from int_verl.problems.check import Likeness, Report
    from int_verl.problems.columns import Columns
    from int_verl.problems.hard import Tally, Truncated
    from int_verl.problems.sets import Fault

_BLOCKS = " ▁▂▃▄▅▆▇█"
_PERCENTILES_SHOWN = {"0": "min", "5": "5 %", "50": "median", "95": "95 %", "99": "99 %", "100": "max"}


@click.group(cls=Group)
def problems() -> None:
    """Check problem sets, and select problems, before any GPU second is spent."""


@problems.command()
@click.argument("file", metavar="FILE")
@click.option("--against", metavar="EVAL_FILE", help="Evaluation set that must not be in FILE.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Where FILE has problem, answer, reference_solution, id or source [default: guessed from its names].",
)
@click.option(
    "--answer-after",
    metavar="MARK",
    help="The answer is what follows this in its column, as '####' in GSM8K [default: guessed if all rows have it].",
)
@click.option(
    "--calculator-marks",
    type=click.Choice(["keep", "remove"]),
    default="keep",
    show_default=True,
    help="What stands between << and >> in reference solutions, as in GSM8K.",
)
@click.option(
    "--for",
    "use",
    type=click.Choice(["train", "heldout"]),
    help="Training needs reference solutions [default: train if FILE has them].",
)
@click.option(
    "--near",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Two problems are alike that share this part of the shorter one's 13-grams; 0: any one 13-gram.",
)
@click.option(
    "--reward",
    metavar="PATH:NAME",
    help="Check gold answers with this reward function, as grader.reward_path does in a run.",
)
@click.option("--model", metavar="FOLDER", help="Also count lengths in this model's tokens.")
@click.option("--show", default=5, show_default=True, type=click.IntRange(0), help="Rows to list of each kind.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="OUT", help="Write everything found.")
@click.option("--write", **PARQUET, metavar="CLEAN.parquet", help="Write the rows that a run takes, with our columns.")
def check(
    file: str,
    columns: tuple[str, ...],
    reward: str | None,
    model: str | None,
    show: int,
    json_file: Path | None,
    write: Path | None,
    **rules: Any,
) -> None:
    """Check a problem set: .parquet, .jsonl, .csv or a `datasets` name (name:split).

    Columns, gold answers, empty fields, duplicates, near-duplicates, overlap with an evaluation set, lengths. Exit
    code 2 if a run would refuse FILE and no --write has made one that it takes.
    """
    from int_verl.console import marked, standard_output
    from int_verl.files import write_text
    from int_verl.grading.function_calls import path_and_name
    from int_verl.grading.reward_function import RewardFunction
    from int_verl.problems.check import check_problems, write_clean
    from int_verl.problems.columns import said_columns
    from int_verl.progress import StageProgress

    if rules["answer_after"] == "":
        raise UserError("--answer-after: say the mark that stands before the answers")
    console = standard_output()
    tokens = None if model is None else _token_counter(model)
    grader = None if reward is None else lambda: RewardFunction(*path_and_name("--reward", reward))
    said = said_columns(columns)
    with StageProgress(console, "check", lead="rows") as progress:
        report = check_problems(file, columns=said, tokens=tokens, grader=grader, count=progress.count, **rules)
    _show_report(console, report, rules["near"], show)
    if json_file is not None:
        write_text(json_file, json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n")
    if write is not None:
        written = write_clean(report, write)
        console.print(marked("✓", f" {written:,} rows written: problems.{report.use}={write}"))
    elif not report.usable_as_it_is:
        faulty = f"{len(report.faulty_rows):,} of {report.rows:,} rows are faulty"
        raise UserError(f"{file}: cannot be used as it is ({faulty}); add --write CLEAN.parquet, or mend it")


def _token_counter(model: str) -> Callable[[str], int]:
    from int_verl.generate.chat import ChatCodec
    from int_verl.generate.model import LocalModel

    return ChatCodec(LocalModel(model).folder).length


def _show_report(console: SafeConsole, report: Report, near: float, show: int) -> None:
    from rich.table import Column, Table

    from int_verl.console import marked
    from int_verl.problems.check import KINDS

    what = "a training set" if report.use == "train" else "an evaluation set, without need of reference solutions"
    console.print(marked(report.file, f": {report.rows:,} rows, read as {what}"))
    _print_lines(console, _column_lines(report.columns))

    found = Table("", Column("rows", justify="right"), title="Rows", title_justify="left")
    for kind, meaning in KINDS.items():
        if kind != "in_evaluation" or report.against is not None:
            found.add_row(meaning, _number_of_rows(report.faults[kind]))
    found.add_row("usable", f"{report.rows - len(report.faulty_rows):,}", style="bold")
    found.add_row(f"like another row (13-grams, {near:.0%} or more)", _number_of_rows(report.near_duplicates))
    if report.against is not None:
        found.add_row("like a row of the evaluation set", _number_of_rows(report.overlaps))
    console.print(found)
    lists: list[tuple[str, Sequence[Fault | Likeness]]] = [(KINDS[kind], report.faults[kind]) for kind in KINDS]
    lists.append(("pairs of rows that are alike", report.near_duplicates))
    lists.append((f"rows like a row of {report.against}", report.overlaps))
    for title, entries in lists:
        if entries:
            console.print(title, style="bold")
            more = [f"and {len(entries) - show:,} more (--show, --json)"] if len(entries) > show else []
            _print_lines(console, [*map(str, entries[:show]), *more])

    numbers = [Column(name, justify="right") for name in (*_PERCENTILES_SHOWN.values(), "mean")]
    table = Table("", *numbers, "0 to 99 %", title="Lengths", title_justify="left")
    for one in report.lengths:
        points = [f"{one.percentiles[percent]:,}" for percent in _PERCENTILES_SHOWN]
        table.add_row(f"{one.column}, {one.unit}", *points, f"{one.mean:,.0f}", _spark(one.bins))
    console.print(table)


def _number_of_rows(found: Iterable[Fault | Likeness]) -> str:
    return f"{len({entry.row for entry in found}):,}"


def _column_lines(columns: Columns) -> list[str]:
    guessed = dict.fromkeys(columns.guessed, " (guessed)")
    lines = [f"{ours:<18} = {theirs}{guessed.get(ours, '')}" for ours, theirs in columns.mapping.items()]
    if columns.answer_after is not None:
        guess = " (guessed: all rows have it)" if "answer_after" in columns.guessed else ""
        lines.append(f"{'answer after':<18} = {columns.answer_after}{guess}")
    overrides = columns.overrides()
    return lines + (["as settings of a run:"] if overrides else []) + [f"  {override}" for override in overrides]


def _print_lines(console: SafeConsole, lines: list[str]) -> None:
    console.print("\n".join(f"  {line}" for line in lines))


def _spark(counts: list[int]) -> str:
    """A histogram a line high; whatever is not empty shows."""
    highest = max(counts) or 1
    return "".join(_BLOCKS[-(-count * (len(_BLOCKS) - 1) // highest)] for count in counts)


@problems.command()
@click.argument("attempts", metavar="RUN_OR_ATTEMPTS", type=click.Path(path_type=Path))
@click.option("--max-pass-rate", default=0.0, show_default=True, type=click.FloatRange(0, 1), help="Of the attempts.")
@click.option(
    "--min-attempts",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Attempts that a problem must have; the paper asks 64.",
)
@click.option(
    "--truncated",
    type=click.Choice(["failure", "excluded"]),
    default="failure",
    show_default=True,
    help="Whether an attempt that the length limit cut off counts as a failure, or not at all.",
)
@click.option(
    "--problems",
    "problems_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The problems, with our columns [default: problems/train.parquet of the run].",
)
@click.option("--out", **PARQUET, default=Path("hard.parquet"), show_default=True)
@click.option(
    "--heldout",
    type=click.IntRange(1),
    metavar="N",
    help="Hold out N of them, told by a hash of each; the paper holds out 64.",
)
@click.option("--heldout-out", **PARQUET, metavar="HELDOUT.parquet", help="Where those go.")
@click.option("--split", default="", metavar="NAME", help="Another name holds out others.")
def hard(
    attempts: Path,
    max_pass_rate: float,
    min_attempts: int,
    truncated: Truncated,
    problems_file: Path | None,
    out: Path,
    heldout: int | None,
    heldout_out: Path | None,
    split: str,
) -> None:
    """Select problems by the pass rate of sampled attempts, as a problem set that problems.train takes.

    RUN_OR_ATTEMPTS is a run's folder or an attempts.parquet. The paper's choice is 0 of 64 attempts.
    """
    if (heldout is None) != (heldout_out is None):
        raise UserError("--heldout N and --heldout-out HELDOUT.parquet belong together; say both or neither")
    if heldout_out is not None and heldout_out.resolve() == out.resolve():
        raise UserError(f"--heldout-out {heldout_out}: is --out, too; give it another name")
    from int_verl.console import marked, standard_output
    from int_verl.problems.hard import HARD_PROBLEM, problems_of, select_hard, tally_attempts
    from int_verl.problems.held_out import hold_out
    from int_verl.records import read_rows, write_rows
    from int_verl.run_files import ATTEMPTS

    attempts_file = attempts / ATTEMPTS if attempts.is_dir() else attempts
    tallies = tally_attempts(attempts_file)
    file = problems_of(attempts_file, problems_file)
    console = standard_output()
    _show_pass_rates(console, tallies, truncated)
    ids = {row["id"] for row in read_rows(file, ["id"])}
    if missing := len(tallies.keys() - ids):
        console.print(f"{missing:,} problems with attempts are not in {file} and are left out")
    if not tallies.keys() & ids:
        raise UserError(f"{file}: holds none of the problems of {attempts_file}; say --problems FILE")
    rows = list(select_hard(read_rows(file), tallies, max_pass_rate, min_attempts, truncated))
    rate = f"a pass rate of at most {max_pass_rate:g} in"
    if not rows:
        remedy = "raise --max-pass-rate or lower --min-attempts"
        raise UserError(f"{attempts_file}: no problem has {rate} {min_attempts} or more attempts; {remedy}")
    if heldout is not None and heldout_out is not None:
        if heldout >= len(rows):
            raise UserError(
                f"--heldout {heldout}: there are {len(rows):,} such problems, none would be left to train on"
            )
        rows, held = hold_out(rows, heldout, split)
        write_rows(heldout_out, HARD_PROBLEM, held)
        console.print(marked("✓", f" {len(held):,} of them held out: problems.heldout={heldout_out}"))
    write_rows(out, HARD_PROBLEM, rows)
    written = f"{len(rows):,} problems with {rate} at least {min_attempts} attempts written: problems.train={out}"
    console.print(marked("✓", f" {written}"))


def _show_pass_rates(console: SafeConsole, tallies: dict[str, Tally], truncated: Truncated) -> None:
    from rich.table import Column, Table

    from int_verl.evaluate import pass_at_k, wilson
    from int_verl.problems.hard import count_bands

    say = console.print
    rule = "count as failures" if truncated == "failure" else "are left out"
    cut, undecided = (sum(getattr(tally, of) for tally in tallies.values()) for of in ("truncated", "ungraded"))
    say(
        f"{len(tallies):,} problems; {cut:,} truncated attempts {rule}, "
        f"{undecided:,} that the grader could not decide are left out"
    )
    counts = [(tally.counted(truncated), tally.correct) for tally in tallies.values() if tally.counted(truncated)]
    if not counts:
        raise UserError("no attempt is left to count; say --truncated failure, or sample with more tokens")
    bands = count_bands(correct / counted for counted, correct in counts)
    numbers = [Column(name, justify="right") for name in ("problems", "share, 95 % interval (Wilson)")]
    table = Table("pass rate", *numbers, "", title="Pass rates", title_justify="left")
    for name, number in bands.items():
        share = wilson(number, len(counts))
        bar = "█" * -(-number * 30 // max(bands.values()))
        interval = f"{share['value']:.1%} [{share['low']:.1%}, {share['high']:.1%}]"
        table.add_row(name, f"{number:,}", interval, bar)
    console.print(table)
    fewest = min(counted for counted, _ in counts)
    for k in sorted({1, fewest}):
        value = sum(pass_at_k(counted, correct, k) for counted, correct in counts) / len(counts)
        say(f"pass@{k} {value:.2%} (unbiased, mean over problems)")
    below = f"{wilson(0, fewest)['high']:.1%} (95 %, Wilson)"
    say(f"With no success in {fewest} attempts, the fewest of a problem, the pass rate lies below {below}")


problems.add_command(curate)
problems.add_command(join)
