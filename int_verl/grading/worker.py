"""The processes in which answers are compared symbolically.

``serve`` runs in a *nursery*: a small process that imports math-verify once and forks a worker whenever the pool asks
(10 ms, against the half second that the imports cost). The first worker is forked before math-verify is imported, so
that the first answer need not wait for it; such a worker answers ``cold`` where it would be needed. A worker answers
one request after another over its own socket. A comparison that hangs is ended from outside with SIGKILL; nothing here
relies on alarms.

No process outlives its owner: the nursery leaves when its control socket closes or its parent is gone, and workers die
with the nursery (``PR_SET_PDEATHSIG``).
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from typing import Any

HEADER = struct.Struct("!I")
MAX_MESSAGE = 4 << 20
_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 1.0

# Audit events that nothing in a comparison has a reason to raise.
_FORBIDDEN = frozenset(
    {
        "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.spawn", "os.remove", "os.rename",
        "os.rmdir", "os.mkdir", "os.kill", "os.chmod", "os.chown", "os.link", "os.symlink", "os.truncate",
        "subprocess.Popen", "socket.connect", "socket.bind", "shutil.rmtree", "pty.spawn", "ctypes.dlopen",
        "signal.pthread_kill",
    }
)  # fmt: skip


def send(channel: socket.socket, message: Any) -> None:
    """Write one JSON message."""
    data = json.dumps(message).encode()
    channel.sendall(HEADER.pack(len(data)) + data)


def receive(channel: socket.socket) -> Any:
    """Read one JSON message; None when the other side is gone.

    Raises:
        TimeoutError: the channel has a timeout and it passed.
    """
    head = _receive_exactly(channel, HEADER.size)
    if head is None:
        return None
    (size,) = HEADER.unpack(head)
    if size > MAX_MESSAGE:
        return None
    body = _receive_exactly(channel, size)
    return None if body is None else json.loads(body)


def _receive_exactly(channel: socket.socket, size: int) -> bytes | None:
    chunks = b""
    while len(chunks) < size:
        chunk = channel.recv(size - len(chunks))
        if not chunk:
            return None
        chunks += chunk
    return chunks


def serve(control_fd: int, memory_mb: int) -> None:
    """The nursery's main loop. Requests: ``spawn`` (with the worker's end of a socket pair) and ``kill`` (a pid)."""
    control = socket.socket(fileno=control_fd)
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setrecursionlimit(5_000)
    from int_verl.maths import thorough_comparison as judge

    judge.warm_up_engine()
    children: set[int] = set()
    _reply(control, {"ready": os.getpid()})
    warm = False
    while True:
        if children and not warm:
            judge.warm_up()
            gc.collect()
            gc.freeze()
            warm = True
        readable, _, _ = select.select([control], [], [], _POLL_SECONDS)
        _reap(children)
        if os.getppid() != parent:
            break
        if not readable:
            continue
        request, worker_fd = _receive_request(control)
        if request is None:
            break
        if request["do"] == "spawn" and worker_fd is not None:
            pid = os.fork()
            if pid == 0:
                control.close()
                _work(socket.socket(fileno=worker_fd), memory_mb)
                os._exit(0)
            os.close(worker_fd)
            children.add(pid)
            _reply(control, {"pid": pid, "warm": warm})
        elif request["do"] == "kill":
            _kill(children, request["pid"])
    for pid in list(children):
        _kill(children, pid)


def _reply(control: socket.socket, message: dict[str, Any]) -> None:
    control.send(json.dumps(message).encode())


def _receive_request(control: socket.socket) -> tuple[Any, int | None]:
    """One request with the file descriptor that came with it; (None, None) when the owner is gone."""
    descriptors = array.array("i")
    try:
        data, ancillary, _, _ = control.recvmsg(4096, socket.CMSG_LEN(descriptors.itemsize))
    except OSError:
        return None, None
    if not data:
        return None, None
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    return json.loads(data), (descriptors[0] if descriptors else None)


def _reap(children: set[int]) -> None:
    while children:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            children.clear()
            return
        if pid == 0:
            return
        children.discard(pid)


def _kill(children: set[int], pid: int) -> None:
    """Only the nursery reaps its children, so that a pid in ``children`` is never somebody else's."""
    if pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        children.discard(pid)


def _work(channel: socket.socket, memory_mb: int) -> None:
    """A worker's life: one comparison a message, until the channel closes."""
    nursery = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != nursery:
        return
    limit = memory_mb << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.addaudithook(_refuse)
    from int_verl.maths import thorough_comparison as judge

    while True:
        request = receive(channel)
        if request is None:
            return
        gold, answer = request
        try:
            verdict, how = judge.judge(gold, answer) if answer is not None else judge.inspect(gold)
        except judge.Cold:
            verdict, how = "cold", ""
        except MemoryError:
            # The heap may be left in pieces; the pool starts a fresh worker.
            send(channel, ["too_large", "memory"])
            return
        except RecursionError:
            verdict, how = "too_large", "recursion"
        except Exception as problem:
            verdict, how = "error", type(problem).__name__
        send(channel, [verdict, how])


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    """Audit hook: a comparison starts no process, writes no file and opens no connection."""
    if event in _FORBIDDEN:
        raise PermissionError(f"refused in a grading worker: {event}")
    if event == "open" and isinstance(args[1], str) and any(letter in args[1] for letter in "wax+"):
        raise PermissionError("refused in a grading worker: writing a file")
