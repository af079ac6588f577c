"""The tables of what a stopped run has finished, as a run of their own."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from int_verl.console import SafeConsole
from int_verl.errors import EngineError, UserError
from int_verl.run.run import Run
from int_verl.run_files import ATTEMPTS, KEPT, SPOOL, TABLES
from int_verl.settings.compose import compose
from int_verl.stages.assemble import schedule_of
from int_verl.stages.partial import take_finished
from tests.quickstart_files import QUICKSTART, write_problem_sets

# The engine is lost when problem 8 is begun, as long as the file `mortal` lies beside it.
SCRIPT = """
from pathlib import Path

from int_verl.errors import EngineError
from tests.mod23_script import script as well


def script(request):
    if request.order[0] >= 8 and Path(__file__).with_name("mortal").exists():
        raise EngineError("the machine is gone")
    return well(request)
"""
QUIET = SafeConsole(quiet=True)


def open_run(folder: Path) -> Run:
    settings = [
        f"run.dir={folder / 'run'}",
        f"problems.train={folder / 'train.jsonl'}",
        f"problems.heldout={folder / 'heldout.jsonl'}",
        "engine.name=scripted",
        f"engine.script={folder / 'mortal.py'}:script",
        "engine.in_flight=4",
    ]
    return Run(compose(QUICKSTART / "quickstart.yaml", settings), QUIET)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped when eight of its twelve problems were begun."""
    folder = tmp_path_factory.mktemp("partial")
    write_problem_sets(folder, 12, 3)
    (folder / "mortal.py").write_text(SCRIPT)
    (folder / "mortal").touch()
    with pytest.raises(EngineError, match="is gone"):
        schedule_of(open_run(folder), "guide").execute()
    return folder


def test_the_tables_are_those_of_the_whole_run_for_the_problems_that_are_finished(folder: Path) -> None:
    problems, kept = take_finished(folder / "run", folder / "part", QUIET)
    assert 0 < problems <= 8
    (folder / "mortal").unlink()
    schedule_of(open_run(folder), "guide").execute()
    assert not (folder / "run" / SPOOL).exists()
    finished = set(pq.read_table(folder / "part" / ATTEMPTS)["problem_id"].to_pylist())
    assert len(finished) == problems
    for tables in TABLES.values():
        for file, _ in tables.values():
            whole = [row for row in pq.read_table(folder / "run" / file).to_pylist() if row["problem_id"] in finished]
            assert pq.read_table(folder / "part" / file).to_pylist() == whole
    assert pq.read_table(folder / "part" / KEPT).num_rows == kept


def test_the_new_run_goes_on_with_sft(folder: Path) -> None:
    run = Run(compose(folder / "part" / "config.yaml", []), QUIET)
    actions = {task.stage.name: task.action for task in schedule_of(run, "sft").plan()}
    assert actions == {"sample": "skip", "propose": "skip", "guide": "skip", "sft": "start"}


@pytest.mark.parametrize(
    ("source", "into", "says"), [("nowhere", "new", "no run folder"), ("run", "part", "choose another")]
)
def test_what_cannot_be_taken_is_said(folder: Path, source: str, into: str, says: str) -> None:
    (folder / into).mkdir(exist_ok=True)
    (folder / into / "something").touch()
    with pytest.raises(UserError, match=says):
        take_finished(folder / source, folder / into, QUIET)


def test_a_run_that_is_done_has_its_tables(folder: Path) -> None:
    with pytest.raises(UserError, match="not at work"):
        take_finished(folder / "run", folder / "third", QUIET)
