"""Conditions that interventions are compared with, and what each continues."""

from __future__ import annotations

from dataclasses import replace

import pytest

from int_verl.generate.chat import ChatCodec
from int_verl.problems.sets import Problem
from tests.generate.test_one_problem import PROBLEM, SETTINGS, WRONG, block, context, run

HINTED = replace(PROBLEM, reference_solution="Count on from 3. Four more. Then \\boxed{7}.")
CONTROLS = ("wrong_step", "prefix", "problem", "hint", "hint_and_intervention")


def guided(codec: ChatCodec, problem: Problem, attempts: int = 2, fraction: float = 0.5) -> list[dict]:
    """Rows of a run with two different incorrect attempts."""
    settings = replace(
        SETTINGS,
        sample=replace(SETTINGS.sample, attempts=attempts),
        guide=replace(SETTINGS.guide, controls=CONTROLS, hint_fraction=fraction),
    )
    (rows,), counts = run(
        codec,
        lambda request: WRONG if request.order[-1] else "We guess.\n\nIt is \\boxed{9}.",
        block("Count on to the sum.", 2),
        settings=settings,
        problems=(problem,),
    )
    assert set(counts["guide"]["rollouts"]) == {row["condition"] for row in rows.guided}
    return rows.guided


def test_what_belongs_to_no_attempt_is_drawn_once_a_problem(codec: ChatCodec) -> None:
    rows = guided(codec, HINTED)
    of = {name: [row for row in rows if row["condition"] == name] for name in ("intervention", *CONTROLS)}
    assert {name: len(found) for name, found in of.items()} == {
        **dict.fromkeys(("intervention", "wrong_step", "prefix", "hint_and_intervention"), 4),
        **dict.fromkeys(("problem", "hint"), 2),
    }
    assert {(row["attempt"], row["proposal"]) for name in ("problem", "hint") for row in of[name]} == {(None, None)}
    assert len({row["seed"] for row in rows}) == len(rows)


def test_what_each_condition_continues(codec: ChatCodec) -> None:
    rows = {row["condition"]: row for row in guided(codec, HINTED, attempts=1)}
    prompts = {name: codec.decode(row["prompt_ids"]) for name, row in rows.items()}
    for name, prompt in prompts.items():
        assert ("Count on from 3. Four more." in prompt) is name.startswith("hint")
        assert "boxed{7}" not in prompt
    assert context(codec, rows["problem"]) == context(codec, rows["hint"]) == ""
    assert context(codec, rows["hint_and_intervention"]) == context(codec, rows["intervention"]) != ""
    assert rows["hint"]["prompt_version"].startswith("baselines/hint-")
    assert rows["problem"]["prompt_version"] == rows["intervention"]["prompt_version"]


@pytest.mark.parametrize("reference", ["It is 7.", "So 7. Hence 7."])
def test_a_reference_without_a_beginning_gives_no_hint(codec: ChatCodec, reference: str) -> None:
    rows = guided(codec, replace(PROBLEM, reference_solution=reference))
    assert {row["condition"] for row in rows} == {"intervention", "wrong_step", "prefix", "problem"}
