"""A row that is left out of a problem set, and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drop:
    """Example: ``Drop(17, "imo-2003-4", "proof", "asks for a proof and for no answer")``."""

    row: int
    "From 1."
    id: str
    "Empty where the row holds no problem that could have one."
    kind: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row} ({self.id or 'no id'}): {self.kind}: {self.reason}"
