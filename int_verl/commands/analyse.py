"""`int-verl analyse`: what a run's rows and models tell beside how well they solve problems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from int_verl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from int_verl.evaluate.text import Cells

_RUN = click.Path(path_type=Path)


@click.group()
def analyse() -> None:
    """The paper's analyses of a run, and what lies beyond them: tables here, and files in RUN/analysis."""


@analyse.command()
@click.argument("run", type=_RUN)
@click.option(
    "--proposer",
    "others",
    multiple=True,
    metavar="NAME=RUN",
    help="A run over the same attempts with another proposer; may be given several times.",
)
@click.option(
    "--first-errors",
    metavar="FILE",
    help="Where attempts truly go wrong first: rows (problem_id, attempt, first_error), or path/to/file.py:function.",
)
def interventions(run: Path, others: tuple[str, ...], first_errors: str | None) -> None:
    """Table 1, lengths, yield and cost over K, and how well first errors are found.

    It needs no model and reads what RUN holds so far.
    """
    from int_verl.report.analyses import INTERVENTIONS_OF_A_RUN, intervention_tables, write_analysis
    from int_verl.report.first_errors import first_errors_of
    from int_verl.report.run_reader import RunReader

    reader = RunReader(run)
    proposers = {name: RunReader(Path(folder)) for name, folder in (_named(text, "--proposer") for text in others)}
    known = first_errors_of(reader, first_errors) if first_errors else None
    tables = intervention_tables(reader, proposers, known)
    for one in (reader, *proposers.values()):
        if one.remarks:
            raise UserError(f"{one.path}: {one.remarks[0]}")
    _show(run, INTERVENTIONS_OF_A_RUN, write_analysis(reader, INTERVENTIONS_OF_A_RUN, tables))


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
