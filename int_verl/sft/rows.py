"""The rows that a training takes from SFT parquet files; what the data set, the launch and `int-verl sft show` read.

Knows neither torch nor verl.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from int_verl.errors import UserError
from int_verl.sft.chat_rows import MESSAGES, encode_messages
from int_verl.sft.row_file import PARTS, SUFFIX, WEIGHT, RowFile, SFTRow

LOSS_ON = ("prefix_and_intervention", "intervention")
OVERLONG = ("error", "drop")


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
        self._files: list[RowFile] = []
        self._kept: list[tuple[int, int]] = []
        for number, path in enumerate(files):
            file = self._read(path)
            self._files.append(file)
            self.weighted |= file.weights is not None
            fitting = self._fitting(file)
            self.dropped += len(file.lengths) - len(fitting)
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

    def token_counts(self) -> tuple[int, int]:
        """Tokens of all rows, and how many of them are trained on."""
        masks = [row.trained(self.settings.loss_on) for row in self]
        return sum(len(mask) for mask in masks), sum(int(mask.sum()) for mask in masks)

    def _read(self, path: Path) -> RowFile:
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
            if self.settings.suffix or self.settings.loss_on == "intervention":
                raise UserError(
                    f"{path}: {MESSAGES} do not say where the intervention begins and ends; suffix=true and "
                    f"loss_on=intervention need the columns {', '.join(PARTS)}"
                )
            table = pq.read_table(path, columns=[MESSAGES, *more])
            table = encode_messages(path, table, self._tokenizer, self.settings.template)
        else:
            raise UserError(
                f"{path}: column {missing[0]} is missing; rows have {', '.join(wanted)}, as the stage `guide` writes "
                f"them, or {MESSAGES} alone"
            )
        file = RowFile.of(path, wanted, table)
        file.check(len(self._tokenizer))
        return file

    def _fitting(self, file: RowFile) -> np.ndarray[Any, Any]:
        """The numbers of the rows that are not too long."""
        lengths = file.lengths
        too_long = lengths > self.settings.max_length
        if too_long.any() and self.settings.overlong == "error":
            row = int(too_long.argmax())
            raise UserError(
                f"{file.path} row {row}: {lengths[row]} tokens are more than max_length={self.settings.max_length} "
                f"({too_long.sum()} such rows); raise it, or set overlong=drop"
            )
        return np.flatnonzero(~too_long)
