"""A headless Chromium with a page of ours in it, driven by its own protocol (Chrome DevTools Protocol)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from base64 import b64decode
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.request import Request, urlopen

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
DESKTOP, PHONE = (1200, 900), (390, 844)


def chromium() -> str | None:
    """A Chromium that is installed, or the one that the variable CHROME names."""
    return os.environ.get("CHROME") or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page. Use as a context manager; the browser and its profile go with it."""

    def __init__(self, program: str) -> None:
        self.profile = tempfile.mkdtemp(prefix="int-verl-chromium-")
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
        command = [program, *flags, f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.errors: list[str] = []
        "What the console complained of, and exceptions."
        self.asked: list[str] = []
        "Addresses that were asked for."
        self._number = 0
        self._stack = ExitStack()

    def __enter__(self) -> Browser:
        from websockets.sync.client import connect

        port = self._port()
        with urlopen(Request(f"http://127.0.0.1:{port}/json/new?about:blank", method="PUT"), timeout=30) as answer:
            address = json.loads(answer.read())["webSocketDebuggerUrl"]
        self.socket = self._stack.enter_context(connect(address, max_size=None, proxy=None))
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.profile, ignore_errors=True)

    def _port(self) -> int:
        file, patience = Path(self.profile) / "DevToolsActivePort", time.monotonic() + 60
        while time.monotonic() < patience:
            if file.is_file() and (lines := file.read_text().split()):
                return int(lines[0])
            time.sleep(0.05)
        raise TimeoutError("Chromium did not open its port")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self.socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv(timeout=120))
            self._note(message)
            if message.get("id") == self._number:
                assert "error" not in message, message
                return dict(message["result"])

    def _note(self, message: dict[str, Any]) -> None:
        about = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.asked.append(about["request"]["url"])
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(about["exceptionDetails"]))
        if message.get("method") == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.errors.append(about["entry"]["text"])

    def open(self, page: Path, size: tuple[int, int] = DESKTOP) -> float:
        """Show a page; returns the seconds until its rows are there."""
        width, height = size
        mobile = size == PHONE
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        began = time.monotonic()
        self.call("Page.navigate", url=page.resolve().as_uri())
        self.wait_for("document.readyState === 'complete'")
        if self.value("!!document.querySelector('article.row')"):
            self.wait_for("document.querySelector('article.row').childElementCount > 0")
        return time.monotonic() - began

    def value(self, expression: str) -> Any:
        """Of an expression in the page, awaited."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, condition: str, seconds: float = 60) -> None:
        patience = time.monotonic() + seconds
        while not self.value(condition):
            assert time.monotonic() < patience, condition
            time.sleep(0.02)

    def picture(self, path: Path) -> None:
        """The whole page as PNG."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(b64decode(shot["data"]))
