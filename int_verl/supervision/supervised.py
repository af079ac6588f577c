"""A command under a supervisor, which this process watches in turn."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO

from int_verl.supervision.family import adopting_orphans, children, descendants, end_all, reap
from int_verl.supervision.supervisor import GRACE_SECONDS

_POLL_SECONDS = 1.0


class Supervised:
    """Runs from its making to `stop`, or to its own end.

    When the command ends, when it is stopped, when this process or the supervisor dies in whatever way, nothing of it
    stays. A supervisor that somebody stopped (SIGSTOP) is set going again. What cannot be told: this process and the
    supervisor killed in the same moment end the command itself, not its daemons.

    Args:
        argv: the command.
        log: where its output goes.
        env: its environment.
    """

    def __init__(self, argv: Sequence[str], log: IO[bytes], env: Mapping[str, str]) -> None:
        self._argv, self._log, self._env = argv, log, env
        self._process: subprocess.Popen[bytes] | None = None
        self._started, self._over = threading.Event(), threading.Event()
        # The system ties the supervisor's life to the thread that starts it.
        threading.Thread(target=self._live, name="supervised", daemon=True).start()
        self._started.wait()

    def poll(self) -> int | None:
        """The exit code, once the command and everything that it started have ended; 128 + n: killed by signal n."""
        if not self._over.is_set():
            return None
        code = self._process.returncode if self._process else 127
        return code if code >= 0 else 128 - code

    def wait(self, seconds: float) -> bool:
        """Whether it is over, after so long at most."""
        return self._over.wait(seconds)

    def stop(self) -> None:
        """Ends everything, and returns when it has ended."""
        if self._process is None:
            return
        self._process.terminate()
        if not self._over.wait(GRACE_SECONDS + 10):
            self._process.kill()
            self._over.wait(GRACE_SECONDS + 10)

    def _live(self) -> None:
        """Watches the supervisor, and ends what it leaves."""
        with adopting_orphans():
            try:
                ours = children(os.getpid())
                self._process = self._start()
                self._started.set()
                while True:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(_POLL_SECONDS)
                    now = children(os.getpid())
                    if self._process.poll() is not None:
                        break
                    ours = now  # the supervisor lives: it adopts the command's orphans, not this process
                    self._set_going()
                end_all(lambda: _left(ours), GRACE_SECONDS)
            finally:
                self._started.set()
                self._over.set()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "int_verl.supervision.supervisor", str(os.getpid()), *self._argv],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self._env,
            start_new_session=True,
        )

    def _set_going(self) -> None:
        assert self._process is not None
        if not hasattr(os, "waitid"):  # macOS
            return
        with contextlib.suppress(ChildProcessError):
            found = os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOHANG)
            if found is not None:
                self._process.send_signal(signal.SIGCONT)


def _left(ours: set[int]) -> list[int]:
    """Orphans that came to this process when the supervisor died, and all below them.

    They are in sessions of their own, while what this process starts is in its.
    """
    adopted = []
    for pid in children(os.getpid()) - ours:
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) != os.getsid(0) and not reap(pid):
                adopted.append(pid)
    return adopted + descendants(adopted)
