"""The process between a run and a trainer: whatever happens to either, nothing that the trainer started stays.

    python -m int_verl.trainers.supervisor PARENT_PID COMMAND ...

It is the reaper of everything the trainer starts: torchrun's ranks, Ray's daemons and workers, vLLM's engine.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

GRACE_SECONDS = 3.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _descendants(root: int) -> list[int]:
    parents = {}  # of every process on this machine
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended in the meantime
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, frontier = [], [root]
    while frontier:
        frontier = [pid for pid, parent in parents.items() if parent in frontier]
        found += frontier
    return found


def _reap() -> dict[int, int]:
    """Collects ended children: process id -> exit code, negative for a signal."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def _end_all(grace: float) -> None:
    """SIGTERM to every descendant, SIGKILL to what is left after `grace` seconds."""
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while True:
        _reap()
        pids = _descendants(os.getpid())
        if not pids:
            return
        overdue = time.monotonic() > deadline
        for pid in pids:
            if overdue or pid not in asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if overdue else signal.SIGTERM)
        asked |= set(pids)
        time.sleep(0.05)


def supervise(parent: int, argv: list[str]) -> int:
    """Runs `argv`; ends it and all its descendants when told to (SIGTERM), when standard input closes or `parent` dies.

    Returns the exit code of `argv`, or 143 when stopped.
    """
    stop = False

    def ask_to_stop(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    os.set_blocking(0, False)
    if os.getppid() != parent:
        return 143
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        try:
            os.execvp(argv[0], argv)
        except OSError as error:
            print(f"{argv[0]}: {error}", file=sys.stderr, flush=True)
            os._exit(127)
    code = None
    while not stop and code is None:
        code = _reap().get(child)
        with contextlib.suppress(BlockingIOError):
            stop = stop or os.read(0, 1) == b""
        time.sleep(0.05)
    _end_all(GRACE_SECONDS if code is None else 2.0)
    return 143 if code is None else code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(supervise(int(sys.argv[1]), sys.argv[2:]))
