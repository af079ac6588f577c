"""A file that another process adds to, read by whole lines."""

from __future__ import annotations

from pathlib import Path


class GrowingFile:
    """What is added to a file, by whole lines."""

    def __init__(self, path: Path, start: int = 0) -> None:
        self._path, self._offset = path, start

    def new_lines(self) -> bytes:
        """What was added since the last call; nothing while there is no such file."""
        if not self._path.exists():
            return b""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        text = text[: max(text.rfind(b"\n"), text.rfind(b"\r")) + 1]
        self._offset += len(text)
        return text
