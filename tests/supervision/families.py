"""Commands whose processes resist: in sessions of their own, forked twice, deaf to SIGTERM."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

FAMILY = """
import os, pathlib, signal, subprocess, sys, time
# A daemon of a daemon in a session of its own, as Ray's are.
child = subprocess.Popen([sys.executable, "-c", "import subprocess, sys, time; subprocess.Popen([sys.executable, "
    "'-c', 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)', sys.argv[1]], "
    "start_new_session=True)", sys.argv[1]], start_new_session=True)
child.wait()
# A fork of a fork that has forgotten its parents.
if not (pid := os.fork()):
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
os.waitpid(pid, 0)
print("up", flush=True)
time.sleep(600)
"""
"Three processes with the mark `sys.argv[1]` in their command lines; says `up` when all are there."


def processes_with(mark: str) -> list[int]:
    """Those with the mark in their command line, but for this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def wait_for(condition: Callable[[], object], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())
