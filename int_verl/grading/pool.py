"""A pool of worker processes that cannot hang, leak or go deaf.

Workers are forked by a nursery process (see `nursery.py`), started as a plain subprocess on first use: nothing of the
owner's ``__main__`` is imported again, no ``multiprocessing`` is involved, so it works in daemonic processes, Ray
actors and threads. The deadline is kept here, in the owner, with a socket timeout. A worker that misses it is killed
and replaced; so is one that died. A pool inherited by a fork starts anew.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
import weakref
from typing import Any

from int_verl.grading.nursery import receive, send
from int_verl.grading.nursery_handle import START_SECONDS, Nursery, PoolError, Worker, WorkerKind

_live: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


class StillImporting(TimeoutError):
    """The deadline passed while the processes were importing: it says nothing about the request."""


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
            idle, self._idle = self._idle, []
            self._condition.notify_all()
        for worker in idle:
            worker.channel.close()
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
                self._forget()
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
            self._forget()
            raise

    def _replace_cold(self) -> None:
        """Wait for the nursery's imports, and add a worker that has them."""
        worker = None
        with contextlib.suppress(PoolError):
            worker = self._nursery.spawn()
        with self._condition:
            self._replacing = False
            if worker is None:
                self._forget()
            else:
                self._release(worker)

    def _retire_cold(self) -> None:
        """Let go of idle workers that have not the imports."""
        for worker in [worker for worker in self._idle if not worker.warm]:
            worker.channel.close()
            self._idle.remove(worker)
            self._started -= 1

    def _release(self, worker: Worker) -> None:
        with self._condition:
            if self._closed:
                worker.channel.close()
                self._started -= 1
            else:
                self._idle.append(worker)
            self._condition.notify_all()

    def _forget(self) -> None:
        with self._condition:
            self._started -= 1
            self._condition.notify_all()


def _after_fork() -> None:
    for pool in list(_live):
        pool.abandon()


def _at_exit() -> None:
    for pool in list(_live):
        pool.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
