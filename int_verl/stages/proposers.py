"""Other proposers over a run's attempts, each in a run folder of its own below it, for one table of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from int_verl.console import SafeConsole
from int_verl.run.run import Run
from int_verl.run.take_over import take_over
from int_verl.run_files import ANALYSIS
from int_verl.settings.compose import compose
from int_verl.stages.assemble import schedule_of

PROPOSERS = f"{ANALYSIS}/proposers"


def propose_by(
    proposers: Mapping[str, str], config_file: Path | None, overrides: Sequence[str], console: SafeConsole
) -> tuple[Path, dict[str, Path]]:
    """Run the generator with these settings, and over its attempts once more with each other proposer.

    Nothing is drawn twice: the journal answers for the attempts, and for whatever an earlier start has drawn. Controls
    are drawn by the run itself alone.

    Args:
        proposers: name -> model, as `proposer.path`.

    Returns:
        The run's folder, and name -> the folder of the run with that proposer.
    """
    run = Run(compose(config_file, overrides), console)
    schedule_of(run, "guide").execute()
    folders = {}
    for name, model in proposers.items():
        console.print(f"proposed by {name}, {model}")
        folder = folders[name] = run.folder / PROPOSERS / name
        take_over(run.folder.path, folder)
        own = ["guide.controls=[]"]
        flags = {"run.dir": str(folder), "proposer.path": model}
        schedule_of(Run(compose(config_file, [*overrides, *own], flags), console), "guide").execute()
    return run.folder.path, folders
