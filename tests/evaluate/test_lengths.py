"""Lengths from rows written by hand."""

from __future__ import annotations

import pytest

from int_verl.evaluate.analysis_text import length_cells
from int_verl.evaluate.lengths import length_table


def test_lengths() -> None:
    attempts = [
        {"problem_id": "p", "steps": steps, "skipped": skipped, "completion_tokens": 10 * steps}
        for steps, skipped in ((2, ""), (4, ""), (99, "correct"))
    ]
    interventions = [
        {"problem_id": "p", "location": location, "steps": 4, "content": "we have\n\n$x = 3$"} for location in (1, 3)
    ]
    kept = [{"problem_id": "p", "prefix_ids": [1] * 7, "intervention_ids": [1, 2, 3]}]
    table = length_table(attempts, interventions, kept)
    found = {one["of"]: one for one in table["lengths"]}
    assert found["steps of an attempt"]["mean"]["value"] == 3
    assert found["tokens of an attempt"]["to"] == pytest.approx(38)
    assert found["step of the first error"]["median"] == 2
    assert found["share of the attempt before it"]["mean"]["value"] == 0.25
    assert found["words of an intervention"]["mean"]["value"] == 5
    assert found["tokens of a kept intervention"]["rows"] == 1
    assert found["tokens of the prefix before it"]["mean"]["value"] == 7
    assert [row[0] for row in length_cells(table).rows] == list(found)
    assert length_table([], [], [])["lengths"] == []
