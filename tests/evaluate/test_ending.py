"""How often answers end before and after SFT, by hand and at the edges."""

from __future__ import annotations

from typing import Any

import pytest

from int_verl.evaluate import ending_table, format_table
from int_verl.evaluate.ending import rise_in_words, rose_too_far


def answers(when: str, cut_P: list[int], samples: int = 4, **more: Any) -> list[dict[str, Any]]:
    """Of each problem so many answers that do not end."""
    blank = {"when": when, "correct": False, "end_before": None, "end_after": None}
    return [
        {**blank, "problem_id": str(p), "finish_reason": "length" if sample < cut else "stop", **more}
        for p, cut in enumerate(cut_P)
        for sample in range(samples)
    ]


def test_shares_and_their_paired_rise() -> None:
    table = ending_table(answers("before", [0, 0, 1, 4]) + answers("after", [1, 2, 1, 4], correct=True))
    before, after = table["endings"]
    assert (before["model"], before["answers"], before["correct"]) == ("base", 16, 0)
    assert (after["model"], after["answers"], after["correct"]) == ("InT SFT", 16, 16), "right and endless is endless"
    assert before["truncated"]["value"] == 5 / 16
    assert after["truncated"]["value"] == 8 / 16
    assert table["rise"]["value"] == pytest.approx(3 / 16)
    assert 0 <= table["rise"]["low"] < 3 / 16 < table["rise"]["high"] <= 0.5
    assert rise_in_words(table).startswith("50.0 % of the answers to held-out problems do not end after SFT, 31.2 %")


def test_the_probability_of_the_end_is_of_the_answers_that_have_one() -> None:
    right = answers("before", [0, 0], samples=1, correct=True)
    for row, probabilities in zip(right, ((1.0, 0.5), (0.5, 0.25)), strict=True):
        row["end_before"], row["end_after"] = probabilities
    table = ending_table(right + answers("before", [0, 0], samples=1) + answers("after", [0, 0]))
    assert [entry["end_probability"]["value"] for entry in table["endings"]] == [0.75, 0.375]
    assert table["right_answers"] == 2
    assert "Behind 2 right answers" in format_table(table)


def test_what_was_not_drawn_does_not_count() -> None:
    lost = [{**row, "finish_reason": None} for row in answers("after", [0, 0])]
    assert ending_table(answers("before", [1, 1]) + answers("after", [1, 1]) + lost) == ending_table(
        answers("before", [1, 1]) + answers("after", [1, 1])
    )
    table = ending_table(answers("before", [1, 1]) + lost)
    assert table["endings"][1]["truncated"] is table["rise"] is None
    assert not rose_too_far(table, 0.0)
    assert "| InT SFT | 0 | - | - |" in format_table(table)
    assert ending_table([])["rise"] is None


@pytest.mark.parametrize(
    ("before", "after", "too_far"),
    [
        ([0] * 64, [1] * 16 + [0] * 48, False),  # 6 points
        ([0] * 64, [1] * 32 + [0] * 32, True),  # 12.5 points
        ([4] * 32 + [0] * 32, [4] * 48 + [0] * 16, True),
        ([4] * 64, [0] * 64, False),
        ([0] * 64, [4] * 64, True),
        ([0, 0, 2, 0], [4, 0, 0, 0], False),  # 12.5 points, but of four problems one rose and one fell
        ([0, 0, 0], [4, 4, 4], True),
        ([0, 0, 0], [0, 0, 0], False),
    ],
)
def test_a_rise_stops_where_it_is_too_large_and_no_chance(before: list[int], after: list[int], too_far: bool) -> None:
    table = ending_table(answers("before", before) + answers("after", after))
    assert rose_too_far(table, 0.1) is too_far
    assert not rose_too_far(table, 1.0)
