"""A server on this machine that answers as the Hugging Face hub does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hub:
    """Takes a data set's files from `HF_ENDPOINT`; `asked` has every request with its body."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.asked))
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Hub:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(asked: list[tuple[str, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            asked.append((f"GET {self.path}", b""))
            self.answer({"id": "someone/data", "sha": "0" * 40, "siblings": []})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            asked.append((f"POST {self.path}", body))
            if "/preupload/" in self.path:
                files = json.loads(body)["files"]
                modes = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]
                self.answer({"files": modes})
            elif "/commit/" in self.path:
                url = f"http://{self.headers['Host']}/datasets/someone/data/commit/{'1' * 40}"
                self.answer({"commitUrl": url, "commitOid": "1" * 40})
            elif self.path.endswith("/repos/create"):
                self.answer({"url": f"http://{self.headers['Host']}/datasets/someone/data", "id": "1"})
            else:
                self.answer({})

        def log_message(self, *_: object) -> None:
            pass

    return Handler
