"""What gives away what the partner has not said yet."""

from __future__ import annotations

import pytest

from int_verl.turns.cases import CaseCheck, read_case
from int_verl.turns.leaks import hidden_texts, mentions, uses_hidden

CASE = {"belief": {"category": "helpless", "statement": "I am a failure"}, "feels": ["sad", "ashamed"], "level": 7}


@pytest.mark.parametrize(
    ("utterance", "hidden", "leaks"),
    [
        ("Do you feel like a failure?", "I am a failure", True),
        ("You are afraid of failures, then.", "I am a failure", True),
        ("How did you fare?", "I am a failure", False),
        ("So you think that people will not love you?", "I am unlovable", False),
        ("You think nobody loves you, and that you are UNLOVABLE.", "I am unlovable", True),
        ("It is the 7th of May.", "7", False),
        ("Would 7 be enough?", "7", True),
        ("Would 17 be enough?", "7", False),
        ("Are you not?", "I am not", False),  # of that there is no telling
        ("あなたは失敗者だと思いますか", "失敗者", True),
        ("あなたは元気ですか", "失敗者", False),
        ("They wanted to be loved at their work.", "He wants love at work", True),
    ],
)
def test_a_text_is_used_where_its_words_are(utterance: str, hidden: str, leaks: bool) -> None:
    assert mentions(utterance, hidden) == leaks
    assert uses_hidden(utterance, [hidden], ["How are you?"]) == leaks
    assert not uses_hidden(utterance, [hidden], ["Well.", f"Yes: {hidden}."])


def test_what_was_only_half_said_is_hidden() -> None:
    assert uses_hidden("Are you sad and tired?", ["sad and tired"], ["I am sad.", "I am tired."])
    assert not uses_hidden("Are you sad and tired?", ["sad and tired"], ["I was tired, and sad as well."])


def test_what_a_case_hides() -> None:
    assert hidden_texts(CASE, None) == ["helpless", "I am a failure", "sad", "ashamed", "7"]
    assert hidden_texts(CASE, ["belief.statement", "feels"]) == ["I am a failure", "sad", "ashamed"]
    with pytest.raises(KeyError, match=r"belief\.kind"):
        hidden_texts(CASE, ["belief.kind"])


def test_which_answers_are_no_cases() -> None:
    check = CaseCheck(["belief"])
    golds = [(1, '{"belief": "x"}'), (2, "42"), (3, "x = 2"), (4, '{"mood": "x"}'), (5, '["belief"]')]
    found = {row: reason for row, _, reason in check.unusable_golds(golds)}
    assert found.keys() == {2, 3, 4, 5}
    assert "no object of JSON" in found[2]
    assert "turns.environment" in found[3]
    assert found[4] == "the case has no belief, which turns.hidden names"
    assert read_case('{"a": [1]}') == {"a": [1]}
