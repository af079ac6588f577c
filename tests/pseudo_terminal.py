"""What a command writes to a terminal, byte for byte, and text that no terminal may get."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HOSTILE = "\x1b]0;CANARY\x07\x1b[2J\x1b[31m\x9b2J\u202e\u2066\u200b\x08\x0c\x7f[red][bold]:smile:[/]"
"""Sets the title, clears the screen, colours, clears again, reverses, hides; then rich's own markup, with a tag
that closes nothing."""
SHOWN = r"␛]0;CANARY␇␛[2J␛[31m\x9b2J\u202e\u2066\u200b␈␌␡[red][bold]:smile:[/]"
"What is to be seen of it."
_OUR_OWN = re.compile(rb"\x1b\[[\d;]*m|\x1b\[\?25[lh]|\x1b\[\d*[AK]|\x1b\[2K")
"Colours, and the cursor of a live line."
_OBEYED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def obeyed(written: bytes) -> str:
    """What a terminal would obey in it, beside colours and a live line."""
    assert b"\x1b[31m\xc2\x9b" not in written
    return "".join(_OBEYED.findall(_OUR_OWN.sub(b"", written).decode()))


@contextmanager
def _reading(descriptor: int) -> Iterator[Callable[[], bytes]]:
    pieces: list[bytes] = []

    def read() -> None:
        try:
            while piece := os.read(descriptor, 65536):
                pieces.append(piece)
        except OSError:  # the other side is closed
            return

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def finish() -> bytes:
        thread.join(10)
        os.close(descriptor)
        return b"".join(pieces)

    yield finish


def on_terminal(call: Callable[[], Any], monkeypatch: Any) -> tuple[int, bytes]:
    """Exit code of a command that runs in this process, and what it writes to a terminal of 120 columns."""
    ours, theirs = os.openpty()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    with _reading(ours) as finish, open(theirs, "w", encoding="utf-8", newline="") as terminal:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setattr(sys, "stderr", terminal)
        code: Any = 0
        try:
            call()
        except SystemExit as done:
            code = done.code
        sys.stdout.flush()
        monkeypatch.undo()
    return int(code or 0), finish()


def child_on_terminal(argv: Sequence[str], environment: Mapping[str, str], cwd: Path) -> tuple[int, bytes]:
    """The same of a process of its own."""
    ours, theirs = os.openpty()
    with _reading(ours) as finish:
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        done = subprocess.run(argv, **streams, env=dict(environment), cwd=cwd, timeout=120)
        os.close(theirs)
        return done.returncode, finish()
