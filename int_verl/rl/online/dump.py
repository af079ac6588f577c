"""Rollouts with their interventions on disk, a file a step, for the report's viewer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from int_verl.files import write_text
from int_verl.rl.online.record import Record


def dump(folder: Path, step: int, records: Iterable[Record | None]) -> None:
    """Writes ``{step}.jsonl`` with the records that tried something; a step that is done again replaces its file."""
    lines = [json.dumps(record.written(), ensure_ascii=False) for record in records if record and record.tried]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{step}.jsonl", "".join(f"{line}\n" for line in lines))
