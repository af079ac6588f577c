"""Angles in minutes and seconds, and times of day."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"40^{\circ} 30^{\prime}", r"40.5^\circ"),
        (r"12^\circ 15' 36''", "12°15′36″"),
        (r"12^{\circ} 15^{\prime} 36^{\prime\prime}", r"12.26^\circ"),
        (r"-7^\circ 12'", r"-7.2^\circ"),
        ("9:05 PM", r"9{:}05\text{ p.m.}"),
        (r"9:05\ \mathrm{AM}", "9:05 a.m."),
    ],
)
def test_the_same(gold: str, answer: str, pair_grader: Grader) -> None:
    assert pair_grader.grade(answer, gold).correct
    assert pair_grader.grade(gold, answer).correct


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"40^{\circ} 30^{\prime}", r"40.3^\circ"),
        (r"40^{\circ} 30^{\prime}", r"40^{\circ} 30^{\prime} 1''"),
        ("9:05 PM", "9:05 AM"),
        ("9:05 PM", "9:50 PM"),
    ],
)
def test_others(gold: str, answer: str, pair_grader: Grader) -> None:
    assert not pair_grader.grade(answer, gold).correct
