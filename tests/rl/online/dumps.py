"""What the replay buffer left of a run's interventions."""

from __future__ import annotations

import json
from pathlib import Path

from int_verl.rl.online.record import Record


def dumped(folder: Path) -> list[Record]:
    """The records of all steps, in their order."""
    files = sorted(folder.glob("*.jsonl"), key=lambda file: int(file.stem))
    return [Record.read(json.loads(line)) for file in files for line in file.open(encoding="utf-8")]
