"""The table of `cases`, through the whole grader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from int_verl.grading import Grader
from tests.maths.cases import DIFFERENT, SAME


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=2) as shared:
        yield shared


@pytest.mark.parametrize(("gold", "answer"), [pair for pairs in SAME.values() for pair in pairs])
def test_same(grader: Grader, gold: str, answer: str) -> None:
    grade = grader.grade(answer, gold)
    assert grade.correct, grade


@pytest.mark.parametrize(("gold", "answer"), [pair for pairs in DIFFERENT.values() for pair in pairs])
def test_different(grader: Grader, gold: str, answer: str) -> None:
    grade = grader.grade(answer, gold)
    assert not grade.correct, grade


@pytest.mark.parametrize("text", sorted({text for pairs in SAME.values() for pair in pairs for text in pair}))
def test_every_answer_equals_itself(grader: Grader, text: str) -> None:
    assert grader.grade(text, text).correct
