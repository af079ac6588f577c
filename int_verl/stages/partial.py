"""The problems that a run has finished so far, as a run of their own, while the first one goes on."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.generate.problem_rows import ProblemRows
from int_verl.generate.spool import FinishedProblems
from int_verl.problems.sets import read_problems
from int_verl.progress import StageProgress
from int_verl.records import PROBLEM, write_rows
from int_verl.run.folder import check_is_run
from int_verl.run.run import Run
from int_verl.run_files import CONFIG, HELDOUT_PROBLEMS, SPOOL, TRAIN_PROBLEMS, tables_of
from int_verl.settings.compose import load_yaml
from int_verl.settings.generation import UNTIL, Until
from int_verl.stages.finished_run import begin, complete, run_with

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
    check_is_run(folder)
    if into.exists() and any(into.iterdir()):
        raise UserError(f"--into {into}: something is there already; choose another folder")
    if not (folder / SPOOL).is_file():
        raise UserError(f"{folder}: its generator is not at work; what it finished is in its tables, if it ran at all")
    config = load_yaml(folder / CONFIG)
    of_conversations = OmegaConf.select(config, "turns.environment") is not None
    with FinishedProblems(folder / SPOOL, tables_of(of_conversations)) as finished:
        if not finished.numbers:
            raise UserError(f"{folder}: no problem is finished yet; try again later")
        share = Run(config, console).problems.share(read_problems(folder / TRAIN_PROBLEMS))
        numbers = set(finished.numbers)
        into.mkdir(parents=True, exist_ok=True)
        write_rows(into / _PROBLEMS, PROBLEM, (problem.row() for k, problem in enumerate(share) if k in numbers))
        write_rows(into / _HELDOUT, PROBLEM, (problem.row() for problem in read_problems(folder / HELDOUT_PROBLEMS)))
        run = _run_of(config, into, console)
        with run.folder.lock():
            begin(run)
            progress = StageProgress(console, "tables", len(numbers), "written")
            counts = complete(run, finished, _last_stage(finished), progress)
    return len(numbers), counts["guide"]["kept"]


def _last_stage(rows: Iterable[ProblemRows]) -> Until:
    """The last stage of which there are rows."""
    last = UNTIL[0]
    for one in rows:
        if one.guided:
            return UNTIL[2]
        if one.proposals:
            last = UNTIL[1]
    return last


def _run_of(config: DictConfig, folder: Path, console: SafeConsole) -> Run:
    """The run of the problems that are finished."""
    files = {"train": str(folder / _PROBLEMS), "heldout": str(folder / _HELDOUT)}
    limits = {"train_limit": None, "heldout_limit": None}
    changes = {"run": {"dir": str(folder), "shard": None}, "problems": files | limits}
    ours = deepcopy(config)
    ours.problems.columns = {}  # the files are our own
    return run_with(ours, changes, console)
