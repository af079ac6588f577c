"""A pool of worker processes that cannot hang, leak or go deaf.

Workers are forked by a nursery process (see `nursery.py`), started as a plain subprocess on first use: nothing of the
owner's ``__main__`` is imported again, no ``multiprocessing`` is involved, so it works in daemonic processes, Ray
actors and threads. The deadline is kept here, in the owner, with a socket timeout. A worker that misses it is killed
and replaced; one that died is replaced and its request tried once more. A pool inherited by a fork starts anew.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from int_verl.grading.nursery import receive, send

_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from int_verl.grading.nursery import serve; serve(int(sys.argv[2]), int(sys.argv[3]))"
)
_START_SECONDS = 120.0
_CONTROL_SECONDS = 60.0
_live: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


STILL_IMPORTING = "still importing math-verify"
"What a timeout means that says nothing about the answer."


class PoolError(Exception):
    """The worker processes could not be started, or died twice under the same request."""


@dataclass(slots=True, eq=False)
class _Worker:
    pid: int
    channel: socket.socket
    warm: bool
    """Whether it was forked with math-verify imported."""


class WorkerPool:
    """Up to ``workers`` processes, started as they are needed.

    Args:
        workers: most processes at a time.
        timeout: wall-clock seconds for one request, from the moment a worker has it.
        memory_mb: address space of one worker (``RLIMIT_AS``).
    """

    def __init__(self, workers: int, timeout: float, memory_mb: int = 2048) -> None:
        self._size = workers
        self._timeout = timeout
        self._memory_mb = memory_mb
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

    def ask(self, gold: str, answer: str | None) -> tuple[str, str]:
        """Have a worker judge a pair, or inspect a gold if there is no answer.

        Returns:
            (verdict, means); the verdict is ``timeout`` if the deadline passed.

        Raises:
            PoolError: no worker could be started, or two in a row died.
        """
        deaths = 0
        need_warm = False
        first = deadline = 0.0
        while deaths < 2:
            worker = self._acquire(need_warm, first + self._timeout)
            if worker is None:
                return "timeout", STILL_IMPORTING
            # Waiting for the imports counts, so that the whole call keeps to the limit.
            now = time.monotonic()
            first = first or now
            deadline = max(deadline, now + self._timeout * (0.05 if need_warm else 1.0))
            reply: Any = None
            try:
                worker.channel.settimeout(deadline - now)
                send(worker.channel, [gold, answer])
                reply = self._reply(worker.channel, deadline)
            except TimeoutError:
                self._discard(worker)
                return "timeout", "deadline"
            except OSError:
                reply = None
            except BaseException:
                self._discard(worker)
                raise
            if reply is None or reply[1] == "memory":
                self._discard(worker)
            else:
                self._release(worker)
            if reply is None:
                deaths += 1
            elif reply[0] == "cold":
                need_warm = True
            else:
                return reply[0], reply[1]
        raise PoolError("two grading workers died under the same answer")

    @staticmethod
    def _reply(channel: socket.socket, deadline: float) -> Any:
        channel.settimeout(max(deadline - time.monotonic(), 1e-3))
        return receive(channel)

    def warm(self) -> None:
        """Start the nursery and one worker with all imports done, and wait for them."""
        worker = self._acquire(False, 0.0)
        assert worker is not None
        self._release(worker)
        if not worker.warm:
            worker = self._acquire(True, time.monotonic() + _START_SECONDS)
            if worker is not None:
                self._release(worker)

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

    def _acquire(self, need_warm: bool, deadline: float) -> _Worker | None:
        """A worker of one's own; None if a warm one is needed and there is none before the deadline."""
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
                    return None
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
            if worker is not None:
                self._all_warm = worker.warm
                self._started += 1
                kept = []
                for idle in self._idle:
                    if idle.warm:
                        kept.append(idle)
                    else:
                        idle.channel.close()
                        self._started -= 1
                self._idle = kept
                if self._closed:
                    worker.channel.close()
                else:
                    self._idle.append(worker)
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
        worker.channel.close()
        with contextlib.suppress(PoolError, OSError):
            self._command({"do": "kill", "pid": worker.pid})
        self._forget()

    def _forget(self) -> None:
        with self._condition:
            self._started -= 1
            self._condition.notify_all()

    def _spawn(self) -> _Worker:
        for attempt in range(2):
            ours, theirs = socket.socketpair()
            try:
                reply = self._command({"do": "spawn"}, theirs)
                return _Worker(reply["pid"], ours, reply["warm"])
            except (PoolError, OSError) as problem:
                ours.close()
                if attempt or self._closed:
                    raise PoolError(f"cannot start a grading worker: {problem}") from problem
            finally:
                theirs.close()
        raise AssertionError("unreachable")

    # -- nursery

    def _command(self, request: dict[str, Any], passed: socket.socket | None = None) -> Any:
        with self._control_lock:
            starts = request["do"] == "spawn"
            if self._nursery is None or self._nursery.poll() is not None:
                if not starts or self._closed:
                    raise PoolError("the nursery process is gone")
                self._start_nursery()
            control = self._control
            assert control is not None
            try:
                data = json.dumps(request).encode()
                if passed is None:
                    control.send(data)
                else:
                    socket.send_fds(control, [data], [passed.fileno()])
                reply = json.loads(control.recv(4096) or b"null") if starts else {}
            except (OSError, ValueError):
                reply = None
            if reply is None:
                self._stop_nursery()
                raise PoolError("the nursery process died")
            return reply

    def _start_nursery(self) -> None:
        self._stop_nursery()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        package_root = str(Path(__file__).resolve().parents[2])
        path = [package_root, *(entry for entry in sys.path if isinstance(entry, str) and entry)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        try:
            self._nursery = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    "-c",
                    _BOOTSTRAP,
                    json.dumps(path),
                    str(theirs.fileno()),
                    str(self._memory_mb),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None if os.environ.get("INT_VERL_GRADING_DEBUG") else subprocess.DEVNULL,
                start_new_session=True,
                env=environment,
            )
        except OSError as problem:
            ours.close()
            raise PoolError(f"cannot start the grading processes: {problem}") from problem
        finally:
            theirs.close()
        self._control = ours
        self._all_warm = False
        ours.settimeout(_START_SECONDS)
        try:
            ready = json.loads(ours.recv(4096) or b"null")
        except (OSError, ValueError):
            ready = None
        if ready is None:
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
