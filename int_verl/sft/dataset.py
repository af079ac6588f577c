"""The data set of SFT on prefix + intervention, for verl's stock trainer (`data.custom_cls`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from int_verl.attention import check_sequence_parallel
from int_verl.errors import UserError
from int_verl.sft.rows import RowSettings, SFTRows


class InterventionSFTDataset(Dataset):
    """Rows of token ids, trained from the attempt's first token to the intervention's last.

    Columns, all lists of integers: `prompt_ids` (the chat prompt with its generation prompt), `prefix_ids` (the
    attempt's own tokens before the location), `intervention_ids`, and optionally `suffix_ids` (a correct guided
    rollout's tokens after the intervention, with its end token). A row becomes prompt + prefix + intervention
    [+ suffix]. Without the suffix there is no end token: the model must go on after an intervention, not stop there.

    A column `prefix_mask` (0 or 1 for each token of the prefix) keeps what is not the policy's own from being trained.
    A file with verl's `messages` and none of these columns is encoded as `SFTRows` says. A column `weight` gives every
    token of a row that weight: the loss of a batch is the weighted mean over its trained tokens.

    Settings, under `data` in the config: `max_length` (tokens), `apply_chat_template_kwargs`, and under
    `data.intervention` those of `RowSettings`.

    Example: prompt [1, 2], prefix [3], intervention [4, 5] give

        input_ids    [1, 2, 3, 4, 5]
        position_ids [0, 1, 2, 3, 4]
        loss_mask    [0, 0, 1, 1, 1]    # [0, 0, 0, 1, 1] with loss_on=intervention

    Raises:
        UserError: see `SFTRows` and, of the whole configuration that `config` belongs to, `check_sequence_parallel`; or
            a setting is unknown, or no row is left.
    """

    def __init__(
        self,
        parquet_files: str | Sequence[str],
        tokenizer: Any,
        config: Any,
        processor: Any = None,  # noqa: ARG002 - part of verl's contract
        max_samples: int = -1,
    ) -> None:
        check_sequence_parallel(config)
        if config.get("pad_mode", "no_padding") != "no_padding":
            raise UserError(f"data.pad_mode={config.get('pad_mode')}: set data.pad_mode=no_padding")
        chosen = config.get("intervention", None) or {}
        if unknown := set(chosen) - {"loss_on", "suffix", "overlong"}:
            raise UserError(f"data.intervention.{min(unknown)}: no such setting")
        settings = RowSettings(
            max_length=int(config.get("max_length", 1024)),
            template=config.get("apply_chat_template_kwargs", None) or {},
            **chosen,
        )
        files = [parquet_files] if isinstance(parquet_files, str) else list(parquet_files)
        self.rows = SFTRows([Path(file) for file in files], tokenizer, settings)
        if max_samples > 0:
            self.rows.first(max_samples)
        if not self.rows:
            raise UserError(f"{', '.join(files)}: no rows to train on ({self.rows.dropped} dropped as too long)")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        """`input_ids`, `position_ids`, `loss_mask`: tensors of shape (tokens,).

        All are long, but the mask holds weights as float32 where there are any. verl's loss sums mask times
        log-probability over the batch and divides by the sum of the mask (verl/workers/utils/losses.py:44,
        verl/workers/engine/fsdp/transformer_impl.py:730), so weights pass through it as they should.
        """
        row = self.rows[index]
        tokens, trained = row.tokens, row.trained(self.rows.settings.loss_on)
        mask = trained * row.weight if self.rows.weighted else trained
        return {
            "input_ids": torch.as_tensor(tokens, dtype=torch.long),
            "position_ids": torch.arange(len(tokens), dtype=torch.long),
            "loss_mask": torch.as_tensor(mask, dtype=torch.float32 if self.rows.weighted else torch.long),
        }
