"""`int-verl run rounds=N`: the rounds after the first, and the report of all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from int_verl.run.run import Run


def run_rounds(first: Run, config_file: Path | None, overrides: tuple[str, ...], force: bool) -> None:
    """Run the rounds from the second on; what is done of each is passed over.

    It ends early where a round's policy leaves no intervention to train on: every problem is solved, or none of those
    that are left has one.
    """
    from dataclasses import replace
    from functools import partial

    import pyarrow.parquet as pq

    from int_verl.run.origin import command_line
    from int_verl.run.rounds import round_overrides
    from int_verl.run.run import Run
    from int_verl.run_files import KEPT
    from int_verl.settings.compose import compose
    from int_verl.stages.assemble import report_of, schedule_of
    from int_verl.stages.look_before import look_before

    console, settings = first.console, first.settings
    for number in range(2, settings.rounds + 1):
        changed = [*overrides, *round_overrides(settings, number)]
        run = Run(compose(config_file, changed), console)
        console.print(f"round {number} of {settings.rounds}: {run.folder.path}", soft_wrap=True)
        command = tuple(command_line("run", config_file, overrides, first.config))
        look = partial(look_before, run)
        replace(schedule_of(run, "guide", force), command=command, look=look).execute()
        if not pq.read_metadata(run.folder / KEPT).num_rows:
            console.print(f"round {number} keeps no intervention, so there is nothing to train on: the rounds end here")
            break
        replace(schedule_of(run, None), command=command, look=look).execute()
    report_of(first.folder.path, console, force=True).execute()


def planned_rounds(run: Run) -> str:
    """What `--dry-run` says of the rounds after the first."""
    rounds = run.settings.rounds
    last = f" to {rounds}" if rounds > 2 else ""
    return (
        f"round 2{last}: the same schedule in {run.folder.path}/round-N, each from the model that the one before has "
        "trained, with its own interventions on what that model does not solve"
    )
