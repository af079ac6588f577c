"""`int-verl merge`: join the shards of a run."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN_FOLDER...")
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The merged run's folder; a new one.",
)
def merge(folders: tuple[Path, ...], into: Path) -> None:
    """Join the runs of all shards (run.shard=i/n) into one run.

    The tables are those that one run of all problems would have written. `int-verl run` with the same settings, without
    run.shard and with run.dir=FOLDER, goes on from there with sft.
    """
    from int_verl.console import standard_output
    from int_verl.stages.merge import merge as merge_shards

    console = standard_output()
    merge_shards(folders, into, console)
    console.print(f"merged {len(folders)} shards into {into}")
