"""The yield over proposals and rollouts against every choice of them, counted one by one."""

from __future__ import annotations

import math
from itertools import combinations, product
from typing import Any

import pytest

from int_verl.evaluate.analysis_text import yield_cells
from int_verl.evaluate.yield_curve import yield_table

Row = dict[str, Any]


def attempt(problem: str, index: int, correct: bool = False) -> Row:
    skipped = "correct" if correct else ""
    return {"problem_id": problem, "attempt": index, "correct": correct, "skipped": skipped, "completion_tokens": 100}


def proposal(problem: str, of_attempt: int, index: int, content: str, status: str = "proposed") -> Row:
    key = {"problem_id": problem, "attempt": of_attempt, "proposal": index}
    return {**key, "status": status, "content": content, "location": 2, "completion_tokens": 50}


def guided(problem: str, of_attempt: int, index: int, right: list[bool]) -> list[Row]:
    key = {"problem_id": problem, "attempt": of_attempt, "proposal": index, "condition": "intervention"}
    return [
        {**key, "rollout": i, "outcome": "correct" if one else "incorrect", "correct": one, "completion_tokens": 10}
        for i, one in enumerate(right)
    ]


ATTEMPTS = [attempt("a", 0), attempt("a", 1), attempt("b", 0), attempt("b", 1, correct=True), attempt("c", 0)]
SOLUTIONS = [{"problem_id": name, "completion_tokens": 30} for name in "abc"]
PROPOSALS = [
    proposal("a", 0, 0, "x"),
    proposal("a", 0, 1, "y"),
    proposal("a", 0, 2, "x", "duplicate"),
    proposal("a", 0, 3, "7", "leak"),
    *(proposal("a", 1, i, text) for i, text in enumerate("pqrs")),
    *(proposal("b", 0, i, "z", "duplicate" if i else "proposed") for i in range(4)),
    *(proposal("c", 0, i, "7", "leak") for i in range(4)),
]
RIGHT = {
    ("a", 0, 0): [True, False, False, False],
    ("a", 0, 1): [False] * 4,
    ("a", 1, 0): [False] * 4,
    ("a", 1, 1): [False, True, True, False],
    ("a", 1, 2): [False] * 4,
    ("a", 1, 3): [False] * 4,
    ("b", 0, 0): [True] * 4,
}
GUIDED = [row for key, right in RIGHT.items() for row in guided(*key, right)]
CONTROL = [{**row, "condition": "prefix", "correct": True, "outcome": "correct"} for row in GUIDED]


def points() -> dict[tuple[int, int], Row]:
    table = yield_table(ATTEMPTS, SOLUTIONS, PROPOSALS, [*GUIDED, *CONTROL])
    return {(point["proposals"], point["rollouts"]): point for point in table["points"]}


def by_hand(n: int, m: int) -> tuple[float, float, float]:
    """Chance that `a` is solved, its kept interventions and the tokens of its rollouts, over all choices."""
    solved = kept = tokens = 0.0
    cases = list(product(combinations(range(4), n), combinations(range(4), n)))
    for chosen in cases:
        candidates = {("a", 0, 0 if i in (0, 2) else i) for i in chosen[0] if i != 3} | {("a", 1, i) for i in chosen[1]}
        failed = 1.0
        for candidate in candidates:
            draws = list(combinations(RIGHT[candidate], m))
            success = sum(any(draw) for draw in draws) / len(draws)
            failed *= 1 - success
            kept += success
            tokens += 10 * m
        solved += 1 - failed
    return solved / len(cases), kept / len(cases), tokens / len(cases)


@pytest.mark.parametrize(("n", "m"), [(1, 4), (2, 4), (4, 4), (4, 1), (4, 2)])
def test_every_point_is_the_mean_over_all_choices(n: int, m: int) -> None:
    solved, kept, tokens = by_hand(n, m)
    point = points()[n, m]
    assert point["newly_solved"] == pytest.approx(solved)  # b was solved by an attempt, c has no intervention
    assert point["solved"]["value"] == pytest.approx(solved / 2)
    assert point["kept"] == pytest.approx(kept + 1)
    fixed = 5 * 100 + 3 * 30
    assert point["tokens"] == pytest.approx(fixed + 4 * n * 50 + tokens + 10 * m)
    price = point["tokens_per_kept"]
    assert price["value"] == pytest.approx(point["tokens"] / point["kept"])
    assert price["low"] <= price["value"]


def test_the_largest_point_is_the_run_itself() -> None:
    table = yield_table(ATTEMPTS, SOLUTIONS, PROPOSALS, GUIDED, tokens_per_second=1_000)
    point = next(p for p in table["points"] if (p["proposals"], p["rollouts"]) == (4, 4))
    assert point["tokens"] == sum(table["tokens"].values()) == 5 * 100 + 3 * 30 + 16 * 50 + 28 * 10
    assert point["kept"] == 3
    assert point["hours"] == pytest.approx(point["tokens"] / 3.6e6)
    assert point["hours_per_solved"] == pytest.approx(point["hours"])
    titles = [cells.title for cells in yield_cells(table)]
    assert titles[:2] == ["Yield over proposals an attempt", "Yield over guided rollouts an intervention"]


def test_where_drawing_stopped_the_order_of_the_rollouts_counts() -> None:
    """b's stopped after its first; a second intervention came to nothing in 4."""
    rows = [*guided("a", 0, 0, [False, False, True]), *guided("b", 0, 0, [True]), *guided("c", 0, 0, [False] * 4)]
    asked = [proposal(name, 0, 0, "x") for name in "abc"]
    table = yield_table([attempt(name, 0) for name in "abc"], [], asked, rows)
    shares = {point["rollouts"]: point["solved"]["value"] for point in table["points"]}
    assert shares == pytest.approx({1: 1 / 3, 2: 1 / 3, 4: 2 / 3})


def test_nothing_gained_has_no_price() -> None:
    rows = guided("a", 0, 0, [False, False])
    table = yield_table([attempt("a", 0)], [], [proposal("a", 0, 0, "x")], rows)
    assert [point["tokens_per_kept"] for point in table["points"]] == [None, None]
    assert all("-" in row for cells in yield_cells(table) for row in cells.rows if len(row) > 2)
    assert yield_table([attempt("a", 0)], [], [], [])["points"] == []


def test_a_price_without_an_upper_bound_says_so() -> None:
    """One of two problems gains: resamples without it gain nothing."""
    asked = [proposal(name, 0, 0, "x") for name in "ab"]
    rows = [*guided("a", 0, 0, [True]), *guided("b", 0, 0, [False])]
    table = yield_table([attempt(name, 0) for name in "ab"], [], asked, rows)
    price = table["points"][0]["tokens_per_kept"]
    assert price["high"] is None
    assert math.isfinite(price["low"])
    assert any("at least" in cell for cells in yield_cells(table) for row in cells.rows for cell in row)


def test_rollouts_of_what_nobody_proposed_are_refused() -> None:
    with pytest.raises(ValueError, match="proposal 1 of attempt 0 at problem a, which was not proposed"):
        yield_table([attempt("a", 0)], [], [proposal("a", 0, 0, "x")], guided("a", 0, 1, [True]))
