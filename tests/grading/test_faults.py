# ruff: noqa: E501
"""The net under the grader: whatever two texts are, the outcome is a verdict, counted, and logged once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from int_verl.grading import VERDICTS, Grader, comparisons
from int_verl.grading.faults import shown, tell, where
from int_verl.reward_fns import exact_match, math_answer, math_answer_format, math_answer_overlong, multiple_choice


class Hostile(str):
    """A text of which every question raises, as an unforeseen fault anywhere would."""

    def strip(self, *_: Any) -> str:
        raise ZeroDivisionError("1/0")

    rfind = isascii = strip  # type: ignore[assignment]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


ODD: list[Any] = [
    None, 5, -0.5, float("nan"), float("inf"), 10**5000, [], ["5", None], ["5", ["6"]], {"a": 1}, b"5", True, object(),
    Unprintable(), [Unprintable()], "", " ", "\0", "5\0", "\ud800", r"\boxed{\ud800}", "\x1b[2J", "\u202e5", "9" * 10**6,
    r"\boxed{" * 5000, "(" * 10**6, "{" * 5000 + "}" * 5000, r"\boxed{" + "x" * 10**6 + "}", "1+" * 1900 + "1", "-" * 3999 + "1",
    r"\boxed{\max(1,\sqrt2)}", r"\sqrt" * 900, r"\frac 2.\frac .5 3", "_" * 1500, "'" * 3000, r"\left(" * 600,
]  # fmt: skip


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=2, timeout=5) as shared:
        yield shared


@pytest.mark.parametrize(
    "value", ODD, ids=lambda value: f"{type(value).__name__}-{shown(value)[:12]}".partition(" object at ")[0]
)
def test_any_two_texts_have_a_verdict(grader: Grader, value: Any) -> None:
    for one, other in ((value, "5"), ("5", value), (value, value), (r"\boxed{x+1}", value)):
        for grade in (grader.grade(one, other), grader.grade_response(one, other)):
            assert grade.verdict in VERDICTS
            assert grade.verdict != "error", grade
    for module in (exact_match, math_answer, math_answer_format, math_answer_overlong, multiple_choice):
        score = module.compute_score("source", value, value)
        assert score["verdict"] in VERDICTS
    reason = grader.check_gold(value)
    assert reason is None or "failed" not in reason


def test_what_nobody_foresaw_is_an_error_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    grades: list[Any] = []
    with Grader(workers=1) as grader, caplog.at_level(logging.ERROR, logger="int_verl"):
        calls = [
            lambda: grader.grade(Hostile("5"), "6\x1b[2J"),
            lambda: grader.grade("6", Hostile("5")),
            lambda: grader.grade_response(Hostile(r"\boxed{5}"), "5"),
        ]
        threads = [threading.Thread(target=lambda call=call: grades.append(call())) for call in calls * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [grade.verdict for grade in grades] == ["error"] * len(threads)
        assert all("ZeroDivisionError at test_faults.py" in grade.means for grade in grades)
        assert sum(n for (verdict, _), n in grader.tally.counts().items() if verdict == "error") == len(threads)
        assert "ZeroDivisionError" in str(grader.check_gold(Hostile("5")))
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("not graded")]
    assert len(said) == 1
    assert "'6\\x1b[2J'" in said[0] or "\x1b" not in said[0]


async def _aside(grader: Grader) -> str:
    return (await grader.agrade_response(Hostile(r"\boxed{5}"), "5")).verdict


def test_asyncio_and_reward(grader: Grader) -> None:
    import asyncio

    assert asyncio.run(_aside(grader)) == "error"
    score = math_answer.compute_score("source", Hostile(r"\boxed{5}"), "5")
    assert (score["score"], score["verdict"]) == (0.0, "error")


def test_a_worker_says_where_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: str) -> None:
        raise KeyError("unforeseen")

    monkeypatch.setattr(comparisons, "judge", failing)
    assert comparisons._compare(("1", "2"))[0] == "done"
    verdict, means = comparisons._compare(("1", "2"))[1]
    assert verdict == "error"
    assert means.startswith("KeyError at test_faults.py:")


def test_the_log_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="int_verl"):
        for text in ("\x1b" * 10**6, "another"):
            tell("a fault of this test", text=text)
    assert len(caplog.records) == 1
    assert len(caplog.records[0].getMessage()) < 1_000
    assert "\x1b" not in caplog.records[0].getMessage()
    assert shown(Unprintable()) == "<Unprintable>"


def test_a_place_is_the_same_for_all_texts() -> None:
    places = set()
    for divisor in ("0", "0.0"):
        try:
            print(1 / float(divisor))
        except ZeroDivisionError as problem:
            places.add(where(problem))
    assert len(places) == 1
