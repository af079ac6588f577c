"""JSON messages over a socket, each behind its length."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_HEADER = struct.Struct("!I")
_MAX_MESSAGE = 4 << 20


def send(channel: socket.socket, message: Any) -> None:
    """Write one message."""
    data = json.dumps(message).encode()
    channel.sendall(_HEADER.pack(len(data)) + data)


def receive(channel: socket.socket) -> Any:
    """Read one message; None when the other side is gone.

    Raises:
        TimeoutError: the channel has a timeout and it passed.
    """
    head = _receive_exactly(channel, _HEADER.size)
    if head is None:
        return None
    (size,) = _HEADER.unpack(head)
    if size > _MAX_MESSAGE:
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
