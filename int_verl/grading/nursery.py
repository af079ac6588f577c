"""The processes of a pool: a nursery, and the workers that it forks.

The *nursery* is a small process that prepares a `Task` once and forks a worker whenever the pool asks (10 ms, against
the half second that imports may cost). The first worker is forked before the task's slow imports are done, so that the
first request need not wait for them; such a worker answers ``cold`` where they would be needed. A worker answers one
request after another over its own socket. A request that hangs is ended from outside with SIGKILL; nothing here relies
on alarms. How a worker ended, the nursery alone can tell, as its parent.

No process outlives its owner: the nursery leaves when its control socket closes or its parent is gone, and workers die
with the nursery (``PR_SET_PDEATHSIG``). Each worker leads a process group, which is killed as a whole.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

from int_verl.errors import UserError

ARGUMENTS = "INT_VERL_TASK_ARGUMENTS"
"The variable of the nursery's environment that holds its task's arguments, as JSON."
_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 1.0
_MAX_MESSAGE = 4 << 20
_MOST_ENDS = 64

Answer = Callable[[Any], tuple[Literal["done", "last", "cold"], Any]]
"""Request -> reply, and how it goes on: ``last``, the worker ends; ``cold``, no reply, the slow imports are needed."""


class Task(ABC):
    """What workers do. It is made in the nursery, before the first worker, with arguments that came as JSON."""

    def warm_up(self) -> None:  # noqa: B027
        """In the nursery, once the first worker is at work: what takes long."""

    @abstractmethod
    def begin(self) -> Answer:
        """In a worker, before the first request.

        Raises:
            UserError: no request can be answered.
        """


def send(channel: socket.socket, message: Any) -> None:
    """Write one message: a line of JSON."""
    channel.sendall(json.dumps(message).encode() + b"\n")


def receive(channel: socket.socket) -> Any:
    """Read the one message that is on its way; None when the other side is gone.

    Raises:
        TimeoutError: the channel has a timeout and it passed.
    """
    with channel.makefile("rb") as lines:
        line = lines.readline(_MAX_MESSAGE)
    return json.loads(line) if line.endswith(b"\n") else None


class _Children:
    """The workers that live, and how those ended that do not.

    Only the nursery reaps its children, so that a pid among them is never somebody else's.
    """

    def __init__(self) -> None:
        self.pids: set[int] = set()
        self._ends: dict[int, dict[str, int]] = {}

    def kill(self, pid: int) -> None:
        """End a worker and its process group, if it lives."""
        if pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            self.reap(pid)

    def reap(self, pid: int, options: int = 0) -> None:
        """Take leave of a worker that has ended."""
        done, status, usage = os.wait4(pid, options)
        if not done:
            return
        self.pids.discard(pid)
        grown = usage.ru_maxrss - _resident_kb()
        self._ends[pid] = {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "grown_kb": max(grown, 0)}
        while len(self._ends) > _MOST_ENDS:
            del self._ends[next(iter(self._ends))]

    def end(self, pid: int) -> dict[str, int]:
        """By which signal a worker ended (0: none), and by how much it had outgrown the nursery by then."""
        return self._ends.pop(pid, {"signal": 0, "grown_kb": 0})


def _resident_kb() -> int:
    """This process's memory now. Its `ru_maxrss` is not asked where it need not be: Linux keeps in it what the caller
    that it was forked from had, which may be the memory of a whole trainer."""
    try:
        with open("/proc/self/statm", encoding="ascii") as pages:  # noqa: PTH123 - pathlib is not imported here
            return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 10
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """The nursery's life. Requests: ``spawn`` (with a worker's end of a socket pair), ``kill`` and ``bury`` (a pid)."""
    control_fd, module, name = sys.argv[2:]
    arguments = os.environ.pop(ARGUMENTS)
    control = socket.socket(fileno=int(control_fd))
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # an owner may have left it ignored, and then nobody can wait
    task: Task = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    children = _Children()
    send(control, {"ready": os.getpid()})
    warm = False
    while True:
        if children.pids and not warm:
            task.warm_up()
            warm = True
        readable, _, _ = select.select([control], [], [], _POLL_SECONDS)
        for pid in list(children.pids):
            children.reap(pid, os.WNOHANG)
        if os.getppid() != parent:
            break
        if not readable:
            continue
        request, worker_fd = _receive_request(control)
        if request is None:
            break
        if request["do"] == "spawn" and worker_fd is not None:
            children.pids.add(pid := _fork_worker(task, control, worker_fd))
            send(control, {"pid": pid, "warm": warm})
        else:
            children.kill(request["pid"])
            if request["do"] == "bury":
                send(control, children.end(request["pid"]))
    for pid in list(children.pids):
        children.kill(pid)


def _fork_worker(task: Task, control: socket.socket, worker_fd: int) -> int:
    pid = os.fork()
    if pid == 0:
        control.close()
        _work(task, socket.socket(fileno=worker_fd))
        os._exit(0)
    os.close(worker_fd)
    _lead_group(pid)
    return pid


def _receive_request(control: socket.socket) -> tuple[Any, int | None]:
    """One request with the file descriptor that came with it; (None, None) when the owner is gone."""
    try:
        data, descriptors, _, _ = socket.recv_fds(control, 4096, 1)
    except OSError:
        return None, None
    return json.loads(data or b"null"), (descriptors[0] if descriptors else None)


def _lead_group(pid: int) -> None:
    """Done on both sides of a fork, so that neither has to wait for the other."""
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)


def _work(task: Task, channel: socket.socket) -> None:
    """A worker's life: it says whether it can begin, then answers one request a message until the channel closes."""
    nursery = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != nursery:
        return
    _lead_group(os.getpid())
    try:
        answer = task.begin()
    except UserError as error:
        send(channel, {"fault": str(error)})
        return
    send(channel, {"fault": None})
    while (request := receive(channel)) is not None:
        state, reply = answer(request)
        send(channel, [state, reply])
        if state == "last":
            return
