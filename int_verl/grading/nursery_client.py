"""The owner's side of a nursery (`nursery.py`): it is started for the first worker and again if it dies."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from int_verl.grading.nursery import ARGUMENTS, receive

_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from int_verl.grading.nursery import main; main()"
)
START_SECONDS = 300.0
"So long may each step of a start take: the first imports, the slow ones, a worker's own."
_KILLED = frozenset([signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
"Signals that no answer makes a process send itself."
_GROWN_KB = 512 << 10
"A worker that was killed after it had grown by more may have been what filled the machine's memory."


class PoolError(Exception):
    """The worker processes could not be started, or died under a request."""


class CannotBegin(PoolError):
    """A worker was started and said why it can answer nothing, or ended before it could."""


@dataclass(frozen=True, slots=True)
class WorkerKind:
    """What workers do, and in what kind of process.

    Example: ``WorkerKind("int_verl.grading.comparisons:Comparisons", {"memory_mb": 2048})``
    """

    task: str
    """``MODULE:CLASS`` of a `nursery.Task`."""
    arguments: Mapping[str, Any]
    """What the class is called with; sent as JSON."""
    options: tuple[str, ...] = ()
    """The interpreter's."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beside the owner's."""
    tries: int = 1
    """How many workers may die of a request."""
    forgiven: int = 0
    """How many more may be killed under it by somebody else."""
    died: str = "its process died"
    """What is said when too many did."""


@dataclass(slots=True, eq=False)
class Worker:
    """A process that has begun its task."""

    pid: int
    channel: socket.socket
    warm: bool
    """Whether it was forked with the task's slow imports done."""

    def seconds_without_processor(self) -> float:
        """For how long, in its whole life, it was ready to run and had to wait; 0 where the system does not say.

        Source: ``/proc/PID/schedstat``, Documentation/scheduler/sched-stats.rst of Linux.
        """
        try:
            return int(Path(f"/proc/{self.pid}/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
        except (OSError, IndexError):
            return 0.0


class Nursery:
    """The nursery process; threads may share it."""

    def __init__(self, kind: WorkerKind) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False
        self.warm = False
        """Whether it is known to have done the task's slow imports."""

    def pids(self) -> list[int]:
        """Its process id, if it runs."""
        return [self._process.pid] if self._process and self._process.poll() is None else []

    def spawn(self) -> Worker:
        """A new worker; a nursery that is at its slow imports is waited for.

        Raises:
            CannotBegin: it said so, or ended.
            PoolError: it could not be started, or a step of its start took longer than `START_SECONDS`.
        """
        try:
            return self._spawn()
        except CannotBegin:
            if self._kind.tries == 1:
                raise
        except PoolError:
            if self._closed:
                raise
        return self._spawn()

    def kill(self, worker: Worker) -> None:
        """End a worker and all that it started, without waiting for that."""
        worker.channel.close()
        control = self._control
        with contextlib.suppress(OSError):  # a nursery that is gone took its workers with it
            if control is not None:
                control.send(json.dumps({"do": "kill", "pid": worker.pid}).encode())

    def was_killed(self, worker: Worker) -> bool:
        """Whether a worker that is dead was killed by somebody else, rather than by what it was doing; it is buried.

        A signal that processes send each other says so, unless the worker had grown much: then the machine may have
        run out of memory because of it. The nursery does nothing that could end it, so its end is somebody's doing.
        """
        worker.channel.close()
        try:
            end = self._command({"do": "bury", "pid": worker.pid})
        except PoolError:
            return True
        return end["signal"] in _KILLED and end["grown_kb"] < _GROWN_KB

    def close(self) -> None:
        """End it and its workers, whatever they are doing."""
        self._closed = True
        control = self._control
        with contextlib.suppress(OSError):
            if control is not None:
                control.shutdown(socket.SHUT_RDWR)  # whoever waits for a worker stops waiting
        with self._lock:
            self._stop()

    def abandon(self) -> None:
        """In a forked child: drop what belongs to the parent, without a word to its processes."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            # Not our child: keep Popen from waiting for it.
            self._process.returncode = 0

    def _spawn(self) -> Worker:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                reply = self._command({"do": "spawn"}, [theirs.fileno()])
        except (PoolError, OSError) as problem:
            ours.close()
            raise PoolError(f"cannot start a grading worker: {problem}") from problem
        self.warm = reply["warm"]
        worker = Worker(reply["pid"], ours, reply["warm"])
        fault = _fault_at_begin(worker)
        if fault is not None:
            self.kill(worker)
            raise CannotBegin(fault)
        return worker

    def _command(self, request: dict[str, Any], passed: Sequence[int] = ()) -> Any:
        """The reply to a request; no nursery is started for any but a ``spawn``."""
        with self._lock:
            if not self.pids():
                if request["do"] != "spawn" or self._closed:
                    raise PoolError("the nursery process is gone")
                self._start()
            assert self._control is not None
            with contextlib.suppress(OSError):
                socket.send_fds(self._control, [json.dumps(request).encode()], passed)
                if (reply := receive(self._control)) is not None:
                    return reply
            self._stop()
            raise PoolError("the nursery process died")

    def _start(self) -> None:
        self._stop()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        package_root = str(Path(__file__).resolve().parents[2])
        path = [package_root, *(entry for entry in sys.path if isinstance(entry, str) and entry)]
        output = None if os.environ.get("INT_VERL_GRADING_DEBUG") else subprocess.DEVNULL
        task = self._kind.task.split(":")
        try:
            self._process = subprocess.Popen(
                [sys.executable, *self._kind.options, "-c", _BOOTSTRAP, json.dumps(path), str(theirs.fileno()), *task],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                # Not on the command line, which everybody on the machine may read.
                env={**os.environ, **self._kind.environment, ARGUMENTS: json.dumps(self._kind.arguments)},
            )
        except OSError as problem:
            self._stop()
            raise PoolError(f"cannot start the grading processes: {problem}") from problem
        finally:
            theirs.close()
        self._control.settimeout(START_SECONDS)
        with contextlib.suppress(OSError):
            if receive(self._control) is not None:
                return
        self._stop()
        raise PoolError("the grading processes did not start; set INT_VERL_GRADING_DEBUG=1 to see why")

    def _stop(self) -> None:
        self.warm = False
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
            self._process.kill()
            self._process.wait()
            self._process = None


def _fault_at_begin(worker: Worker) -> str | None:
    try:
        worker.channel.settimeout(START_SECONDS)
        said = receive(worker.channel)
    except TimeoutError:
        return f"importing it did not end within {START_SECONDS:g} s"
    except OSError:
        said = None
    fault: str | None = said["fault"] if said else "importing it ended the process"
    return fault
