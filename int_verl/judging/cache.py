"""Verdicts by question, in one SQLite file that any number of processes share."""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

from int_verl.errors import UserError

_LOG = logging.getLogger(__name__)


class VerdictCache:
    """Scores by the digest of what was asked; neither question nor answer is kept.

    Each write is a transaction, so a killed process leaves a whole file. The first verdict on a question stays. A cache
    that fails later on, such as on a full disk, is said once in the log and then does without.

    Args:
        path: the file; None: in the memory of this process.

    Raises:
        UserError: the file cannot be opened, or is something else.
    """

    def __init__(self, path: str | None, wait: float = 10.0) -> None:
        """`wait`: seconds for other processes to finish writing."""
        self._lock, self._failed = threading.Lock(), False
        file = Path(path).expanduser() if path else None
        try:
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(file or ":memory:", timeout=wait, isolation_level=None, check_same_thread=False)
            self._db.execute("CREATE TABLE IF NOT EXISTS verdicts (key BLOB PRIMARY KEY, score REAL NOT NULL)")
        except (sqlite3.Error, OSError) as error:
            raise UserError(
                f"cache={path}: cannot be used ({error}); give another file, or move this one away"
            ) from None

    def get(self, key: bytes) -> float | None:
        """The score, or None where there is none."""
        rows = self._execute("SELECT score FROM verdicts WHERE key = ?", (key,))
        known = rows[0][0] if rows else None
        return known if isinstance(known, float) and 0 <= known <= 1 else None

    def put(self, key: bytes, score: float) -> None:
        """Keep a score, unless another process has kept one meanwhile."""
        self._execute("INSERT OR IGNORE INTO verdicts VALUES (?, ?)", (key, score))

    def _execute(self, statement: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        try:
            with self._lock:
                return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            if not self._failed:
                _LOG.warning("the judge's cache fails and is passed over: %s", error)
            self._failed = True
            return []
