"""The log of a trainer: what it prints, without what this process hides (`int_verl.redaction`).

verl prints its whole configuration, and with it every key that an override gave it.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import BinaryIO

from int_verl.redaction import has_hidden, redact

_LONGEST_PIECE = 1 << 20
_AT_ONCE = 1 << 16
_LAST_WORDS_SECONDS = 10.0


class TrainerLog:
    """Appends to a file what is written to the stream that it opens.

        log = TrainerLog(path)
        with log as output:
            trainer = subprocess.Popen(argv, stdout=output, stderr=output)
        trainer.wait()
        log.wait()

    Where nothing is hidden the stream is the file's own.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._copier: threading.Thread | None = None

    def __enter__(self) -> BinaryIO:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        self._stream: BinaryIO = os.fdopen(os.open(self._path, flags, 0o666), "ab")
        if has_hidden():
            output, into = os.pipe()
            self._copier = threading.Thread(target=_copy, args=(output, self._stream), daemon=True)
            self._copier.start()
            self._stream = os.fdopen(into, "wb")
        return self._stream

    def __exit__(self, *exc_info: object) -> None:
        self._stream.close()

    def wait(self) -> None:
        """Until everything is in the file that processes have written which have ended."""
        if self._copier is not None:
            self._copier.join(_LAST_WORDS_SECONDS)


def _copy(output: int, file: BinaryIO) -> None:
    """By whole lines, since what is hidden may come in two pieces."""
    rest = b""
    with file, os.fdopen(output, "rb", buffering=0) as stream:
        while piece := stream.read(_AT_ONCE):
            lines = re.split(rb"(?<=[\r\n])", rest + piece)
            rest = lines.pop()
            if len(rest) > _LONGEST_PIECE:
                lines, rest = [*lines, rest], b""
            file.write(_redacted(b"".join(lines)))
            file.flush()
        file.write(_redacted(rest))


def _redacted(text: bytes) -> bytes:
    return redact(text.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
