"""Which processes of a trainer that hangs do not run at all, and why; the others wait for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

_STATES = {"T": "is stopped (SIGSTOP)", "D": "waits for a disk or a network file system"}
"Of /proc/PID/stat, as proc(5) calls them. A process that waits for another sleeps, which says nothing."


def not_running(pids: Iterable[int], proc: Path = Path("/proc")) -> list[str]:
    """``["rank 1 (process 4711) is stopped (SIGSTOP)"]``; nothing where there is no /proc."""
    found = []
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended in the meantime
            state = (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
            if state in _STATES:
                found.append(f"{process_name(proc / str(pid))} (process {pid}) {_STATES[state]}")
    return found


def process_name(process: Path) -> str:
    """By its rank, where it has one."""
    environment = (process / "environ").read_bytes().decode(errors="replace").split("\0")
    ranks = [line.removeprefix("RANK=") for line in environment if line.startswith("RANK=")]
    return f"rank {ranks[0]}" if ranks else (process / "comm").read_text().strip()
