"""Processes by descent: who is whose child, and ending them however they resist."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_AFTER_KILL_SECONDS = 10.0
_lock, _reapers = threading.Lock(), 0


def prctl(option: int, value: int) -> None:
    """Linux's call; elsewhere nothing happens."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def signal_when_parent_dies(number: int) -> None:
    """Each thread may ask for a signal of its own; the parent is the thread that forked this process."""
    prctl(_PR_SET_PDEATHSIG, number)


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """Within the block a descendant whose parent dies becomes this process's child; macOS gives it to process 1."""
    global _reapers
    with _lock:
        _reapers += 1
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        with _lock:
            _reapers -= 1
            if not _reapers:
                prctl(_PR_SET_CHILD_SUBREAPER, 0)


def parents() -> dict[int, int]:
    """Process id -> parent's, of every process on this machine."""
    if not Path("/proc/self/stat").exists():  # macOS
        lines = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        return {int(pid): int(parent) for pid, parent in map(str.split, lines.splitlines())}
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended in the meantime
                found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def children(parent: int) -> set[int]:
    return {pid for pid, its_parent in parents().items() if its_parent == parent}


def descendants(roots: Collection[int]) -> list[int]:
    """Children, grandchildren and so on, nearest first; not the roots."""
    table, found = parents(), []
    frontier = list(roots)
    while frontier:
        frontier = [pid for pid, parent in table.items() if parent in frontier]
        found += frontier
    return found


def reap(pid: int = -1) -> dict[int, int]:
    """Collects this child, or all children, if ended: process id -> exit code, negative for a signal."""
    ended: dict[int, int] = {}
    while True:
        try:
            done, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return ended
        if done == 0:
            return ended
        ended[done] = os.waitstatus_to_exitcode(status)


def end_all(find: Callable[[], Collection[int]], grace: float) -> None:
    """SIGTERM to every process that `find` names, SIGKILL to those it names after `grace` seconds, until it names none.

    Gives up ten seconds later on those that the kernel does not let go of, such as one in a driver that hangs.
    """
    start = time.monotonic()
    asked: set[int] = set()
    while pids := find():
        passed = time.monotonic() - start
        if passed > grace + _AFTER_KILL_SECONDS:
            print(f"int-verl: processes that do not end: {sorted(pids)}", file=sys.stderr, flush=True)
            return
        for pid in pids:
            if passed > grace or pid not in asked:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL if passed > grace else signal.SIGTERM)
        asked |= set(pids)
        time.sleep(0.05)
