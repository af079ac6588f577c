"""The spool gives back what it was given, in order, and never runs what somebody else put there."""

from __future__ import annotations

import pickle
import sqlite3
import zlib
from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from int_verl.errors import UserError
from int_verl.generate.problem_rows import ProblemRows
from int_verl.generate.spool import Spool
from int_verl.run_files import TABLES

SCHEMAS = {table: schema for stage in TABLES.values() for table, (_, schema) in stage.items()}
BY_TYPE = {
    pa.string(): "été 数学 \x1b[2J\0 \U0001f600",
    pa.int32(): -(2**31),
    pa.int64(): 2**63 - 1,
    pa.float64(): 0.1 + 0.2,
    pa.bool_(): True,
    pa.list_(pa.int32()): array("i", [0, 1, 2**31 - 1]),
}


def full_row(schema: pa.Schema) -> dict[str, Any]:
    return {field.name: BY_TYPE.get(field.type, [{"role": "user", "content": "?"}]) for field in schema}


def as_tables(rows: ProblemRows) -> dict[str, pa.Table]:
    """What the writer of the tables makes of them."""
    return {name: pa.Table.from_pylist(getattr(rows, name), schema=schema) for name, schema in SCHEMAS.items()}


FULL = ProblemRows(0, **{name: [full_row(schema), {}] for name, schema in SCHEMAS.items()})
"Of every table a row with every column, and one of nulls."


def test_every_column_of_every_table_comes_back(tmp_path: Path) -> None:
    results = {number: replace(FULL, number=number, sft=[]) if number % 2 else FULL for number in (3, 0, 2, 1)}
    with Spool(tmp_path / "spool") as spool:
        for number, rows in results.items():
            spool.put(number, rows)
        back = list(spool.in_order())
    assert [rows.number for rows in back] == [0, 1, 2, 3]
    for rows in back:
        assert as_tables(rows) == as_tables(results[rows.number])
    assert not (tmp_path / "spool").exists()


class _Touches:
    """Unpickled, it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def test_a_planted_pickle_is_not_run(tmp_path: Path) -> None:
    pickled = pickle.dumps(_Touches(tmp_path / "canary"))
    with Spool(tmp_path / "spool") as spool:
        spool.put(0, FULL)
        for payload in (pickled, zlib.compress(pickled), pa.compress(pickled, codec="zstd", asbytes=True)):
            with sqlite3.connect(tmp_path / "spool") as other:
                other.execute("UPDATE results SET payload = ?", (payload,))
            with pytest.raises(UserError, match=r"problem 0 .* same command again"):
                list(spool.in_order())
    assert not (tmp_path / "canary").exists()


def test_what_an_earlier_run_left_is_made_anew(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "spool") as old:
        old.execute("CREATE TABLE results (number INTEGER PRIMARY KEY, payload BLOB NOT NULL)")
        payload = zlib.compress(pickle.dumps(_Touches(tmp_path / "canary")))
        old.execute("INSERT INTO results VALUES (0, ?)", (payload,))
    with Spool(tmp_path / "spool") as spool:
        spool.put(7, FULL)
        assert [rows.number for rows in spool.in_order()] == [7]
    assert not (tmp_path / "canary").exists()
