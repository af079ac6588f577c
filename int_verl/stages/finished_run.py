"""A run folder whose generator's stages are done, written from rows that other runs made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from int_verl.console import SafeConsole
from int_verl.generate.problem_rows import ProblemRows
from int_verl.generate.tables import stages_up_to, write_tables
from int_verl.problems.sets import write_problems
from int_verl.progress import StageProgress
from int_verl.run.run import Run
from int_verl.run.schedule import IDENTITY
from int_verl.run_files import HELDOUT_PROBLEMS, TRAIN_PROBLEMS, tables_of
from int_verl.settings.generation import Until
from int_verl.stages.assemble import Stages, schedule_of


def run_with(config: DictConfig, changes: Mapping[str, Any], console: SafeConsole) -> Run:
    """The run of these settings with some that are others."""
    changed = OmegaConf.merge(config, dict(changes))
    assert isinstance(changed, DictConfig)
    return Run(changed, console)


def begin(run: Run) -> None:
    """Write the settings and the problems into the run's folder, whose lock is held.

    Raises:
        UserError: the folder holds another run.
    """
    run.folder.remember(run.config, IDENTITY)
    write_problems(run.folder / TRAIN_PROBLEMS, run.problems.train)
    write_problems(run.folder / HELDOUT_PROBLEMS, run.problems.heldout)


def complete(
    run: Run,
    rows: Iterable[ProblemRows],
    until: Until,
    progress: StageProgress,
    requests: Mapping[str, float] | None = None,
) -> dict[str, dict[str, Any]]:
    """Write the tables of `rows`, what lies beside them, and that the stages up to `until` are done.

    Args:
        requests: for the counts of `until`.

    Returns:
        Stage -> counts.
    """
    with progress:
        tables = tables_of(run.settings.turns.environment is not None)
        counts = write_tables(run.folder.path, rows, until, progress, tables)
    if requests is not None:
        counts[until]["requests"] = requests
    dataflow = Stages(run, until).dataflow
    dataflow.advise(counts)
    dataflow.release(counts)
    schedule_of(run, until).seal({stage: counts[stage] for stage in stages_up_to(until)})
    return counts
