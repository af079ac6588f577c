"""Results that arrive in any order, kept on disk until they can be written in order."""

from __future__ import annotations

import pickle
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from int_verl.errors import UserError


class Spool:
    """A scratch file of numbered results; it is made anew at every run and removed at the end.

    It makes the order of the rows independent of the order in which problems finish, in constant memory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Spool:
        self.path.unlink(missing_ok=True)
        with self._full_disk_is_said():
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=OFF")
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute("CREATE TABLE results (number INTEGER PRIMARY KEY, payload BLOB NOT NULL)")
        return self

    def put(self, number: int, result: Any) -> None:
        """Keep a result.

        Raises:
            UserError: the disk is full.
        """
        payload = zlib.compress(pickle.dumps(result, protocol=5), level=1)
        with self._full_disk_is_said():
            self._db.execute("INSERT INTO results VALUES (?, ?)", (number, payload))

    @contextmanager
    def _full_disk_is_said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise UserError(f"{self.path}: {error}; free the disk and run the same command again") from error

    def in_order(self) -> Iterator[Any]:
        for (payload,) in self._db.execute("SELECT payload FROM results ORDER BY number"):
            yield pickle.loads(zlib.decompress(payload))

    def __exit__(self, *exc_info: object) -> None:
        self._db.close()
        self.path.unlink(missing_ok=True)
