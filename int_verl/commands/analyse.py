"""`int-verl analyse`: what a run's rows and models tell beside how well they solve problems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from int_verl.commands.group import Group
from int_verl.commands.schedule import EPILOG, config_option
from int_verl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from int_verl.evaluate.text import Cells

_RUN = click.Path(path_type=Path)


@click.group(cls=Group)
def analyse() -> None:
    """The paper's analyses of a run, and what lies beyond them: tables here, and files in RUN/analysis."""


_FIRST_ERRORS = click.option(
    "--first-errors",
    metavar="FILE",
    help="Where attempts truly go wrong first: rows (problem_id, attempt, first_error), or path/to/file.py:function.",
)


@analyse.command()
@click.argument("run", type=_RUN)
@click.option(
    "--proposer",
    "others",
    multiple=True,
    metavar="NAME=RUN",
    help="A run over the same attempts with another proposer; may be given several times.",
)
@_FIRST_ERRORS
def interventions(run: Path, others: tuple[str, ...], first_errors: str | None) -> None:
    """Table 1, lengths, yield and cost over K, and how well first errors are found.

    It needs no model and reads what RUN holds so far.
    """
    proposers = dict(_named(text, "--proposer") for text in others)
    _interventions(run, {name: Path(folder) for name, folder in proposers.items()}, first_errors)


@analyse.command(epilog=EPILOG)
@click.option(
    "--proposer",
    "others",
    multiple=True,
    required=True,
    metavar="NAME=MODEL",
    help="Another proposer, as proposer.path; may be given several times.",
)
@_FIRST_ERRORS
@config_option
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
def proposers(
    others: tuple[str, ...], first_errors: str | None, config_file: Path | None, overrides: tuple[str, ...]
) -> None:
    """Have other models propose for the attempts of a run, and compare them with its own proposer.

    It runs the generator with these settings as far as that is not done, then proposing and guiding once more with
    each other model, in RUN/analysis/proposers/NAME, and shows what `analyse interventions` tells of all of them.
    """
    from int_verl.console import standard_output
    from int_verl.stages.proposers import propose_by

    named = dict(_named(text, "--proposer") for text in others)
    run, folders = propose_by(named, config_file, overrides, standard_output())
    _interventions(run, folders, first_errors)


def _interventions(run: Path, others: dict[str, Path], first_errors: str | None) -> None:
    from int_verl.report.analyses import INTERVENTIONS_OF_A_RUN, intervention_tables, write_analysis
    from int_verl.report.first_errors import first_errors_of
    from int_verl.report.run_reader import RunReader

    reader = RunReader(run)
    readers = {name: RunReader(folder) for name, folder in others.items()}
    known = first_errors_of(reader, first_errors) if first_errors else None
    try:
        tables = intervention_tables(reader, readers, known)
    except ValueError as error:
        raise UserError(f"{run}: its tables are not of one run ({error}); run int-verl guide again") from error
    for one in (reader, *readers.values()):
        if one.remarks:
            raise UserError(f"{one.path}: {one.remarks[0]}")
    _show(run, INTERVENTIONS_OF_A_RUN, write_analysis(reader, INTERVENTIONS_OF_A_RUN, tables))


@analyse.command()
@click.argument("run", type=_RUN)
@click.option("--model", "models", multiple=True, metavar="NAME=MODEL", help="Another model to ask.")
@click.option(
    "--data",
    "data",
    multiple=True,
    metavar="NAME=FILE",
    help="More data to ask about: rows for SFT (.parquet), traces (.jsonl, .csv, .parquet with problem_id or problem, "
    "and text), or a run's folder, whose SFT trains on it.",
)
@click.option("--test", metavar="FILE", help="Rows for SFT of problems that SFT has not trained on, as --data.")
@click.option(
    "--rollouts",
    multiple=True,
    metavar="MODEL=FOLDER",
    help="A model's own rollouts: the folder of its evaluation, or a validation dump of verl's.",
)
@click.option("--rows", default=400, show_default=True, type=click.IntRange(0), help="Of each kind at most; 0: all.")
def likelihood(
    run: Path, models: tuple[str, ...], data: tuple[str, ...], test: str | None, rollouts: tuple[str, ...], rows: int
) -> None:
    """NLL of SFT data by part, entropy on own rollouts, probability of interventions before and after SFT.

    Without options: the run's interventions and their references, under the base and under SFT's model. All options
    but --test and --rows may be given several times.
    """
    from int_verl.console import standard_output
    from int_verl.report.analyses import LIKELIHOOD, write_analysis
    from int_verl.report.run_reader import RunReader
    from int_verl.run.run import run_in
    from int_verl.stages.likelihood import Wanted, likelihoods

    console = standard_output()
    wanted = Wanted(
        models=dict(_named(text, "--model") for text in models),
        data=dict(_named(text, "--data") for text in data),
        rollouts=dict(_named(text, "--rollouts") for text in rollouts),
        test=test,
        rows=rows,
    )
    table = likelihoods(run_in(run, console), wanted, lambda said: console.print(f"  {said}", style="dim"))
    _show(run, LIKELIHOOD, write_analysis(RunReader(run), LIKELIHOOD, {"likelihood": table}))


def _named(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise UserError(f"{flag} {text}: write NAME=VALUE, such as 30B=runs/proposed-by-30B")
    return name, value


def _show(run: Path, name: str, cells: Iterable[Cells]) -> None:
    from int_verl.console import standard_output
    from int_verl.run_files import ANALYSIS

    console: Any = standard_output()
    for table in cells:
        console.print(table.rich())
    console.print(f"analysis: {run / ANALYSIS / name}.md and .json", soft_wrap=True)
