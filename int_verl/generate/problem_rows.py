"""Everything that came of one problem, as rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass(slots=True)
class ProblemRows:
    """Everything that came of one problem, table by table (see `int_verl.records`)."""

    number: int = 0
    "The problem's position, the first part of its requests' order."
    attempts: list[Row] = field(default_factory=list)
    guided_solutions: list[Row] = field(default_factory=list)
    proposals: list[Row] = field(default_factory=list)
    guided: list[Row] = field(default_factory=list)
    interventions: list[Row] = field(default_factory=list)
    sft: list[Row] = field(default_factory=list)
