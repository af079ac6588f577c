"""The rows that a training takes from SFT parquet files; what the data set, the launch and `int-verl sft show` read.

Token ids stay in Arrow's memory, 4 bytes each, until asked for. Knows neither torch nor verl.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from int_verl.errors import UserError
from int_verl.sft.chats import encode_chat, encode_conversation, has_masks

PARTS = ("prompt_ids", "prefix_ids", "intervention_ids")
PREFIX_MASK, SUFFIX, WEIGHT, MESSAGES = "prefix_mask", "suffix_ids", "weight", "messages"
LOSS_ON = ("prefix_and_intervention", "intervention")
OVERLONG = ("error", "drop")

Tokens = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class RowSettings:
    """How rows become sequences; a UserError for a value that is none of those allowed."""

    max_length: int
    "Tokens of a row at most."
    loss_on: str = "prefix_and_intervention"
    "`prefix_and_intervention` or `intervention`: whether the attempt's own tokens are trained on."
    suffix: bool = False
    "Append `suffix_ids` and train on them as well."
    overlong: str = "error"
    "`error` or `drop`. A row is never cut, for the intervention stands at its end."
    template: Mapping[str, Any] = field(default_factory=dict)
    "More variables for the chat template, where rows come as messages."

    def __post_init__(self) -> None:
        for name, allowed in (("loss_on", LOSS_ON), ("overlong", OVERLONG)):
            if getattr(self, name) not in allowed:
                raise UserError(f"{name}={getattr(self, name)}: choose one of {', '.join(allowed)}")


@dataclass(frozen=True, slots=True)
class SFTRow:
    """One row, in its parts, arrays of shape (tokens of the part,): ``SFTRow([1, 2], [3], [4, 5], [], 1.0)``."""

    prompt: Tokens
    prefix: Tokens
    intervention: Tokens
    suffix: Tokens
    weight: float
    prefix_mask: Tokens | None = None
    "1 for the tokens of the prefix that are the policy's own, 0 for those of an environment; None: all are its own."

    @property
    def tokens(self) -> Tokens:
        return np.concatenate([self.prompt, self.prefix, self.intervention, self.suffix])

    def trained(self, loss_on: str) -> NDArray[np.bool_]:
        """Which tokens the loss is on, of shape (tokens,)."""
        begin, end = len(self.prompt), len(self.prompt) + len(self.prefix)
        trained: NDArray[np.bool_] = np.arange(len(self.tokens)) >= (end if loss_on == "intervention" else begin)
        if self.prefix_mask is not None:
            trained[begin:end] &= self.prefix_mask == 1
        return trained


class SFTRows(Sequence[SFTRow]):
    """The rows of parquet files that a training takes, all of them checked.

    A file has either the columns of token ids (see `InterventionSFTDataset`), of which `prefix_mask` and `weight` are
    optional, or `messages`. Those of a row in which any has a `loss_mask` are encoded by `encode_conversation`, and
    else by `encode_chat`; the trained text is then one piece.

    Args:
        tokenizer: of the model to train; `len` bounds the token ids, and messages are encoded with it.

    Raises:
        UserError: no such file, a column is missing or has another type, a row is empty, too long or of no positive
            weight, a mask does not fit its prefix, or a token id lies outside the vocabulary; the message names the
            file and the row, from 0.
    """

    def __init__(self, files: Sequence[Path], tokenizer: Any, settings: RowSettings) -> None:
        self.settings = settings
        self._tokenizer = tokenizer
        self.dropped = 0
        "Rows left out because they are longer than `max_length`."
        self._files = [self._read(path) for path in files]
        self.weighted = any(file.weights is not None for file in self._files)
        "Whether any file gives weights."
        self._kept: list[tuple[int, int]] = []
        for number, file in enumerate(self._files):
            too_long = self._too_long(file)
            self.dropped += int(too_long.sum())
            self._kept += [(number, int(row)) for row in np.flatnonzero(~too_long)]

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: Any) -> Any:
        """One row; a slice gives a list of rows."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number, row = self._kept[index]
        return self._files[number].row(row)

    def first(self, count: int) -> None:
        """Keep only so many rows."""
        del self._kept[count:]

    def origin(self, index: int) -> tuple[Path, int]:
        """The file and the row in it, from 0, of a row."""
        number, row = self._kept[index]
        return self._files[number].path, row

    def token_counts(self) -> tuple[int, int]:
        """Tokens of all rows, and how many of them are trained on."""
        masks = [row.trained(self.settings.loss_on) for row in self]
        return sum(len(mask) for mask in masks), sum(int(mask.sum()) for mask in masks)

    def _read(self, path: Path) -> _RowFile:
        if not path.exists():
            raise UserError(f"{path}: no such file")
        try:
            names = pq.read_schema(path).names
        except pa.ArrowInvalid:
            raise UserError(f"{path}: not a parquet file") from None
        wanted = [*PARTS, *([SUFFIX] if self.settings.suffix else [])]
        missing = [name for name in wanted if name not in names]
        weight = [WEIGHT] if WEIGHT in names else []
        if not missing:
            masks = [PREFIX_MASK] if PREFIX_MASK in names else []
            table = pq.read_table(path, columns=[*wanted, *masks, *weight])
        elif MESSAGES in names and not any(name in names for name in PARTS):
            if self.settings.suffix or self.settings.loss_on == "intervention":
                raise UserError(
                    f"{path}: {MESSAGES} do not say where the intervention begins and ends; suffix=true and "
                    f"loss_on=intervention need the columns {', '.join(PARTS)}"
                )
            masks = [PREFIX_MASK]
            table = self._encoded(path, pq.read_table(path, columns=[MESSAGES, *weight]))
        else:
            raise UserError(
                f"{path}: column {missing[0]} is missing; rows have {', '.join(wanted)}, as the stage `guide` writes "
                f"them, or {MESSAGES} alone"
            )
        columns = {name: _TokenColumn.of(path, name, table[name]) for name in wanted}
        mask = _TokenColumn.of(path, PREFIX_MASK, table[PREFIX_MASK]) if masks else None
        file = _RowFile(path, columns, mask, _weights(path, table[WEIGHT]) if weight else None)
        file.check(len(self._tokenizer))
        return file

    def _encoded(self, path: Path, table: pa.Table) -> pa.Table:
        """A table with its messages as columns of tokens; without masks the trained text is the intervention."""
        rows: list[tuple[list[int], ...]] = []
        for index, messages in enumerate(table[MESSAGES].to_pylist()):
            said = messages or []
            try:
                if has_masks(said):
                    one = encode_conversation(self._tokenizer, said, self.settings.template)
                    rows.append((one.prompt, one.prefix, one.intervention, one.prefix_mask))
                else:
                    prompt, answer = encode_chat(self._tokenizer, said, self.settings.template)
                    rows.append((prompt, [], answer, []))
            except UserError as error:
                raise UserError(f"{path} row {index}: {error}") from error
        for place, name in enumerate((*PARTS, PREFIX_MASK)):
            table = table.append_column(name, pa.array([row[place] for row in rows], pa.list_(pa.int32())))
        return table

    def _too_long(self, file: _RowFile) -> NDArray[np.bool_]:
        """Which rows are to be left out."""
        lengths = np.sum([column.lengths for column in file.columns.values()], axis=0)
        too_long: NDArray[np.bool_] = lengths > self.settings.max_length
        if too_long.any() and self.settings.overlong == "error":
            row = int(too_long.argmax())
            raise UserError(
                f"{file.path} row {row}: {lengths[row]} tokens are more than max_length={self.settings.max_length} "
                f"({too_long.sum()} such rows); raise it, or set overlong=drop"
            )
        return too_long


@dataclass(frozen=True, slots=True)
class _TokenColumn:
    """A column of token ids, all rows in one array."""

    values: Tokens
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, path: Path, name: str, column: pa.ChunkedArray) -> _TokenColumn:
        kind = column.type
        if name == PREFIX_MASK and pa.types.is_list(kind) and pa.types.is_boolean(kind.value_type):
            column = column.cast(pa.list_(pa.int8()))
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
        return self.values[self.starts[row] :][: self.lengths[row]]

    def rows_outside(self, vocabulary: int) -> NDArray[np.int64]:
        """The rows of the token ids that the vocabulary has not."""
        outside = np.flatnonzero((self.values < 0) | (self.values >= vocabulary))
        return np.searchsorted(self.starts, outside, side="right") - 1


@dataclass(frozen=True, slots=True)
class _RowFile:
    """A file's columns; every row has as many of each."""

    path: Path
    columns: dict[str, _TokenColumn]
    mask: _TokenColumn | None
    "Of the prefixes, from a column `prefix_mask`; None without one."
    weights: NDArray[np.float64] | None
    "Of the rows, from a column `weight`; None without one."

    def row(self, row: int) -> SFTRow:
        prompt, prefix, intervention = (self.columns[name].row(row) for name in PARTS)
        suffix = self.columns[SUFFIX].row(row) if SUFFIX in self.columns else prompt[:0]
        weight = 1.0 if self.weights is None else float(self.weights[row])
        return SFTRow(prompt, prefix, intervention, suffix, weight, None if self.mask is None else self.mask.row(row))

    def check(self, vocabulary: int) -> None:
        """Refuses empty parts, token ids that are unknown and weights that are not positive."""
        for name, column in self.columns.items():
            if name != "prefix_ids":
                self._refuse(np.flatnonzero(column.lengths == 0), f"{name} must not be empty")
            self._refuse(
                column.rows_outside(vocabulary),
                f"a token id of {name} lies outside the tokenizer's 0..{vocabulary - 1}; was the file written with "
                "another model?",
            )
        if self.mask is not None:
            other = np.flatnonzero(self.mask.lengths != self.columns["prefix_ids"].lengths)
            self._refuse(other, f"{PREFIX_MASK} must have as many entries as prefix_ids has tokens")
            self._refuse(self.mask.rows_outside(2), f"{PREFIX_MASK} must hold 0 and 1 alone")
        if self.weights is not None:
            unfit = np.flatnonzero(~(np.isfinite(self.weights) & (self.weights > 0)))
            self._refuse(unfit, f"{WEIGHT} must be a positive number; leave rows out that are not to count")

    def _refuse(self, rows: NDArray[np.int64], complaint: str) -> None:
        if len(rows):
            raise UserError(f"{self.path} row {rows[0]}: {complaint}")


def _weights(path: Path, column: pa.ChunkedArray) -> NDArray[np.float64]:
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise UserError(f"{path}: column {WEIGHT} holds {column.type}, not numbers")
    weights: NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    return weights


def model_named_in(file: Path) -> str:
    """The model that the rows of a file were made with; a UserError if it names none or several."""
    if not file.is_file():
        raise UserError(f"{file}: no such file or folder")
    try:
        found = pq.read_table(file, columns=["model"])["model"].unique().to_pylist()
    except (pa.ArrowInvalid, KeyError):
        found = []
    if len(found) != 1 or not found[0]:
        raise UserError(f"{file}: its rows do not name one model; name its folder with --model")
    return str(found[0])
