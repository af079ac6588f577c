"""A pool of worker processes that cannot hang, leak or go deaf.

Workers are forked by a nursery process (see `nursery.py`), started as a plain subprocess on first use: nothing of the
owner's ``__main__`` is imported again, no ``multiprocessing`` is involved, so it works in daemonic processes, Ray
actors and threads. The deadline is kept here, in the owner, with a socket timeout. A worker that misses it is killed
and replaced; so is one that died. A pool inherited by a fork starts anew.

The deadline is that of a request in the hands of a worker which can answer it, and moves on by the time for which that
worker waits for a processor: a busy machine is no fault of the answer. What comes before has bounds of its own: a
start, imports and all, ends within `START_SECONDS` for each of its steps, and a queue moves on at least as often as the
requests before it meet their deadlines.
"""

from __future__ import annotations

import atexit
import os
import select
import threading
import time
import weakref
from typing import Any

from int_verl.grading.nursery import receive, send
from int_verl.grading.nursery_client import CannotBegin, Nursery, PoolError, Worker, WorkerKind

__all__ = ["CannotBegin", "PoolError", "WorkerKind", "WorkerPool"]

_MOST_PAUSE = 2.0
"Seconds between two tries where somebody kills workers; whatever does may need them to be done."
_MOST_WAITING = 10
"At most so many times its limit is a request given for the time in which its worker had no processor."
_LEAST_WAITING = 0.01
"Seconds without a processor that are worth another look; fewer are ordinary scheduling."


class WorkerPool:
    """Up to ``workers`` processes, started as they are needed.

    Args:
        workers: most processes at a time; while the slow imports are going on, one more.
        timeout: seconds for one request, from the moment a worker that can answer it has it; those in which the
            worker is ready to run and has no processor are not counted, up to ten times as many.
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
        self._failures = 0
        self._failure = PoolError()

    def ask(self, request: Any) -> Any:
        """A worker's reply to a request; both are JSON.

        Raises:
            TimeoutError: there was none before the deadline.
            PoolError: no worker could be started, or too many died.
        """
        deaths = kills = 0
        need_warm = False
        while True:
            state, reply = self._exchange(self._acquire(need_warm), request)
            if state == "cold":
                need_warm = True
            elif state == "died":
                deaths += 1
                if deaths >= self._kind.tries:
                    raise PoolError(self._kind.died)
            elif state == "killed":
                kills += 1
                if kills > self._kind.forgiven:
                    raise PoolError(f"{self._kind.died}, killed by somebody else")
                time.sleep(min(0.05 * 2**kills, _MOST_PAUSE))
            else:
                return reply

    def warm(self) -> None:
        """Start the nursery and one worker with all imports done, and wait for them."""
        for need_warm in (False, True):
            self._release(self._acquire(need_warm))

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

    def _exchange(self, worker: Worker, request: Any) -> tuple[str, Any]:
        """What a worker says to a request, and the worker back among the idle ones if it is still of use.

        Raises:
            TimeoutError: it says nothing before the deadline.
        """
        state, reply = "died", None
        start, had_waited = time.monotonic(), worker.seconds_without_processor()
        try:
            worker.channel.settimeout(self._timeout)
            send(worker.channel, request)
            self._await_reply(worker, start, had_waited)
            state, reply = receive(worker.channel) or (state, None)
        except TimeoutError:
            state = "late"
            raise
        except OSError:
            pass
        finally:
            if state == "died":
                state = "killed" if self._nursery.was_killed(worker) else state
            elif state not in ("done", "cold"):
                self._nursery.kill(worker)
            self._release(worker if state in ("done", "cold") else None)
        return state, reply

    def _await_reply(self, worker: Worker, start: float, had_waited: float) -> None:
        """Until a worker says something or is gone.

        Raises:
            TimeoutError: it does neither before the deadline.
        """
        said = select.poll()
        said.register(worker.channel, select.POLLIN)
        given, deadline = 0.0, start + self._timeout
        while not said.poll(max(deadline - time.monotonic(), 0) * 1000):
            waited = min(worker.seconds_without_processor() - had_waited, _MOST_WAITING * self._timeout)
            if waited - given < _LEAST_WAITING:
                raise TimeoutError
            given, deadline = waited, start + self._timeout + waited

    def _acquire(self, need_warm: bool) -> Worker:
        """A worker of one's own; there is no deadline for it.

        Raises:
            PoolError: one could not be started, and there is none to wait for.
        """
        if self._pid != os.getpid():
            self.abandon()
        with self._condition:
            failures = self._failures
            while True:
                if self._closed:
                    raise PoolError("the grader is closed")
                if self._nursery.warm:
                    self._retire_cold()
                for worker in reversed(self._idle):
                    if worker.warm or not need_warm:
                        self._idle.remove(worker)
                        return worker
                replaces = need_warm and not self._nursery.warm
                if self._failures > failures and (replaces or not self._started):
                    raise type(self._failure)(*self._failure.args)  # all who wait for a start share its end
                if not self._replacing if replaces else self._started < self._size:
                    break
                self._condition.wait()
            self._started += 1
            self._replacing |= replaces
        try:
            return self._nursery.spawn()
        except PoolError as problem:
            self._failure = problem
            self._failures += 1
            self._release(None)
            raise
        except BaseException:
            self._release(None)
            raise
        finally:
            with self._condition:
                self._replacing &= not replaces
                self._condition.notify_all()

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


_live: weakref.WeakSet[WorkerPool] = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(_live):
        pool.abandon()


def _at_exit() -> None:
    for pool in list(_live):
        pool.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
