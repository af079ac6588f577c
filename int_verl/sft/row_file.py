"""A parquet file of SFT rows as columns of token ids, which stay in Arrow's memory, 4 bytes each, until asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from int_verl.errors import UserError

PARTS = ("prompt_ids", "prefix_ids", "intervention_ids")
SUFFIX = "suffix_ids"
WEIGHT = "weight"

Tokens = np.ndarray[Any, np.dtype[np.int32]]


@dataclass(frozen=True, slots=True)
class SFTRow:
    """One row, in its parts: arrays of token ids of shape (tokens of the part,).

    Example: ``SFTRow([1, 2], [3], [4, 5], [], 1.0)``
    """

    prompt: Tokens
    prefix: Tokens
    intervention: Tokens
    suffix: Tokens
    weight: float

    @property
    def tokens(self) -> Tokens:
        return np.concatenate([self.prompt, self.prefix, self.intervention, self.suffix])

    def trained(self, loss_on: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which tokens the loss is on, of shape (tokens,)."""
        untrained = len(self.prompt) + (len(self.prefix) if loss_on == "intervention" else 0)
        return np.arange(len(self.tokens)) >= untrained


@dataclass(frozen=True, slots=True)
class TokenColumn:
    """A column of token ids, all rows in one array."""

    values: Tokens
    starts: np.ndarray[Any, np.dtype[np.int64]]
    lengths: np.ndarray[Any, np.dtype[np.int64]]

    @classmethod
    def of(cls, path: Path, name: str, column: pa.ChunkedArray) -> TokenColumn:
        kind = column.type
        if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not (
            pa.types.is_integer(kind.value_type) or pa.types.is_null(kind.value_type)
        ):
            raise UserError(f"{path}: column {name} holds {kind}, not lists of token ids")
        try:
            lists = pa.chunked_array(column.cast(pa.large_list(pa.int32()))).combine_chunks()
        except pa.ArrowInvalid:
            raise UserError(f"{path}: column {name} holds numbers that are no token ids") from None
        if lists.flatten().null_count:
            raise UserError(f"{path}: column {name} holds lists with nothing in the place of a token id")
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
        values = lists.values.fill_null(0).to_numpy(zero_copy_only=False)
        return cls(values, lists.offsets.to_numpy()[:-1], lengths)

    def row(self, row: int) -> Tokens:
        start = self.starts[row]
        return self.values[start : start + self.lengths[row]]

    def first_outside(self, vocabulary: int) -> int | None:
        """The first row with a token id that the vocabulary has not."""
        outside = np.flatnonzero((self.values < 0) | (self.values >= vocabulary))
        return int(np.searchsorted(self.starts, outside[0], side="right")) - 1 if len(outside) else None


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file's columns; every row has as many of each."""

    path: Path
    columns: dict[str, TokenColumn]
    weights: np.ndarray[Any, np.dtype[np.float64]] | None
    "Of the rows, from a column `weight`; None without one."

    @classmethod
    def of(cls, path: Path, names: Sequence[str], table: pa.Table) -> RowFile:
        """The file's columns of token ids with these names, and its weights.

        Raises:
            UserError: a column has another type.
        """
        return cls(path, {name: TokenColumn.of(path, name, table[name]) for name in names}, _weights(path, table))

    @property
    def lengths(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Tokens of each row."""
        return np.asarray(np.sum([column.lengths for column in self.columns.values()], axis=0))

    def row(self, row: int) -> SFTRow:
        prompt, prefix, intervention = (self.columns[name].row(row) for name in PARTS)
        suffix = self.columns[SUFFIX].row(row) if SUFFIX in self.columns else prompt[:0]
        return SFTRow(prompt, prefix, intervention, suffix, 1.0 if self.weights is None else float(self.weights[row]))

    def check(self, vocabulary: int) -> None:
        """Raises UserError, naming the row, where a part is empty, a token id unknown or a weight not positive."""
        for row, complaint in self._complaints(vocabulary):
            raise UserError(f"{self.path} row {row}: {complaint}")

    def _complaints(self, vocabulary: int) -> Iterator[tuple[int, str]]:
        """What is wrong with the rows, and in which the first time."""
        for name, column in self.columns.items():
            empty = np.flatnonzero(column.lengths == 0)
            if len(empty) and name != "prefix_ids":
                yield int(empty[0]), f"{name} must not be empty"
            outside = column.first_outside(vocabulary)
            if outside is not None:
                yield (
                    outside,
                    f"a token id of {name} lies outside the tokenizer's 0..{vocabulary - 1}; was the file written "
                    "with another model?",
                )
        if self.weights is not None:
            unfit = np.flatnonzero(~(np.isfinite(self.weights) & (self.weights > 0)))
            if len(unfit):
                yield int(unfit[0]), f"{WEIGHT} must be a positive number; leave rows out that are not to count"


def _weights(path: Path, table: pa.Table) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    if WEIGHT not in table.column_names:
        return None
    kind = table[WEIGHT].type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise UserError(f"{path}: column {WEIGHT} holds {kind}, not numbers")
    weights: np.ndarray[Any, np.dtype[np.float64]] = table[WEIGHT].cast(pa.float64()).to_numpy()
    return weights


def model_named_in(file: Path) -> str:
    """The model that the rows of a file were made with.

    Raises:
        UserError: no such file, or it names none or several.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file or folder")
    try:
        found = pq.read_table(file, columns=["model"])["model"].unique().to_pylist()
    except (pa.ArrowInvalid, KeyError):
        found = []
    if len(found) != 1 or not found[0]:
        raise UserError(f"{file}: its rows do not name one model; name its folder with --model")
    return str(found[0])
