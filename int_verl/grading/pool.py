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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from int_verl.grading.messages import receive, send

_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from int_verl.grading.nursery import main; main()"
)
_START_SECONDS = 120.0
_CONTROL_SECONDS = 60.0
_live: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


class PoolError(Exception):
    """The worker processes could not be started, or died under a request."""


class CannotBegin(PoolError):
    """A worker was started and said why it can answer nothing, or ended before it could."""


class StillImporting(TimeoutError):
    """The deadline passed while the processes were importing: it says nothing about the request."""


@dataclass(frozen=True, slots=True)
class WorkerKind:
    """What the workers of a pool do, and in what kind of process.

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
class _Worker:
    pid: int
    channel: socket.socket
    warm: bool
    """Whether it was forked with the task's slow imports done."""


class WorkerPool:
    """Up to ``workers`` processes, started as they are needed.

    Args:
        kind: what they do.
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
        self._condition = threading.Condition()
        self._control_lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._started = 0
        self._nursery: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False
        self._all_warm = False
        self._warming = False

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

    def _exchange(self, worker: _Worker, request: Any, deadline: float) -> tuple[str, Any]:
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
                self._discard(worker)
        return state, reply

    def warm(self) -> None:
        """Start the nursery and one worker with all imports done, and wait for them."""
        worker = self._acquire(False, 0.0)
        self._release(worker)
        if not worker.warm:
            with contextlib.suppress(StillImporting):
                self._release(self._acquire(True, time.monotonic() + _START_SECONDS))

    def pids(self) -> list[int]:
        """Process ids of the nursery and of the idle workers."""
        with self._condition:
            nursery = [self._nursery.pid] if self._nursery and self._nursery.poll() is None else []
            return nursery + [worker.pid for worker in self._idle]

    def close(self) -> None:
        """End all processes and wait for the nursery; later requests raise `PoolError`."""
        if self._pid != os.getpid():
            return
        with self._condition:
            self._closed = True
            idle, self._idle = self._idle, []
            self._condition.notify_all()
        for worker in idle:
            worker.channel.close()
        with self._control_lock:
            self._stop_nursery()

    # -- workers

    def _acquire(self, need_warm: bool, deadline: float) -> _Worker:
        """A worker of one's own.

        Raises:
            StillImporting: a warm one is needed and there is none before the deadline.
        """
        if self._pid != os.getpid():
            self._abandon()
        with self._condition:
            while True:
                if self._closed:
                    raise PoolError("the grader is closed")
                for k in reversed(range(len(self._idle))):
                    if self._idle[k].warm or not need_warm:
                        return self._idle.pop(k)
                if self._started < self._size and (self._all_warm or not need_warm):
                    self._started += 1
                    break
                if not need_warm:
                    self._condition.wait()
                    continue
                if not self._all_warm and not self._warming:
                    self._warming = True
                    threading.Thread(target=self._replace_cold, name="int-verl-grading", daemon=True).start()
                if not self._condition.wait(max(deadline - time.monotonic(), 0.0)) and time.monotonic() >= deadline:
                    raise StillImporting
        try:
            return self._spawn()
        except BaseException:
            self._forget()
            raise

    def _replace_cold(self) -> None:
        """Wait for the nursery's imports, add a worker that has them and retire those that have not."""
        worker = None
        with contextlib.suppress(PoolError):
            worker = self._spawn()
        with self._condition:
            self._warming = False
            idle, self._idle = self._idle, []
            if worker is not None:
                self._all_warm = worker.warm
                self._started += 1
                idle.append(worker)
            for one in idle:
                self._release(one)
            self._condition.notify_all()

    def _release(self, worker: _Worker) -> None:
        with self._condition:
            if self._closed or (self._all_warm and not worker.warm):
                worker.channel.close()
                self._started -= 1
            else:
                self._idle.append(worker)
            self._condition.notify_all()

    def _discard(self, worker: _Worker) -> None:
        self._end(worker)
        self._forget()

    def _end(self, worker: _Worker) -> None:
        worker.channel.close()
        with contextlib.suppress(PoolError, OSError):
            self._command({"do": "kill", "pid": worker.pid})

    def _forget(self) -> None:
        with self._condition:
            self._started -= 1
            self._condition.notify_all()

    def _spawn(self) -> _Worker:
        """A new worker that has begun."""
        for attempt in range(2):
            ours, theirs = socket.socketpair()
            try:
                reply = self._command({"do": "spawn"}, theirs)
            except (PoolError, OSError) as problem:
                ours.close()
                if attempt or self._closed:
                    raise PoolError(f"cannot start a grading worker: {problem}") from problem
                continue
            finally:
                theirs.close()
            worker = _Worker(reply["pid"], ours, reply["warm"])
            fault = self._fault_at_begin(worker)
            if fault is None:
                return worker
            self._end(worker)
            if attempt or self._kind.tries == 1:
                raise CannotBegin(fault)
        raise AssertionError("unreachable")

    @staticmethod
    def _fault_at_begin(worker: _Worker) -> str | None:
        try:
            worker.channel.settimeout(_START_SECONDS)
            said = receive(worker.channel)
        except TimeoutError:
            return f"importing it did not end within {_START_SECONDS:g} s"
        except OSError:
            said = None
        fault: str | None = said["fault"] if said else "importing it ended the process"
        return fault

    # -- nursery

    def _command(self, request: dict[str, Any], passed: socket.socket | None = None) -> Any:
        with self._control_lock:
            starts = request["do"] == "spawn"
            if self._nursery is None or self._nursery.poll() is not None:
                if not starts or self._closed:
                    raise PoolError("the nursery process is gone")
                self._start_nursery()
            assert self._control is not None
            with contextlib.suppress(OSError):
                fds = [passed.fileno()] if passed else []
                socket.send_fds(self._control, [json.dumps(request).encode()], fds)
                reply = self._nursery_reply() if starts else {}
                if reply is not None:
                    return reply
            self._stop_nursery()
            raise PoolError("the nursery process died")

    def _nursery_reply(self) -> Any:
        """None if there is none."""
        assert self._control is not None
        with contextlib.suppress(OSError, ValueError):
            return json.loads(self._control.recv(4096) or b"null")

    def _start_nursery(self) -> None:
        self._stop_nursery()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        package_root = str(Path(__file__).resolve().parents[2])
        path = [package_root, *(entry for entry in sys.path if isinstance(entry, str) and entry)]
        output = None if os.environ.get("INT_VERL_GRADING_DEBUG") else subprocess.DEVNULL
        task = [*self._kind.task.split(":"), json.dumps(self._kind.arguments)]
        try:
            self._nursery = subprocess.Popen(
                [sys.executable, *self._kind.options, "-c", _BOOTSTRAP, json.dumps(path), str(theirs.fileno()), *task],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **self._kind.environment},
            )
        except OSError as problem:
            ours.close()
            raise PoolError(f"cannot start the grading processes: {problem}") from problem
        finally:
            theirs.close()
        self._control = ours
        self._all_warm = False
        ours.settimeout(_START_SECONDS)
        if self._nursery_reply() is None:
            self._stop_nursery()
            raise PoolError("the grading processes did not start; set INT_VERL_GRADING_DEBUG=1 to see why")
        ours.settimeout(_CONTROL_SECONDS)

    def _stop_nursery(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._nursery is not None:
            try:
                self._nursery.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._nursery.kill()
                self._nursery.wait()
            self._nursery = None

    def _abandon(self) -> None:
        """In a forked child: drop what belongs to the parent, without a word to its processes."""
        if self._control is not None:
            self._control.close()
        for worker in self._idle:
            worker.channel.close()
        if self._nursery is not None:
            # Not our child: keep Popen from waiting for it.
            self._nursery.returncode = 0
        self._reset()


def _after_fork() -> None:
    for pool in list(_live):
        pool._abandon()


def _at_exit() -> None:
    for pool in list(_live):
        pool.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
