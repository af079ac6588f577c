"""Servers on loopback that answer as a test wants it, down to the bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

HANG = b"HANG"
Behaviour = Callable[[dict[str, Any]], bytes]
"""Request body -> the bytes of an answer; `HANG`: none, and the connection stays."""


@dataclass
class Server:
    behaviour: Behaviour
    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    delay: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"content-length: (\d+)", head, re.I)
            assert length is not None
            body = json.loads(await reader.readexactly(int(length[1])))
            self.headers.append(head)
            self.requests.append(body)
            await asyncio.sleep(self.delay)
            said = self.behaviour(body)
            if said == HANG:
                await asyncio.sleep(3600)
            writer.write(said)
            await writer.drain()
            writer.close()
        self.at_once -= 1


@contextlib.contextmanager
def serve(behaviour: Behaviour, delay: float = 0.0) -> Iterator[Server]:
    """A server in a thread of its own."""
    server, ready, stops = Server(behaviour, delay=delay), threading.Event(), []

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))
        listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()  # what hangs is cancelled with the loop

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield server
    finally:
        stops[0]()
        thread.join(20)


def http(status: str, body: bytes, more: str = "", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n{more}\r\n"
    return head.encode() + body


def completion(content: str | None, finish_reason: str = "stop") -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish_reason}
    return http("200 OK", json.dumps({"choices": [choice]}).encode())


def mark_of(request: dict[str, Any]) -> str:
    """The id that the question asks for."""
    found = re.search(r'<verdict id="([0-9a-f]{16})">VERDICT</verdict>', request["messages"][0]["content"])
    assert found is not None
    return found[1]


def block(request: dict[str, Any], word: str = "correct") -> str:
    return f'<verdict id="{mark_of(request)}">{word}</verdict>'
