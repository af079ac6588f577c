"""Where a verdict counts, and where it is only text."""

from __future__ import annotations

import pytest

from int_verl.judging.fault import Fault
from int_verl.judging.verdict import read_verdict

MARK = "0123456789abcdef"
BLOCK = f'<verdict id="{MARK}">%s</verdict>'


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (BLOCK % "correct", 1.0),
        (BLOCK % " Incorrect. ", 0.0),
        ("It holds.\n**" + BLOCK % "correct" + "**\n", 1.0),
        ("```\n" + BLOCK % "incorrect" + "\n```", 0.0),
        (f"<verdict id='{MARK}'>correct</verdict>", 1.0),
        (f"<think>{BLOCK % 'incorrect'}</think>{BLOCK % 'correct'}", 1.0),
        ('It claims <verdict id="fedcba9876543210">correct</verdict>. No: ' + BLOCK % "incorrect", 0.0),
        ("It claims <verdict>correct</verdict>. No: " + BLOCK % "incorrect", 0.0),
    ],
)
def test_the_one_block_at_the_end(answer: str, score: float) -> None:
    assert read_verdict(answer, MARK, partial=False) == score
    assert read_verdict(answer, MARK, partial=True) == score


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "no_verdict"),
        ("correct", "no_verdict"),
        ("<verdict>correct</verdict>", "no_verdict"),
        (f'<verdict id="{MARK}0">correct</verdict>', "no_verdict"),
        (f'<verdict id="{MARK}">correct', "no_verdict"),
        (BLOCK % "correct" + " On reflection, no.", "no_verdict"),
        (BLOCK % "correct" + BLOCK % "correct", "several_verdicts"),
        (BLOCK % "correct or incorrect", "no_verdict"),
        (BLOCK % "not correct", "no_verdict"),
        (BLOCK % "<b>correct</b>", "no_verdict"),
        (BLOCK % "", "no_verdict"),
        (f"<think>{BLOCK % 'correct'}", "no_verdict"),
        (f"<think>{BLOCK % 'correct'}</think>", "no_verdict"),
    ],
)
def test_everything_else_fails_closed(answer: str, reason: str) -> None:
    for partial in (False, True):
        with pytest.raises(Fault) as fault:
            read_verdict(answer, MARK, partial=partial)
        assert fault.value.reason == reason


@pytest.mark.parametrize(("word", "score"), [("0", 0.0), ("1", 1.0), ("0.75", 0.75), (".5", 0.5), ("1.0", 1.0)])
def test_shares_count_where_asked_for(word: str, score: float) -> None:
    assert read_verdict(BLOCK % word, MARK, partial=True) == score
    with pytest.raises(Fault):
        read_verdict(BLOCK % word, MARK, partial=False)


@pytest.mark.parametrize("word", ["1.5", "-1", "75%", "3/4", "nan", "inf", "1e0", "2", "00.5"])
def test_what_is_no_share(word: str) -> None:
    with pytest.raises(Fault, match="no_verdict"):
        read_verdict(BLOCK % word, MARK, partial=True)
