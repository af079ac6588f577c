"""The rows of a file, or of a `datasets` set, as they are."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from int_verl.errors import UserError, first_line
from int_verl.records import read_rows

_LONGEST_FIELD = 1 << 30  # characters; csv stops at 131,072 otherwise


def raw_rows(file: str) -> Iterator[dict[str, Any]]:
    """The rows of a file, or of a data set that `datasets` loads, one at a time.

    Args:
        file: a .parquet, .jsonl or .csv file, a folder that `datasets.load_dataset` or `load_from_disk` takes, or a
            name at the hub, with ``@revision`` for another than the last; behind a folder or a name ``:split`` for a
            split other than train.

    Raises:
        UserError: no such file or data set, or a row that cannot be read.
    """
    return file_rows(file) if _is_file(file) else _dataset_rows(file)


def with_split(file: str, split: str) -> str:
    """What `raw_rows` reads of a data set that says no split of its own; a file has none."""
    return file if _is_file(file) or ":" in file else f"{file}:{split}"


def is_missing(file: str) -> bool:
    """Whether a name is that of a file, by its ending, and there is none."""
    path = Path(file).expanduser()
    return path.suffix in _READERS and not path.exists()


def _is_file(file: str) -> bool:
    path = Path(file).expanduser()
    return path.suffix in _READERS or path.is_file()


def file_rows(file: str) -> Iterator[dict[str, Any]]:
    """The rows of a .parquet, .jsonl or .csv file, one at a time.

    Raises:
        UserError: no such file, or a row that cannot be read.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise UserError(f"{file}: no such file; give a .parquet, .jsonl or .csv file")
    if path.suffix not in _READERS:
        raise UserError(f"{file}: unknown kind of file; use .parquet, .jsonl or .csv")
    try:
        yield from _READERS[path.suffix](path)
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error


def _dataset_rows(file: str) -> Iterator[dict[str, Any]]:
    import datasets

    name, _, split = file.partition(":")
    folder = Path(name).expanduser()
    saved = any((folder / mark).is_file() for mark in ("dataset_dict.json", "state.json"))
    try:
        if saved:
            loaded = datasets.load_from_disk(str(folder))
            rows = loaded[split or "train"] if isinstance(loaded, datasets.DatasetDict) else loaded
        else:
            named, _, revision = (str(folder), "", "") if folder.is_dir() else name.partition("@")
            rows = datasets.load_dataset(named, split=split or "train", revision=revision or None)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise UserError(f"{file}: neither a file nor a data set that can be loaded ({first_line(error)})") from error
    yield from rows


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        _check_names(path, pq.read_schema(path).names)
        yield from read_rows(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read as parquet ({first_line(error)})") from error


def _jsonl_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise UserError(f"{path}: row {number} is not JSON ({error.msg} at column {error.colno})") from error
            except RecursionError as error:
                raise UserError(f"{path}: row {number} is nested too deeply to be a problem") from error
            if not isinstance(row, dict):
                raise UserError(f"{path}: row {number} is not a JSON object; write one object a line")
            yield row


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    csv.field_size_limit(_LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        _check_names(path, list(rows.fieldnames or ()))
        yield from rows


def _check_names(path: Path, names: list[str]) -> None:
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise UserError(f"{path}: two columns are named {repeated[0]!r}; rename or remove one")


_READERS = {".parquet": _parquet_rows, ".jsonl": _jsonl_rows, ".json": _jsonl_rows, ".csv": _csv_rows}
