"""Problems that differ in the names of their variables read the same."""

from __future__ import annotations

import pytest

from int_verl.problems.names import without_names

SAME = [
    ("Find $x+y$ if $xy = 6$.", "Find $a+b$ if $ab = 6$."),
    ("In triangle ABC, the point D lies on BC.", "In triangle XYZ, the point W lies on YZ."),
    (r"Let $\alpha_1$ be a root of $\sin \alpha_1 = f(t)$.", r"Let $x_1$ be a root of $\sin x_1 = g(s)$."),
]
OTHER = [
    ("Find $x+y$.", "Find $x+x$."),
    ("Find $2x$.", "Find $3x$."),
    (r"Find $\sin x$.", r"Find $\cos x$."),
    ("Find $x-y$.", "Find $x+y$."),
]


@pytest.mark.parametrize(("one", "other"), SAME[:1] + SAME[2:])
def test_a_renamed_problem_reads_the_same_numbered_or_not(one: str, other: str) -> None:
    assert without_names(one, "numbered") == without_names(other, "numbered")
    assert without_names(one) == without_names(other)


def test_names_that_are_left_out_leave_words_and_numbers() -> None:
    assert without_names("Find $2x + y$ at P.", "left_out").split() == ["Find", "$2", "+", "$", "at", "."]


def test_points_in_prose_are_names() -> None:
    one, other = SAME[1]
    assert without_names(one) == without_names(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_numbered_names_keep_different_problems_apart(one: str, other: str) -> None:
    assert without_names(one, "numbered") != without_names(other, "numbered")
