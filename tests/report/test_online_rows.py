"""Interventions of RL in the viewer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from int_verl.report import online_rows
from int_verl.report.run_reader import RunReader
from int_verl.rl.online.dump import dump
from int_verl.rl.online.record import Record, Tried
from tests.report.pages import read, rows_of


def test_the_spliced_parts_can_be_looked_at(run: Path) -> None:
    problem = next(RunReader(run).problems())
    record = Record(
        *(problem["id"], 4, 2, 0.0, 9, 30),
        attempt="One.\n\nTwo is wrong.\n\nThree.",
        tried=[
            Tried("leak", verification="It gives <b>it</b> away.", content="It is 5.", location=1),
            Tried("proposed", content="Two, put right.", location=2),
            Tried("proposed", 1.0, True, True, content="Two, put right.", location=2, continuation="Three, so 5."),
        ],
    )
    for step in (4, 10):
        dump(run / "rl" / "online", step, [replace(record, step=step)])
    rows, total = online_rows.online_rows(RunReader(run))
    assert total == len(rows) == 6
    assert [row.status for row in rows[:3]] == ["RL: leak", "RL: not continued", "RL: right"]
    assert (rows[0].verification, rows[2].verification) == ("It gives <b>it</b> away.", "")
    right = rows[2]
    assert (right.problem, right.answer) == (problem["problem"], problem["answer"])
    assert [(step.number, step.role) for step in right.steps] == [(1, "before"), (2, "wrong"), (3, "after")]
    assert (right.content, right.continuation) == ("Two, put right.", "Three, so 5.")
    assert len({row.key for row in rows}) == 6

    shown = [row for row in rows_of(read(run)) if "step 10" in str(row)]
    assert len(shown) == 3
