"""The data set of SFT on prefix + intervention, for verl's stock trainer (`data.custom_cls`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from torch.utils.data import Dataset

from int_verl.errors import UserError

PARTS = ("prompt_ids", "prefix_ids", "intervention_ids")
SUFFIX = "suffix_ids"
LOSS_ON = ("prefix_and_intervention", "intervention")
OVERLONG = ("error", "drop")


class InterventionSFTDataset(Dataset):
    """Rows of token ids, trained from the attempt's first token to the intervention's last.

    Columns, all lists of integers: `prompt_ids` (the chat prompt with its generation prompt), `prefix_ids` (the
    attempt's own tokens before the location), `intervention_ids`, and optionally `suffix_ids` (the attempt's tokens
    after the location). A row becomes prompt + prefix + intervention [+ suffix], with no end token: the model must
    go on after an intervention, not stop there.

    Settings, under `data` in the config: `max_length` (tokens), `intervention.loss_on`
    (`prefix_and_intervention` | `intervention`), `intervention.train_suffix` (append the suffix and train on it) and
    `intervention.overlong` (`error` | `drop`; a row is never cut, for the intervention stands at its end).

    Example: prompt [1, 2], prefix [3], intervention [4, 5] give

        input_ids    [1, 2, 3, 4, 5]
        position_ids [0, 1, 2, 3, 4]
        loss_mask    [0, 0, 1, 1, 1]    # [0, 0, 0, 1, 1] with loss_on=intervention

    Raises:
        UserError: a column is missing or has another type, a row is empty or too long, a token id is outside the
            vocabulary, or a setting is unknown; the message names the file and the row (counted from 0).
    """

    def __init__(
        self,
        parquet_files: str | Sequence[str],
        tokenizer: Any,
        config: Any,
        processor: Any = None,  # noqa: ARG002 - part of verl's contract
        max_samples: int = -1,
    ) -> None:
        settings = config.get("intervention", None) or {}
        self.loss_on = _one_of(settings.get("loss_on", LOSS_ON[0]), LOSS_ON, "data.intervention.loss_on")
        self.overlong = _one_of(settings.get("overlong", OVERLONG[0]), OVERLONG, "data.intervention.overlong")
        self.train_suffix = bool(settings.get("train_suffix", False))
        self.max_length = int(config.get("max_length", 1024))
        if config.get("pad_mode", "no_padding") != "no_padding":
            raise UserError(f"data.pad_mode={config.get('pad_mode')}: set data.pad_mode=no_padding")
        self.dropped = 0
        "Rows left out because they are longer than `max_length`."
        self.rows: list[tuple[list[int], list[int], list[int], list[int]]] = []
        vocabulary = len(tokenizer)
        for file in [parquet_files] if isinstance(parquet_files, str) else list(parquet_files):
            self._read(Path(file), vocabulary)
        if max_samples > 0:
            self.rows = self.rows[:max_samples]
        if not self.rows:
            raise UserError(f"{parquet_files}: no rows to train on ({self.dropped} dropped as too long)")

    def _read(self, file: Path, vocabulary: int) -> None:
        if not file.exists():
            raise UserError(f"{file}: no such file; check data.train_files and data.val_files")
        names = pq.read_schema(file).names
        missing = [name for name in (*PARTS, *([SUFFIX] if self.train_suffix else [])) if name not in names]
        if missing:
            raise UserError(f"{file}: column {missing[0]} is missing; int-verl writes it in the stage `guide`")
        columns = [*PARTS, SUFFIX] if self.train_suffix else list(PARTS)
        table = pq.read_table(file, columns=columns)
        for index, row in enumerate(table.to_pylist()):
            prompt, prefix, intervention = (row[name] or [] for name in PARTS)
            suffix = (row[SUFFIX] or []) if self.train_suffix else []
            tokens = [*prompt, *prefix, *intervention, *suffix]
            if not prompt or not intervention:
                raise UserError(f"{file} row {index}: prompt_ids and intervention_ids must not be empty")
            if not all(isinstance(token, int) and 0 <= token < vocabulary for token in tokens):
                raise UserError(
                    f"{file} row {index}: a token id lies outside the tokenizer's 0..{vocabulary - 1}; "
                    "was the file written with another model?"
                )
            if len(tokens) > self.max_length:
                if self.overlong == "error":
                    raise UserError(
                        f"{file} row {index}: {len(tokens)} tokens are more than data.max_length={self.max_length}; "
                        "raise it, or set data.intervention.overlong=drop"
                    )
                self.dropped += 1
                continue
            self.rows.append((prompt, prefix, intervention, suffix))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """`input_ids`, `position_ids`, `loss_mask`: long tensors of shape (tokens,)."""
        prompt, prefix, intervention, suffix = self.rows[index]
        tokens = [*prompt, *prefix, *intervention, *suffix]
        on_prefix = int(self.loss_on == "prefix_and_intervention")
        mask = [0] * len(prompt) + [on_prefix] * len(prefix) + [1] * (len(intervention) + len(suffix))
        return {
            "input_ids": torch.tensor(tokens, dtype=torch.long),
            "position_ids": torch.arange(len(tokens), dtype=torch.long),
            "loss_mask": torch.tensor(mask, dtype=torch.long),
        }


def _one_of(value: Any, allowed: tuple[str, ...], key: str) -> str:
    if value not in allowed:
        raise UserError(f"{key}={value}: choose one of {', '.join(allowed)}")
    return str(value)
