"""On which addresses a run listens, as `ss -ltnp` shows it, measured while it runs."""

from __future__ import annotations

import contextlib
import ipaddress
import threading
from types import TracebackType

import psutil


class Listening:
    """Looks every half second, within the block, at all sockets of a process and its descendants.

    with Listening(process.pid) as listening:
        process.wait()
    listening.beyond_loopback
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.seen: set[tuple[str, str]] = set()
        "Program and address."

    def __enter__(self) -> Listening:
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    @property
    def beyond_loopback(self) -> set[tuple[str, str]]:
        return {(program, address) for program, address in self.seen if not _is_loopback(address)}

    def _look(self) -> None:
        while not self._end.wait(0.5):
            with contextlib.suppress(psutil.NoSuchProcess):
                for process in (self._root, *self._root.children(recursive=True)):
                    with contextlib.suppress(psutil.Error):
                        self._add(process)

    def _add(self, process: psutil.Process) -> None:
        for socket in process.net_connections("tcp"):
            if socket.status == psutil.CONN_LISTEN:
                self.seen.add((process.name(), socket.laddr.ip))


def _is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
