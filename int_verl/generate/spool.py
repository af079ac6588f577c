"""Results that arrive in any order, kept on disk until they can be written in order."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from int_verl.errors import UserError
from int_verl.generate.problem_rows import ProblemRows, Row
from int_verl.run_files import TABLES, Tables


def _schema_of(tables: Tables) -> pa.Schema:
    """A row a problem, a column a table: what is read back is data of these types and nothing else."""
    schemas = {table: schema for stage in tables.values() for table, (_, schema) in stage.items()}
    return pa.schema([pa.field(table, pa.list_(pa.struct(list(schema)))) for table, schema in schemas.items()])


class Spool:
    """A scratch file of numbered results; it is made anew at every run and removed when the tables are written.

    It makes the order of the rows independent of the order in which problems finish, in constant memory. A result is an
    Arrow record batch of one row, compressed with zstd.

    Args:
        tables: that a result has (`run_files.tables_of`).
    """

    def __init__(self, path: Path, tables: Tables = TABLES) -> None:
        self.path, self._schema = path, _schema_of(tables)

    def __enter__(self) -> Spool:
        self.path.unlink(missing_ok=True)
        with self._full_disk_is_said():
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=OFF")
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute("CREATE TABLE results (number INTEGER PRIMARY KEY, size INTEGER, payload BLOB NOT NULL)")
        return self

    def put(self, number: int, result: ProblemRows) -> None:
        """Keep a result.

        Raises:
            UserError: the disk is full.
        """
        tables = {table: list(map(_with_whole_arrays, getattr(result, table))) for table in self._schema.names}
        batch = pa.RecordBatch.from_pylist([tables], schema=self._schema).serialize()
        payload = pa.compress(batch, codec="zstd", asbytes=True)
        with self._full_disk_is_said():
            self._db.execute("INSERT INTO results VALUES (?, ?, ?)", (number, batch.size, payload))

    @contextmanager
    def _full_disk_is_said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise UserError(f"{self.path}: {error}; free the disk and run the same command again") from error

    def in_order(self) -> Iterator[ProblemRows]:
        """All results by their numbers.

        Raises:
            UserError: the file was changed or damaged since.
        """
        numbers = self._db.execute("SELECT number FROM results ORDER BY number").fetchall()
        return _results(self._db, self.path, (number for (number,) in numbers), self._schema)

    def __exit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        """A run that was stopped leaves the file for `finished`."""
        self._db.close()
        if exc_type is None:
            self.path.unlink(missing_ok=True)


class FinishedProblems:
    """The problems that a run has finished until now, or had when it was stopped; those that it finishes later are not.

    A run at work is not held up: the file is free between two results. May be gone through more than once.

    Args:
        tables: as `Spool`.

    Raises:
        UserError: there is no such file, or it is damaged.
    """

    def __init__(self, path: Path, tables: Tables = TABLES) -> None:
        self.path, self._schema = path, _schema_of(tables)

    def __enter__(self) -> FinishedProblems:
        with self._missing_is_said():
            self._db = sqlite3.connect(f"file:{quote(str(self.path))}?mode=ro", uri=True, isolation_level=None)
            self.numbers = [number for (number,) in self._db.execute("SELECT number FROM results ORDER BY number")]
            "Of the problems, ascending."
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._db.close()

    def __iter__(self) -> Iterator[ProblemRows]:
        """Their rows, by their numbers."""
        with self._missing_is_said():
            yield from _results(self._db, self.path, self.numbers, self._schema)

    @contextmanager
    def _missing_is_said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UserError(f"{self.path}: {error}; no run has left its finished problems there") from error


def _with_whole_arrays(row: Row) -> Row:
    """A row whose arrays Arrow takes as they are, and not number by number."""
    return {name: np.asarray(value) if isinstance(value, array) else value for name, value in row.items()}


def _results(db: sqlite3.Connection, path: Path, numbers: Iterable[int], schema: pa.Schema) -> Iterator[ProblemRows]:
    for number in numbers:
        size, payload = db.execute("SELECT size, payload FROM results WHERE number = ?", (number,)).fetchone()
        try:
            batch = pa.ipc.read_record_batch(pa.decompress(payload, size, codec="zstd"), schema)
            batch.validate(full=True)
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError(
                f"{path}: the rows of problem {number} were changed since they were written ({error}); run the same "
                "command again, which makes this file anew"
            ) from error
        yield ProblemRows(number, **batch.to_pylist()[0])
