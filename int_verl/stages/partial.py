"""The problems that a run has finished so far, as a run of their own, while the first one goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.generate.problem_rows import ProblemRows
from int_verl.generate.spool import finished
from int_verl.generate.tables import stages_up_to, write_tables
from int_verl.problems.sets import read_problems, write_problems
from int_verl.progress import StageProgress
from int_verl.records import PROBLEM, write_rows
from int_verl.run.run import Run
from int_verl.run.schedule import IDENTITY
from int_verl.run_files import CONFIG, HELDOUT_PROBLEMS, SPOOL, TRAIN_PROBLEMS
from int_verl.settings.compose import load_yaml
from int_verl.settings.generation import UNTIL, Until
from int_verl.stages.assemble import Stages, schedule_of

_PROBLEMS, _HELDOUT = "finished.parquet", "heldout.parquet"


def take_finished(folder: Path, into: Path, console: SafeConsole) -> tuple[int, int]:
    """Write the tables of the problems that the run in `folder` has finished into a new run folder.

    The new run is one of just these problems, with the settings of the first: its generator's stages are done, and sft
    goes on from there. The first run may be at work or may have been stopped; it is only read.

    Returns:
        How many problems, and how many interventions were kept.

    Raises:
        UserError: `folder` is no run whose generator is at work or was stopped, nothing is finished, or
            `into` is taken.
    """
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: no run folder; give the folder of a run, such as runs/quickstart")
    if into.exists() and any(into.iterdir()):
        raise UserError(f"--into {into}: something is there already; choose another folder")
    if not (folder / SPOOL).is_file():
        raise UserError(f"{folder}: its generator is not at work; what it finished is in its tables, if it ran at all")
    rows = list(finished(folder / SPOOL))
    if not rows:
        raise UserError(f"{folder}: no problem is finished yet; try again later")
    until = _last_stage(rows)
    config = load_yaml(folder / CONFIG)
    first = Run(config, console)
    share = first.problems.share(read_problems(folder / TRAIN_PROBLEMS))
    numbers = {one.number for one in rows}
    into.mkdir(parents=True, exist_ok=True)
    write_rows(into / _PROBLEMS, PROBLEM, (problem.row() for k, problem in enumerate(share) if k in numbers))
    write_rows(into / _HELDOUT, PROBLEM, (problem.row() for problem in read_problems(folder / HELDOUT_PROBLEMS)))
    run = _run_of(config, into, console)
    with run.folder.lock():
        run.folder.remember(run.config, IDENTITY)
        write_problems(run.folder / TRAIN_PROBLEMS, run.problems.train)
        write_problems(run.folder / HELDOUT_PROBLEMS, run.problems.heldout)
        with StageProgress(console, "tables", len(rows), "written") as progress:
            counts = write_tables(run.folder.path, rows, until, progress)
        dataflow = Stages(run, until).dataflow
        dataflow.advise(counts)
        dataflow.release(counts)
        schedule_of(run, until).seal({stage: counts[stage] for stage in stages_up_to(until)})
    return len(rows), counts["guide"]["kept"]


def _last_stage(rows: Sequence[ProblemRows]) -> Until:
    """The last stage of which there are rows."""
    if any(one.guided for one in rows):
        return UNTIL[2]
    return UNTIL[1] if any(one.proposals for one in rows) else UNTIL[0]


def _run_of(config: DictConfig, folder: Path, console: SafeConsole) -> Run:
    """The run of the problems that are finished."""
    files = {"train": str(folder / _PROBLEMS), "heldout": str(folder / _HELDOUT)}
    limits = {"train_limit": None, "heldout_limit": None}
    here = OmegaConf.merge(config, {"run": {"dir": str(folder), "shard": None}, "problems": files | limits})
    assert isinstance(here, DictConfig)
    here.problems.columns = {}  # the files are our own
    return Run(here, console)
