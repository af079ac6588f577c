"""The rows of the viewer as a page carries them: compressed blocks that it opens one at a time, and an index of all.

A block is gzip of JSON in base64, in a script element of a type that no browser runs. The page builds elements from it
with text in them; nothing of a row is ever read as HTML.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from int_verl.report.mathematics import Formulas
from int_verl.report.viewer import ViewerRow

ROWS_A_BLOCK = 100


@dataclass(frozen=True, slots=True)
class ViewerData:
    """Everything of the viewer, packed."""

    index: str
    "``[[problem, attempt, proposal, location, status, right rollouts, rollouts], ...]``, a row each."
    blocks: list[str]
    '``{"formulas": [[as written, on a line of its own, tree], ...], "rows": [{...}, ...]}`` of `ROWS_A_BLOCK` rows.'


def viewer_data(rows: Sequence[ViewerRow]) -> ViewerData:
    formulas = Formulas()
    blocks = [_block(rows[i : i + ROWS_A_BLOCK], formulas) for i in range(0, len(rows), ROWS_A_BLOCK)]
    return ViewerData(_packed([_entry(row) for row in rows]), blocks)


def _packed(content: Any) -> str:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return b64encode(gzip.compress(text.encode("utf-8", "replace"), compresslevel=6, mtime=0)).decode()


def _entry(row: ViewerRow) -> list[Any]:
    outcomes = row.outcomes.get("intervention", [])
    status = row.status.replace("_", " ")
    return [*row.key, row.location, status, outcomes.count("correct"), len(outcomes)]


def _block(rows: Sequence[ViewerRow], formulas: Formulas) -> str:
    """Formulas are numbered anew in every block, so that each can be read alone."""
    numbers: dict[int, int] = {}

    def text(written: str) -> list[str | int] | str:
        pieces = formulas(written)
        if isinstance(pieces, str):
            return pieces
        return [piece if isinstance(piece, str) else numbers.setdefault(piece, len(numbers)) for piece in pieces]

    shown = [
        {
            "problem": text(row.problem),
            "answer": text(row.answer),
            "reference": text(row.reference_solution),
            "content": text(row.content),
            "steps": [[step.number, step.role, text(step.text)] for step in row.steps],
            "outcomes": row.outcomes,
            "continuation": text(row.continuation),
            "came": row.continuation_outcome,
            "verification": text(row.verification),
            "trained": _trained(row, text),
        }
        for row in rows
    ]
    return _packed({"formulas": [formulas.trees[number] for number in numbers], "rows": shown})


def _trained(row: ViewerRow, text: Any) -> dict[str, Any] | None:
    trained = row.trained
    if trained is None:
        return None
    return {
        "tokens": trained.tokens,
        "number": trained.number,
        "prefix": trained.prefix,
        "thinking": trained.thinking,
        "tooLong": trained.too_long,
        "suffix": trained.rollout is not None,
        "texts": trained.texts and [text(one) for one in trained.texts],
    }
