"""A pool of worker processes that cannot hang, leak or go deaf.

Workers are forked by a nursery process (see `nursery.py`), started as a plain subprocess on first use: nothing of the
owner's ``__main__`` is imported again, no ``multiprocessing`` is involved, so it works in daemonic processes, Ray
actors and threads. The deadline is kept here, in the owner, with a socket timeout. A worker that misses it is killed
and replaced; so is one that died. A pool inherited by a fork starts anew.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from int_verl.grading.nursery import receive, send

_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from int_verl.grading.nursery import main; main()"
)
START_SECONDS = 120.0
_CONTROL_SECONDS = 60.0


class PoolError(Exception):
    """The worker processes could not be started, or died under a request."""


class CannotBegin(PoolError):
    """A worker was started and said why it can answer nothing, or ended before it could."""


class StillImporting(TimeoutError):
    """The deadline passed while the processes were importing: it says nothing about the request."""


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
    """How many workers may die under a request."""
    died: str = "its process died"
    """What is said when they did."""


@dataclass(slots=True, eq=False)
class Worker:
    """A process that has begun its task."""

    pid: int
    channel: socket.socket
    warm: bool
    """Whether it was forked with the task's slow imports done."""


class WorkerPool:
    """Up to ``workers`` processes, started as they are needed.

    Args:
        workers: most processes at a time.
        timeout: wall-clock seconds for one request, from the moment a worker that has begun has it.
    """

    def __init__(self, kind: WorkerKind, workers: int, timeout: float) -> None:
        self._kind = kind
        self._size = workers
        self._timeout = timeout
        self._reset()
        _live.add(self)

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._nursery = Nursery(self._kind)
        self._condition = threading.Condition()
        self._idle: list[Worker] = []
        self._started = 0
        self._closed = False
        self._replacing = False

    def ask(self, request: Any) -> Any:
        """A worker's reply to a request; both are JSON.

        Raises:
            TimeoutError: there was none before the deadline.
            PoolError: no worker could be started, or too many died.
        """
        deaths = 0
        need_warm = False
        first = deadline = 0.0
        while deaths < self._kind.tries:
            worker = self._acquire(need_warm, first + self._timeout)
            # Waiting for the imports counts, so that the whole call keeps to the limit.
            now = time.monotonic()
            first = first or now
            deadline = max(deadline, now + self._timeout * (0.05 if need_warm else 1.0))
            state, reply = self._exchange(worker, request, deadline)
            if state == "died":
                deaths += 1
            elif state == "cold":
                need_warm = True
            else:
                return reply
        raise PoolError(self._kind.died)

    def warm(self) -> None:
        """Start the nursery and one worker with all imports done, and wait for them."""
        worker = self._acquire(False, 0.0)
        self._release(worker)
        if not worker.warm:
            with contextlib.suppress(StillImporting):
                self._release(self._acquire(True, time.monotonic() + START_SECONDS))

    def pids(self) -> list[int]:
        """Process ids of the nursery and of the idle workers."""
        with self._condition:
            return self._nursery.pids() + [worker.pid for worker in self._idle]

    def close(self) -> None:
        """End all processes and wait for the nursery; later requests raise `PoolError`."""
        if self._pid != os.getpid():
            return
        with self._condition:
            self._closed = True
            while self._idle:
                self._idle.pop().channel.close()
            self._condition.notify_all()
        self._nursery.close()

    def abandon(self) -> None:
        """In a forked child: leave the parent's processes alone and start anew."""
        self._nursery.abandon()
        for worker in self._idle:
            worker.channel.close()
        self._reset()

    def _exchange(self, worker: Worker, request: Any, deadline: float) -> tuple[str, Any]:
        """What a worker says to a request, and the worker back among the idle ones if it is still of use."""
        state, reply = "died", None
        try:
            worker.channel.settimeout(max(deadline - time.monotonic(), 1e-3))
            send(worker.channel, request)
            worker.channel.settimeout(max(deadline - time.monotonic(), 1e-3))
            state, reply = receive(worker.channel) or (state, None)
        except TimeoutError:
            raise
        except OSError:
            pass
        finally:
            if state in ("done", "cold"):
                self._release(worker)
            else:
                self._nursery.kill(worker)
                self._release(None)
        return state, reply

    def _acquire(self, need_warm: bool, deadline: float) -> Worker:
        """A worker of one's own.

        Raises:
            StillImporting: a warm one is needed and there is none before the deadline.
        """
        if self._pid != os.getpid():
            self.abandon()
        with self._condition:
            while True:
                if self._closed:
                    raise PoolError("the grader is closed")
                if self._nursery.warm:
                    self._retire_cold()
                for worker in reversed(self._idle):
                    if worker.warm or not need_warm:
                        self._idle.remove(worker)
                        return worker
                if self._started < self._size and (self._nursery.warm or not need_warm):
                    self._started += 1
                    break
                if need_warm and not self._nursery.warm and not self._replacing:
                    self._replacing = True
                    self._started += 1
                    threading.Thread(target=self._replace_cold, name="int-verl-grading", daemon=True).start()
                left = deadline - time.monotonic() if need_warm else None
                if left is not None and left <= 0:
                    raise StillImporting
                self._condition.wait(left)
        try:
            return self._nursery.spawn()
        except BaseException:
            self._release(None)
            raise

    def _replace_cold(self) -> None:
        """Wait for the nursery's imports, and add a worker that has them."""
        worker = None
        with contextlib.suppress(PoolError):
            worker = self._nursery.spawn()
        with self._condition:
            self._replacing = False
            self._release(worker)

    def _retire_cold(self) -> None:
        """Let go of idle workers that have not the imports."""
        for worker in [worker for worker in self._idle if not worker.warm]:
            worker.channel.close()
            self._idle.remove(worker)
            self._started -= 1

    def _release(self, worker: Worker | None) -> None:
        """Put a worker back among the idle ones; None: there is one less."""
        with self._condition:
            if worker is not None and not self._closed:
                self._idle.append(worker)
            else:
                self._started -= 1
                if worker is not None:
                    worker.channel.close()
            self._condition.notify_all()


class Nursery:
    """The nursery process, started for the first worker and again if it dies; threads may share it."""

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
        """A new worker.

        Raises:
            CannotBegin: it said so, or ended.
            PoolError: it could not be started.
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
        """End a worker and all that it started."""
        worker.channel.close()
        with contextlib.suppress(PoolError, OSError):
            self._command({"do": "kill", "pid": worker.pid})

    def close(self) -> None:
        """End it and its workers, whatever they are doing."""
        self._closed = True
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
        worker = Worker(reply["pid"], ours, reply["warm"])
        fault = _fault_at_begin(worker)
        if fault is not None:
            self.kill(worker)
            raise CannotBegin(fault)
        return worker

    def _command(self, request: dict[str, Any], passed: Sequence[int] = ()) -> Any:
        """The reply to a request; nothing is said to a ``kill``, and no nursery is started for it."""
        with self._lock:
            starts = request["do"] == "spawn"
            if not self.pids():
                if not starts or self._closed:
                    raise PoolError("the nursery process is gone")
                self._start()
            assert self._control is not None
            with contextlib.suppress(OSError):
                socket.send_fds(self._control, [json.dumps(request).encode()], passed)
                if not starts:
                    return None
                if (reply := receive(self._control)) is not None:
                    self.warm = reply["warm"]
                    return reply
            self._stop()
            raise PoolError("the nursery process died")

    def _start(self) -> None:
        self._stop()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        package_root = str(Path(__file__).resolve().parents[2])
        path = [package_root, *(entry for entry in sys.path if isinstance(entry, str) and entry)]
        output = None if os.environ.get("INT_VERL_GRADING_DEBUG") else subprocess.DEVNULL
        task = [*self._kind.task.split(":"), json.dumps(self._kind.arguments)]
        try:
            self._process = subprocess.Popen(
                [sys.executable, *self._kind.options, "-c", _BOOTSTRAP, json.dumps(path), str(theirs.fileno()), *task],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **self._kind.environment},
            )
        except OSError as problem:
            self._stop()
            raise PoolError(f"cannot start the grading processes: {problem}") from problem
        finally:
            theirs.close()
        self._control.settimeout(START_SECONDS)
        with contextlib.suppress(OSError):
            if receive(self._control) is not None:
                self._control.settimeout(_CONTROL_SECONDS)
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


_live: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_live):
        pool.abandon()


def _at_exit() -> None:
    for pool in list(_live):
        pool.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
