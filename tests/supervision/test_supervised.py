"""Real processes: whoever of this process, the supervisor and the command ends first, nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from int_verl.supervision.supervised import Supervised
from tests.quickstart_files import ROOT
from tests.supervision.families import FAMILY, processes_with, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    mark = f"{tmp_path.name}-{os.getpid()}"
    yield mark
    for pid in processes_with(mark):  # of a test that failed
        os.kill(pid, signal.SIGKILL)


def start(folder: Path, mark: str, script: str = FAMILY) -> Supervised:
    """A family that is up."""
    log = folder / "log"
    with log.open("wb") as file:
        family = Supervised([sys.executable, "-c", script, mark], file, os.environ)
    assert wait_for(lambda: b"up" in log.read_bytes())
    return family


def supervisor_of(mark: str) -> int:
    (pid,) = (pid for pid in processes_with(mark) if b"supervision.supervisor" in cmdline(pid))
    return pid


def cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_killed_supervisor_leaves_nothing(tmp_path: Path, mark: str) -> None:
    own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    family = start(tmp_path, mark)
    assert len(processes_with(mark)) == 4
    time.sleep(1.5)
    os.kill(supervisor_of(mark), signal.SIGKILL)
    assert family.wait(20)
    assert family.poll() == 128 + signal.SIGKILL
    assert not processes_with(mark)
    assert own.poll() is None, "a child of this process's own is left alone"
    own.kill()
    own.wait()


def test_a_supervisor_that_was_killed_at_once_leaves_nothing(tmp_path: Path, mark: str) -> None:
    with (tmp_path / "log").open("wb") as file:
        family = Supervised([sys.executable, "-c", FAMILY, mark], file, os.environ)
    assert wait_for(lambda: processes_with(mark))
    os.kill(supervisor_of(mark), signal.SIGKILL)
    assert family.wait(20)
    assert not processes_with(mark)


def test_a_stopped_supervisor_is_set_going(tmp_path: Path, mark: str) -> None:
    family = start(tmp_path, mark)
    os.kill(supervisor_of(mark), signal.SIGSTOP)
    assert wait_for(lambda: state(supervisor_of(mark)) == "T")
    assert wait_for(lambda: state(supervisor_of(mark)) != "T")
    os.kill(supervisor_of(mark), signal.SIGSTOP)
    family.stop()
    assert not processes_with(mark)


def test_a_command_ends_with_the_daemons_that_it_leaves(tmp_path: Path, mark: str) -> None:
    family = start(tmp_path, mark, FAMILY.removesuffix("time.sleep(600)\n") + "sys.exit(7)\n")
    assert family.wait(20)
    assert family.poll() == 7
    assert not processes_with(mark)


PARENT = """
import pathlib, sys
from tests.supervision.test_supervised import start
family = start(pathlib.Path(sys.argv[1]), sys.argv[1].rpartition("/")[2] + "-" + sys.argv[2])
print("up", flush=True)
family.wait(600)
"""


@pytest.mark.parametrize("first", [None, signal.SIGSTOP])
def test_a_killed_parent_leaves_nothing_even_if_the_supervisor_was_stopped(
    first: signal.Signals | None, tmp_path: Path, mark: str
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), str(os.getpid())], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    if first is not None:
        os.kill(supervisor_of(mark), first)
    parent.kill()
    parent.wait()
    assert wait_for(lambda: not processes_with(mark))


def test_both_killed_in_one_moment_the_command_itself_ends(tmp_path: Path, mark: str) -> None:
    """No process is left that could end its daemons; docs/security.md says what could."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), str(os.getpid())], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    supervisor = supervisor_of(mark)
    (command,) = (pid for pid in processes_with(mark) if os.getsid(pid) == supervisor != pid)
    for pid in (parent.pid, supervisor):  # so that neither sees the other's end
        os.kill(pid, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    parent.kill()
    parent.wait()
    assert wait_for(lambda: command not in processes_with(mark))
