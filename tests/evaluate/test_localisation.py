"""Agreement on where the first error is, from locations written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from int_verl.evaluate import wilson
from int_verl.evaluate.analysis_text import localisation_cells
from int_verl.evaluate.localisation import MOST_NAMED, TRUTH, localisation_table

Row = dict[str, Any]
ATTEMPTS = [{"problem_id": p, "attempt": a, "steps": 10} for p, a in (("p", 0), ("p", 1), ("q", 0))]


def proposals(of: dict[tuple[str, int], list[int | None]]) -> list[Row]:
    return [
        {"problem_id": p, "attempt": a, "proposal": i, "status": "proposed", "location": location}
        for (p, a), locations in of.items()
        for i, location in enumerate(locations)
    ]


OURS = proposals({("p", 0): [4, 4, 5, None], ("p", 1): [2, 9], ("q", 0): [7, 11, 0]})
"11 and 0 are no steps."


def entry(table: dict[str, Any], between: str) -> Row:
    return next(one for one in table["agreement"] if one["between"] == between)


def test_the_proposals_of_an_attempt() -> None:
    found = entry(localisation_table(ATTEMPTS, OURS, []), "the proposals of an attempt")
    assert (found["problems"], found["attempts"], found["pairs"]) == (1, 2, 4)
    assert found["same"]["value"] == 1 / 4
    assert found["within_one"]["value"] == 3 / 4
    assert found["by_chance"]["value"] == pytest.approx(0.1)
    assert found["earlier"] is None


def test_another_proposer_and_the_truth() -> None:
    others = {"30B": proposals({("p", 0): [4], ("q", 0): [6, 8]})}
    table = localisation_table(ATTEMPTS, OURS, [], others, {("p", 0): 5, ("p", 1): 2, ("z", 9): 1})
    with_other = entry(table, "they and 30B")
    assert with_other["pairs"] == 5
    assert with_other["same"]["value"] == pytest.approx(2 / 5)
    assert with_other["earlier"]["value"] == pytest.approx(1 / 5)
    assert with_other["later"]["value"] == pytest.approx(2 / 5)
    truth = entry(table, f"they and {TRUTH}")
    assert (truth["attempts"], truth["pairs"]) == (2, 5)
    assert truth["same"]["value"] == pytest.approx(2 / 5)
    assert truth["earlier"]["value"] == pytest.approx(2 / 5)
    assert entry(table, f"30B and {TRUTH}")["earlier"]["value"] == 1


def test_guided_success_by_distance() -> None:
    def row(problem: str, attempt: int, location: int, right: int, drawn: int = 8) -> Row:
        key = {"problem_id": problem, "attempt": attempt, "location": location}
        return {**key, "guided": drawn, "guided_correct": right}

    guided = [
        *(row("p", 0, 4, right) for right in (0, 1, 8)),
        row("p", 0, 5, 0),
        row("p", 1, 2, 3),
        row("p", 1, 9, 0),
        row("q", 0, 7, 0, drawn=0),
    ]
    table = localisation_table(ATTEMPTS, OURS, guided, first_errors={("p", 0): 5})
    by_chosen = {one["chosen"]: {d["distance"]: d for d in one["distances"]} for one in table["success"]}
    assert by_chosen.keys() == {TRUTH, MOST_NAMED}
    named = by_chosen[MOST_NAMED]
    assert {name: found["interventions"] for name, found in named.items()} == {"0": 4, "+1": 1, "+3 or more": 1}
    assert named["0"]["successful"] == wilson(3, 4)
    assert {name: found["interventions"] for name, found in by_chosen[TRUTH].items()} == {"-1": 3, "0": 1}
    titles = [cells.title for cells in localisation_cells(table)]
    assert titles[1:] == [f"Guided success by distance from {name}" for name in (TRUTH, MOST_NAMED)]


def test_one_proposal_an_attempt_agrees_with_nothing() -> None:
    table = localisation_table(ATTEMPTS, proposals({("p", 0): [3], ("q", 0): [4]}), [])
    assert table["agreement"] == []
    assert table["success"] == []
    assert list(localisation_cells(table)) == []
