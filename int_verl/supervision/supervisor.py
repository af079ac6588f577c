"""The process between this program and a command: whatever happens to either, nothing that the command started stays.

    python -m int_verl.supervision.supervisor PARENT_PID COMMAND ...

It is the reaper of everything the command starts: torchrun's ranks, Ray's daemons and workers, vLLM's engine.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from int_verl.supervision.family import adopting_orphans, descendants, end_all, reap, signal_when_parent_dies

GRACE_SECONDS = 3.0
_GRACE_AFTER_THE_END = 2.0


def supervise(parent: int, argv: list[str]) -> int:
    """Runs `argv`; ends it and all its descendants when told to (SIGTERM) or when `parent` dies.

    Returns the exit code of `argv`, or 143 when stopped.
    """
    stop = False

    def ask_to_stop(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):  # the parent's affair
        signal.signal(ignored, signal.SIG_IGN)
    signal_when_parent_dies(signal.SIGTERM)
    with adopting_orphans():
        if os.getppid() != parent:
            return 143
        child = _start(argv)
        threading.Thread(target=_wake_when_parent_dies, daemon=True).start()
        code = None
        while code is None and not stop and os.getppid() == parent:
            code = reap().get(child)
            time.sleep(0.05)
        end_all(_all_below, GRACE_SECONDS if code is None else _GRACE_AFTER_THE_END)
    return 143 if code is None else code if code >= 0 else 128 - code


def _start(argv: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(name, signal.SIG_DFL)
    signal_when_parent_dies(signal.SIGKILL)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        print(f"{argv[0]}: {error}", file=sys.stderr, flush=True)
        os._exit(127)


def _all_below() -> list[int]:
    reap()
    return descendants([os.getpid()])


def _wake_when_parent_dies() -> None:
    """Somebody may have stopped this process (SIGSTOP), and then the main thread's SIGTERM waits."""
    signal_when_parent_dies(signal.SIGCONT)
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(supervise(int(sys.argv[1]), sys.argv[2:]))
