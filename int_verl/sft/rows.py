"""Rows of SFT parquet files as token ids; what the data set, the launcher and `int-verl sft show` read.

Knows neither torch nor verl: tokens stay in Arrow's memory, 4 bytes each, until a row is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from int_verl.errors import UserError
from int_verl.sft.chat_rows import encode_chat

PARTS = ("prompt_ids", "prefix_ids", "intervention_ids")
SUFFIX = "suffix_ids"
WEIGHT = "weight"
MESSAGES = "messages"
LOSS_ON = ("prefix_and_intervention", "intervention")
OVERLONG = ("error", "drop")

Tokens = np.ndarray[Any, np.dtype[np.int32]]


@dataclass(frozen=True, slots=True)
class RowSettings:
    """How rows become sequences.

    Raises:
        UserError: a value that is none of those allowed.
    """

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
        parts = ((self.prompt, False), (self.prefix, loss_on != "intervention"))
        return np.concatenate(
            [
                *(np.full(len(part), on) for part, on in parts),
                np.ones(len(self.intervention) + len(self.suffix), dtype=bool),
            ]
        )


class SFTRows(Sequence[SFTRow]):
    """The rows of parquet files that a training takes, all of them checked.

    A file has either the columns of token ids (see `InterventionSFTDataset`) or `messages`, which are encoded as
    `encode_chat` says; the trained text is then one piece. A column `weight` is optional.

    Args:
        tokenizer: of the model to train; `len` bounds the token ids, and messages are encoded with it.

    Raises:
        UserError: no such file, a column is missing or has another type, a row is empty, too long or of no positive
            weight, or a token id lies outside the vocabulary; the message names the file and the row, from 0.
    """

    def __init__(self, files: Sequence[Path], tokenizer: Any, settings: RowSettings) -> None:
        self.settings = settings
        self._tokenizer = tokenizer
        self.dropped = 0
        "Rows left out because they are longer than `max_length`."
        self.weighted = False
        "Whether any file gives weights."
        self._files: list[_File] = []
        self._kept: list[tuple[int, int]] = []
        for number, path in enumerate(files):
            file = self._read(path)
            self._files.append(file)
            self.weighted |= file.weights is not None
            fitting = self._fitting(file)
            self.dropped += file.rows - len(fitting)
            self._kept += [(number, int(row)) for row in fitting]

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

    def _read(self, path: Path) -> _File:
        if not path.exists():
            raise UserError(f"{path}: no such file")
        try:
            names = pq.read_schema(path).names
        except pa.ArrowInvalid:
            raise UserError(f"{path}: not a parquet file") from None
        wanted = [*PARTS, *([SUFFIX] if self.settings.suffix else [])]
        missing = [name for name in wanted if name not in names]
        more = [WEIGHT] if WEIGHT in names else []
        if not missing:
            table = pq.read_table(path, columns=[*wanted, *more])
        elif MESSAGES in names and not any(name in names for name in PARTS):
            table = self._encoded(path, pq.read_table(path, columns=[MESSAGES, *more]))
        else:
            raise UserError(
                f"{path}: column {missing[0]} is missing; rows have {', '.join(wanted)}, as the stage `guide` writes "
                f"them, or {MESSAGES} alone"
            )
        file = _File(path, {name: _Column.of(path, name, table[name]) for name in wanted}, _weights(path, table))
        file.check(len(self._tokenizer))
        return file

    def _encoded(self, path: Path, table: pa.Table) -> pa.Table:
        """Messages as token columns: the trained text is the intervention, and there is no prefix of its own."""
        if self.settings.suffix or self.settings.loss_on == "intervention":
            raise UserError(
                f"{path}: {MESSAGES} do not say where the intervention begins and ends; suffix=true and "
                f"loss_on=intervention need the columns {', '.join(PARTS)}"
            )
        prompts, answers = [], []
        for index, messages in enumerate(table[MESSAGES].to_pylist()):
            try:
                prompt, answer = encode_chat(self._tokenizer, messages or [], self.settings.template)
            except UserError as error:
                raise UserError(f"{path} row {index}: {error}") from error
            prompts.append(prompt)
            answers.append(answer)
        for name, values in zip(PARTS, (prompts, [[]] * len(prompts), answers), strict=True):
            table = table.append_column(name, pa.array(values, pa.list_(pa.int32())))
        return table

    def _fitting(self, file: _File) -> np.ndarray[Any, Any]:
        """The numbers of the rows that are not too long."""
        lengths = np.sum([column.lengths for column in file.columns.values()], axis=0)
        too_long = np.flatnonzero(lengths > self.settings.max_length)
        if len(too_long) and self.settings.overlong == "error":
            row = too_long[0]
            raise UserError(
                f"{file.path} row {row}: {lengths[row]} tokens are more than max_length={self.settings.max_length} "
                f"({len(too_long)} such rows); raise it, or set overlong=drop"
            )
        return np.flatnonzero(lengths <= self.settings.max_length)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of token ids, all rows in one array."""

    values: Tokens
    starts: np.ndarray[Any, np.dtype[np.int64]]
    lengths: np.ndarray[Any, np.dtype[np.int64]]

    @classmethod
    def of(cls, path: Path, name: str, column: pa.ChunkedArray) -> _Column:
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
class _File:
    path: Path
    columns: dict[str, _Column]
    weights: np.ndarray[Any, np.dtype[np.float64]] | None

    @property
    def rows(self) -> int:
        return len(self.columns[PARTS[0]].lengths)

    def row(self, row: int) -> SFTRow:
        prompt, prefix, intervention = (self.columns[name].row(row) for name in PARTS)
        suffix = self.columns[SUFFIX].row(row) if SUFFIX in self.columns else prompt[:0]
        return SFTRow(prompt, prefix, intervention, suffix, 1.0 if self.weights is None else float(self.weights[row]))

    def check(self, vocabulary: int) -> None:
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
