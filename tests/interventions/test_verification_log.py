"""Which steps a verification text calls wrong, and the location checks on top of it."""

from __future__ import annotations

import random

import pytest
from domain import Misbeliefs, draw_problem, own_solution, verification
from hypothesis import given
from hypothesis import strategies as st

from int_verl.generate.filters import check_location
from int_verl.interventions import Intervention, parse_intervention
from int_verl.interventions.verification_log import first_error, wrong_steps
from int_verl.steps import split_steps

TINY = (
    "Substep 1: plus 3, 10 -> 13; first 13 match.\nSubstep 2: times 9, 13 -> 10; second 2 wrong.\n\n"
    '<intervention>\n{ "content": "Step 2: times 9, 13 -> 2", "location": 2 }\n</intervention>'
)
REAL = """Substep 1
- Attempt says: "Let $a_n$ be the number of words; this is not wrong"
- Reference says: "Let $a_n$ denote the number of words."
- Check: the same.
- Substep 1 verdict: CORRECT

Substep 2
- Attempt says: "so $a_1 = 3$"
- Reference says: nothing on this
- Check: there are two words; the attempt mends this in Substep 3.
- Substep 2 verdict: WRONG, RECOVERED

**Substep 3**
- **Check:** fine
- **Substep 3 verdict: CORRECT**

### Substep 4
- Attempt says: "hence $a_2 = 5$"
- Substep 4 verdict: **WRONG**

**First critical error:** Substep 4
The count of pairs is wrong.

1. Does the draft state the final answer? No.
3. Is its place later than the first critical error? No.

<intervention>
{ "content": "Substep 1 verdict: WRONG", "location": 4 }
</intervention>"""


@pytest.mark.parametrize(
    ("log", "wrong", "first"),
    [
        (TINY, [2], 2),
        (REAL, [4], 4),
        ("", [], None),
        ("First critical error: none\n\n<intervention>\n</intervention>", [], None),
        ("Substep 3 verdict: WRONG\nFirst critical error: none", [3], None),
        ("Substep 3 verdict: WRONG\nSubstep 5 verdict: WRONG\nFirst critical error: Substep 5", [3, 5], 5),
        ("Substep 3 verdict: WRONG\nSubstep 5 verdict: WRONG", [3, 5], 3),
        ("Substep 2\n- Verdict: incorrect\n", [2], 2),
        ("Substep 2\n- Verdict: no error\nSubstep 3\n- Verdict: not wrong", [], None),
        ("Substep 2\n- Verdict: no critical error", [], None),
        ("Substep 2 verdict: CORRECT, or WRONG, or WRONG, RECOVERED", [], None),
        ("Step 12 verdict: WRONG (the sign)\nFirst critical error: Step 12", [12], 12),
        ("First critical error: **Substep 7**.", [], 7),
        ("First critical error: Substep #7", [], 7),
        ("The first critical error is in Substep 7.", [], 7),
        ("The first error occurs at Step 7", [], 7),
        ("- Critical error: Substep 3\nRevised:\nFirst critical error: Substep 2", [], 2),
        (
            "<think>Substep 1 verdict: WRONG\nFirst critical error: Substep 1</think>\nFirst critical error: Substep 3",
            [],
            3,
        ),
        ("Substep 1: plus 3, 10 -> 13; first 13 match.\nSubstep 2: minus 1, 13 -> 12; second 12 match.", [], None),
        ("We have to find what is wrong.\nNothing is wrong.", [], None),
        ("Substep 3 looks odd, but is not wrong.", [], None),
        ("**Part 2. Report.** First critical error: Substep 3", [], 3),
        ("Part 2: Report\n\nFirst critical error: Substep 3", [], 3),
        ("### Part 2. Report: the first critical error is in Substep 3.", [], 3),
        ("2. First critical error: Substep 3", [], 3),
        ("Critical error report: The first critical error occurs in Substep 3", [], 3),
        ("The earliest error is at Substep 3", [], 3),
        ("First critical error: $\\text{Substep } 3$", [], 3),
        ("Substep 2 verdict: WRONG\nPart 2. Report. There is no critical error.", [2], None),
        ("Substep 3 verdict: $\\boxed{\\text{WRONG}}$", [3], 3),
        ("Substep 3 verdict: NOT CORRECT", [3], 3),
        ("Substep 3 verdict: CORRECT (though the notation is wrong)", [], None),
        ("Substep 3 verdict: WRONG (recovered in Substep 5)", [], None),
        ("I close with an <intervention> block.\nSubstep 3 verdict: WRONG", [3], 3),
        ('<intervention>\n{"content": "Substep 1 verdict: WRONG\n', [], None),
        ("3. Is its place later than the first critical error? Substep 5 is.", [], None),
    ],
)
def test_logs(log: str, wrong: list[int], first: int | None) -> None:
    assert wrong_steps(log) == wrong
    assert first_error(log) == first


@given(st.text())
def test_any_text_is_read(log: str) -> None:
    steps = wrong_steps(log)
    assert steps == sorted(set(steps))
    assert first_error(log) is None or first_error(log) >= 1  # type: ignore[operator]


@pytest.mark.parametrize(
    ("location", "n_steps", "log", "reason"),
    [
        (2, 4, TINY, None),
        (1, 4, TINY, None),
        (3, 4, TINY, "after_first_error"),
        (5, 4, TINY, "location_out_of_range"),
        (4, 4, "", None),
        (1, 0, "", "location_out_of_range"),
        (
            5,
            6,
            "Substep 3 verdict: WRONG\nSubstep 5 verdict: WRONG\nFirst critical error: Substep 5",
            "wrong_step_in_prefix",
        ),
        (3, 6, "Substep 3 verdict: WRONG\nSubstep 5 verdict: WRONG\nFirst critical error: Substep 5", None),
        (4, 6, "Substep 3 verdict: WRONG\nFirst critical error: none", "wrong_step_in_prefix"),
        (4, 6, REAL, None),
    ],
)
def test_check_location(location: int, n_steps: int, log: str, reason: str | None) -> None:
    assert check_location(Intervention("x", location), n_steps, log) == reason


def test_the_quickstarts_verifications_agree_with_themselves() -> None:
    rng, misbeliefs = random.Random(3), Misbeliefs()
    found = 0
    for _ in range(300):
        problem = draw_problem(rng)
        values = misbeliefs.run(problem, rng)
        attempt, log = own_solution(problem, values), verification(problem, problem.values, values)
        wrong = next((i for i, (a, b) in enumerate(zip(values, problem.values, strict=True), 1) if a != b), None)
        assert first_error(log) == wrong
        if wrong is None:
            continue
        found += 1
        intervention = parse_intervention(log)
        assert intervention.location == wrong
        assert check_location(intervention, len(split_steps(attempt)), log) is None
    assert found > 100
