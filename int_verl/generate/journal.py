"""The engine's memo: a completion once drawn is never asked for again.

Resume is memoisation. The generator has no notion of where it was; started again it makes the same requests, and
those that the journal holds come back at once. The key of a completion is what determines it: model revision,
prompt token ids, sampling and seed.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import time
from array import array
from pathlib import Path
from types import TracebackType

from int_verl.errors import UserError
from int_verl.generate.engines.base import Completion, Request

_FORMAT = 1
_SECONDS_BETWEEN_COMMITS = 0.5


def request_key(model_revision: str, request: Request) -> bytes:
    """SHA-256 of everything that determines a completion; equal on every machine."""
    sampling = request.sampling
    head = struct.pack(
        "<qqqdd", request.seed, sampling.max_tokens, sampling.top_k, sampling.temperature, sampling.top_p
    )
    digest = hashlib.sha256(model_revision.encode() + b"\0" + head)
    digest.update(_pack(request.prompt_ids))
    return digest.digest()


def _pack(token_ids: tuple[int, ...]) -> bytes:
    return array("i", token_ids).tobytes()


def _unpack(blob: bytes) -> tuple[int, ...]:
    token_ids = array("i")
    token_ids.frombytes(blob)
    return tuple(token_ids)


class Journal:
    """Completions by key, in one SQLite file.

    Writes are committed at most every half second, so that a killed run loses at most what came in since; those
    requests are drawn again with the same seeds.

    Raises:
        UserError: the file is not a journal, is damaged, or another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version not in (0, _FORMAT):
                raise UserError(f"{path}: journal format {version}, this version reads {_FORMAT}; use another run.dir")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS completions "
                "(key BLOB PRIMARY KEY, finish_reason TEXT NOT NULL, token_ids BLOB NOT NULL) WITHOUT ROWID"
            )
            self._db.execute(f"PRAGMA user_version={_FORMAT}")
        except sqlite3.OperationalError as error:
            raise UserError(f"{path}: {error}; is another run using this folder, or the disk full?") from error
        except sqlite3.DatabaseError as error:
            raise UserError(
                f"{path}: not a journal, or damaged ({error}); move it away to draw everything anew"
            ) from error
        self._open = False
        self._committed_at = time.monotonic()

    def get(self, key: bytes) -> Completion | None:
        row = self._db.execute("SELECT finish_reason, token_ids FROM completions WHERE key = ?", (key,)).fetchone()
        return Completion(_unpack(row[1]), row[0]) if row else None

    def put(self, key: bytes, completion: Completion) -> None:
        try:
            if not self._open:
                self._db.execute("BEGIN")
                self._open = True
            self._db.execute(
                "INSERT OR REPLACE INTO completions VALUES (?, ?, ?)",
                (key, completion.finish_reason, _pack(completion.token_ids)),
            )
            if time.monotonic() - self._committed_at > _SECONDS_BETWEEN_COMMITS:
                self.commit()
        except sqlite3.OperationalError as error:
            raise UserError(f"{self.path}: {error}; free the disk and run the same command again") from error

    def commit(self) -> None:
        if self._open:
            self._db.execute("COMMIT")
            self._open = False
        self._committed_at = time.monotonic()

    def __len__(self) -> int:
        (count,) = self._db.execute("SELECT count(*) FROM completions").fetchone()
        return int(count)

    def close(self) -> None:
        try:
            self.commit()
        finally:
            self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
