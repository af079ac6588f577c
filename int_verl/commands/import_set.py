"""`int-verl import`: the authors' published sets as files that a run is given."""

from __future__ import annotations

from pathlib import Path

import click

from int_verl.errors import UserError


@click.command("import")
@click.argument("name", metavar="SET")
@click.argument("data", required=False, metavar="[DATA]")
@click.option("--into", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="A new folder.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Where DATA has problem, answer, reference_solution, source, id, attempt, intervention, guided_attempt or "
    "verification [default: as published].",
)
@click.option(
    "--problems",
    metavar="DATA",
    help="A set with the columns problem, answer and reference_solution, which says what DATA does not.",
)
def import_set(name: str, data: str | None, into: Path, columns: tuple[str, ...], problems: str | None) -> None:
    """Take one of the sets that the authors of InT published for a run.

    SET is InT-hard-set, InT-hard-set-with-incorrect-attempts, InT-hard-set-with-incorrect-attempts-and-interventions,
    InT-SFT, InT-RL or InT-test-set. DATA is what `datasets` loads: a folder, a file or a name, with :split for another
    split than the set's own [default: CMU-AIRe/SET, at the hub].
    """
    from collections import Counter

    from int_verl.console import marked, standard_output
    from int_verl.grading import Grader
    from int_verl.problems.check import GRADER_TIMEOUT
    from int_verl.problems.columns import said_columns
    from int_verl.problems.import_set import MANIFEST
    from int_verl.problems.import_set import import_set as write
    from int_verl.problems.published import SETS, PublishedRows

    console = standard_output()
    published = SETS.get(name)
    if published is None:
        raise UserError(f"import {name}: no such set; they are {', '.join(SETS)}")
    source = PublishedRows(published, data or f"CMU-AIRe/{name}", said_columns(columns), problems)
    found = write(source, into, lambda: Grader(timeout=GRADER_TIMEOUT))
    counts = f"{found.problems:,} problems, {found.attempts:,} attempts, {found.interventions:,} interventions"
    console.print(marked("✓", f" {found.rows:,} rows read; {counts}, in {into}"))
    for kind, number in Counter(drop.kind for drop in found.dropped).items():
        console.print(f"  left out, {kind}: {number:,} ({into / MANIFEST} names the rows)", soft_wrap=True)
    for note in found.notes:
        console.print(f"  {note}", soft_wrap=True)
    console.print("as settings of a run:")
    console.print("  " + " ".join(found.settings), soft_wrap=True)
