"""The engine's memo: a completion once drawn is never asked for again.

Resume is memoisation. The generator has no notion of where it was; started again it makes the same requests, and
those that the journal holds come back at once. The key of a completion is what determines it: model revision,
prompt token ids, sampling and seed.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import zlib
from array import array
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from int_verl.errors import UserError
from int_verl.generate.engines.base import Completion, Request

_FORMAT = 2
_ZSTD = pa.Codec("zstd", 1)


def request_key(model_revision: str, request: Request) -> bytes:
    """16 bytes of SHA-256 over everything that determines a completion; equal on every machine."""
    sampling = request.sampling
    head = struct.pack(
        "<qqqdd", request.seed, sampling.max_tokens, sampling.top_k, sampling.temperature, sampling.top_p
    )
    return hashlib.sha256(model_revision.encode() + b"\0" + head + _prompt_digest(request.prompt_ids)).digest()[:16]


@lru_cache(maxsize=16)
def _prompt_digest(prompt_ids: tuple[int, ...]) -> bytes:
    """Remembered, because the rollouts of one guided prefix are asked for one after another."""
    return hashlib.sha256(_pack(prompt_ids)).digest()


def _pack(token_ids: tuple[int, ...]) -> bytes:
    return array("i", token_ids).tobytes()


def _unpack(packed: bytes) -> tuple[int, ...]:
    token_ids = array("i")
    token_ids.frombytes(packed)
    return tuple(token_ids)


def _checksum(key: bytes, finish_reason: str, tokens: int, token_ids: bytes) -> int:
    """CRC-32 of a row, the key with which it was asked for included."""
    return zlib.crc32(token_ids, zlib.crc32(b"%b%b%d" % (key, finish_reason.encode(), tokens)))


class Journal:
    """Completions by key, in one SQLite file.

    Every write is a transaction of its own, which the system has before `put` returns: a killed run loses only what
    was in flight. Every row has a checksum, so what a damaged file still gives is what was put; a damaged row counts
    in `damaged` and is drawn again. The file is held for this process alone as long as it is open.

    Raises:
        UserError: from every method: the file is not a journal, is damaged, another process holds it, or the disk is
            full.
    """

    def __init__(self, path: Path, timeout: float = 5.0) -> None:
        """`timeout`: seconds to wait for another process to let go of the file."""
        self.path = path
        self.damaged = 0
        "Rows that were found but do not match their checksum."
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=timeout)
        except sqlite3.Error as error:
            raise self._mendable(error) from error
        self._db.text_factory = lambda text: text.decode(errors="replace")  # of a damaged row
        try:
            self._prepare()
        except UserError:
            self._db.close()
            raise

    def _prepare(self) -> None:
        # Exclusive: no shared memory, so that it also works where the folder lies on a network file system.
        self._execute("PRAGMA locking_mode=EXCLUSIVE")
        self._execute("PRAGMA journal_mode=WAL")
        self._execute("PRAGMA synchronous=NORMAL")
        ((version,),) = self._execute("PRAGMA user_version")
        if version == 0:
            self._execute("BEGIN IMMEDIATE")
            self._execute(
                "CREATE TABLE completions (key BLOB PRIMARY KEY, finish_reason TEXT NOT NULL, "
                "tokens INTEGER NOT NULL, token_ids BLOB NOT NULL, checksum INTEGER NOT NULL)"
            )
            self._execute(f"PRAGMA user_version={_FORMAT}")
            self._execute("COMMIT")
        elif version != _FORMAT:
            raise UserError(f"{self.path}: journal format {version}, this version reads {_FORMAT}; use another run.dir")
        # Losses and replies came later than the format.
        self._execute(
            "CREATE TABLE IF NOT EXISTS losses (key BLOB PRIMARY KEY, words TEXT NOT NULL, runs INTEGER NOT NULL)"
        )
        self._execute(
            "CREATE TABLE IF NOT EXISTS replies (key BLOB PRIMARY KEY, said BLOB NOT NULL, checksum INTEGER NOT NULL)"
        )

    def get(self, key: bytes) -> Completion | None:
        """The completion, or None if there is none that is whole."""
        rows = self._execute("SELECT finish_reason, tokens, token_ids, checksum FROM completions WHERE key = ?", (key,))
        if not rows:
            return None
        finish_reason, tokens, token_ids, checksum = rows[0]
        if not isinstance(token_ids, bytes) or checksum != _checksum(key, str(finish_reason), tokens, token_ids):
            self.damaged += 1
            return None
        return Completion(_unpack(_ZSTD.decompress(token_ids, 4 * tokens, asbytes=True)), finish_reason)

    def put(self, key: bytes, completion: Completion) -> None:
        """Keep a completion; when this returns, a kill does not lose it."""
        tokens = len(completion.token_ids)
        token_ids = _ZSTD.compress(_pack(completion.token_ids), asbytes=True)
        checksum = _checksum(key, completion.finish_reason, tokens, token_ids)
        self._execute(
            "INSERT OR REPLACE INTO completions VALUES (?, ?, ?, ?, ?)",
            (key, completion.finish_reason, tokens, token_ids, checksum),
        )

    def losses(self) -> dict[bytes, tuple[str, int]]:
        """Requests that were given up: key -> (the engine's words, in how many runs)."""
        return {key: (words, runs) for key, words, runs in self._execute("SELECT key, words, runs FROM losses")}

    def put_loss(self, key: bytes, words: str, runs: int) -> None:
        """Keep that a request was given up."""
        self._execute("INSERT OR REPLACE INTO losses VALUES (?, ?, ?)", (key, words, runs))

    def reply(self, key: bytes) -> str | None:
        """What an environment came to, or None if there is nothing that is whole."""
        rows = self._execute("SELECT said, checksum FROM replies WHERE key = ?", (key,))
        if not rows:
            return None
        said, checksum = rows[0]
        if not isinstance(said, bytes) or checksum != zlib.crc32(said, zlib.crc32(key)):
            self.damaged += 1
            return None
        return zlib.decompress(said).decode("utf-8", "surrogatepass")

    def put_reply(self, key: bytes, reply: str) -> None:
        """Keep what an environment came to; when this returns, a kill does not lose it."""
        said = zlib.compress(reply.encode("utf-8", "surrogatepass"), 1)
        checksum = zlib.crc32(said, zlib.crc32(key))
        self._execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?)", (key, said, checksum))

    def absorb(self, other: Path) -> None:
        """Take in what another journal holds; what is here already stays."""
        Journal(other).close()  # is it one, and free?
        self._execute("ATTACH ? AS other", (str(other),))
        self._execute("INSERT OR IGNORE INTO completions SELECT * FROM other.completions ORDER BY rowid")
        for table in ("losses", "replies"):
            self._execute(f"INSERT OR IGNORE INTO {table} SELECT * FROM other.{table} ORDER BY rowid")
        self._execute("DETACH other")

    def __len__(self) -> int:
        ((count,),) = self._execute("SELECT count(*) FROM completions")
        return int(count)

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite quotes what it finds, text or not
            raise self._mendable(error) from error

    def _mendable(self, error: Exception) -> UserError:
        reason = " ".join(str(error).split())
        if "locked" in reason:
            what, remedy = "held by another process", "end that run or database shell and run the same command again"
        elif any(words in reason for words in ("full", "readonly", "unable to open", "I/O")):
            what, remedy = "cannot be written", "free the disk or mend its rights, and run the same command again"
        else:
            what = "not a journal, or damaged"
            remedy = "move it away, with the -wal file beside it, to draw everything anew"
        return UserError(f"{self.path}: {what} ({reason}); {remedy}")

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
