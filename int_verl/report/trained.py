"""What SFT trains on of each intervention: tokens of each part, and their text where it is not the attempt's."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from int_verl.report.run_reader import RunReader
from int_verl.run_files import BASELINE_ROWS, KEPT, ROWS_WITH_SUFFIX

Key = tuple[str, int, int]
"Problem, attempt, proposal."
KEY = ["problem_id", "attempt", "proposal"]
PARTS = ("prompt", "prefix", "intervention", "suffix")


@dataclass(frozen=True, slots=True)
class Trained:
    """A row of SFT."""

    tokens: dict[str, int]
    "Of each part that it has."
    prefix: bool
    "Whether the loss is on the prefix, too (`sft.loss_on`)."
    thinking: bool
    "Whether what stands before the first step belongs to it."
    too_long: bool
    "It is longer than `sft.max_length` and was left out."
    rollout: int | None
    "The guided rollout that is its suffix, if it has one."
    texts: tuple[str, str] | None
    "Prefix and trained text, where they are not the attempt's own up to the intervention."

    @property
    def number(self) -> int:
        """Of tokens that the loss is on."""
        parts = ("prefix", "intervention", "suffix") if self.prefix else ("intervention", "suffix")
        return 0 if self.too_long else sum(self.tokens.get(part, 0) for part in parts)


def trained_on(folder: RunReader, keys: Collection[Key]) -> dict[Key, Trained]:
    """The rows of SFT for some interventions, from the file that the run's settings have it read."""
    settings = folder.settings
    made = settings.get("sft_data.kind", "interventions") != "interventions" or int(
        settings.get("sft_data.location_shift", "0")
    )
    suffix = settings.get("sft.suffix") == "true"
    file = ROWS_WITH_SUFFIX if suffix else BASELINE_ROWS if made else KEPT
    optional = ["suffix_ids", "rollout", "content", *(["messages"] if made else [])]
    longest = int(settings.get("sft.max_length", "0")) if settings.get("sft.overlong") == "drop" else 0
    found = {}
    for row in folder.rows(file, [*KEY, "prompt_ids", "prefix_ids", "intervention_ids"], optional):
        key = (row["problem_id"], row["attempt"], row["proposal"])
        if key in keys:
            tokens = {part: len(row[f"{part}_ids"]) for part in PARTS if row.get(f"{part}_ids")}
            found[key] = Trained(
                tokens,
                settings.get("sft.loss_on", "prefix_and_intervention") == "prefix_and_intervention",
                settings.get("sample.thinking", "all") == "all",
                bool(longest) and sum(tokens.values()) > longest,
                row.get("rollout"),
                _texts(row) if made else None,
            )
    return found


def _texts(row: dict[str, Any]) -> tuple[str, str]:
    content, messages = row["content"] or "", row.get("messages") or []
    answer = messages[-1]["content"] or "" if messages else content
    return answer.removesuffix(content), content
