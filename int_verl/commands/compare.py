"""`int-verl compare`: runs and evaluations side by side."""

from __future__ import annotations

from pathlib import Path

import click

from int_verl.errors import UserError


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN_OR_EVALUATION...")
@click.option(
    "--out",
    default=Path("comparison"),
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the comparison goes.",
)
@click.option(
    "--k",
    "said",
    multiple=True,
    metavar="SOURCE=K",
    help="k of a source's column [default: eval.k_by_source of what is compared]; may be given several times.",
)
def compare(folders: tuple[Path, ...], out: Path, said: tuple[str, ...]) -> None:
    """Compare runs, or evaluations, with the first one: paired over the problems that they have in common.

    A run's models are compared with the same models of the first run; of one run alone, with its base. It prints
    tables and leaves compare.html with overlaid curves of pass@k, reward and zero-advantage ratio, compare.md and
    compare.json.
    """
    ks = dict(map(_source_and_k, said))
    from int_verl.console import standard_output
    from int_verl.report.compared import compared
    from int_verl.report.comparison import PAGE, write_comparison

    console = standard_output()
    for table in write_comparison(out, compared(folders), ks):
        console.print(table.rich())
    console.print(f"comparison: {out / PAGE}", soft_wrap=True)


def _source_and_k(text: str) -> tuple[str, int]:
    source, _, k = text.rpartition("=")
    if not source or not k.isdecimal() or not int(k):
        raise UserError(f"--k {text}: write SOURCE=K, such as AMO-Bench=8")
    return source, int(k)
