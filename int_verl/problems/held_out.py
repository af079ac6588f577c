"""Which problems are held out: told by a hash of each, before anything is sampled.

A problem has the same place whatever its row, its id and the names of its variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, TypeVar

from int_verl.problems.names import without_names

Row = TypeVar("Row", bound=Mapping[str, Any])


def is_held_out(problem: str, share: float, split: str = "") -> bool:
    """Whether a problem is among the share that is held out, which depends on nothing else."""
    return _place(problem, split) < share * 2**64


def hold_out(rows: Iterable[Row], number: int, split: str = "") -> tuple[list[Row], list[Row]]:
    """The problems to train on and the `number` that are held out, those of the smallest hashes; in their order.

    More problems hold out another one only where its hash is smaller than that of one of these.
    """
    rows = list(rows)
    places = [(_place(row["problem"], split), i) for i, row in enumerate(rows)]
    held = {i for _, i in sorted(places)[:number]}
    return [row for i, row in enumerate(rows) if i not in held], [rows[i] for i in sorted(held)]


def _place(problem: str, split: str) -> int:
    """Evenly spread over 0 to 2**64."""
    text = "".join(without_names(problem, "numbered").lower().split())
    return int.from_bytes(sha256(f"{split}\0{text}".encode()).digest()[:8], "big")
