"""`int-verl tables`: what a run's generator has finished so far, as a run of its own."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="RUN_FOLDER")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where to write them, a new folder; default: RUN_FOLDER-partial.",
)
def tables(folder: Path, into: Path | None) -> None:
    """Write the tables of the problems that a run has finished so far, while it goes on or after it was stopped.

    They are a run of their own, from which sft can be started; the first run is only read.
    """
    from int_verl.console import standard_output
    from int_verl.stages.partial import take_finished

    console = standard_output()
    into = into or folder.with_name(folder.name + "-partial")
    problems, kept = take_finished(folder, into, console)
    console.print(f"{problems:,} problems are finished, with {kept:,} interventions; their tables are in {into}")
    console.print(f"train on them with: int-verl sft --config {into}/config.yaml")
