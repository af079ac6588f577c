"""From samples to a problem's row."""

from __future__ import annotations

from int_verl.evaluate.benchmark import evaluation_table
from int_verl.evaluate.samples import evaluated_row


def sample(outcome, answer=None, tokens=10):
    return {"outcome": outcome, "correct": outcome == "correct", "answer": answer, "completion_tokens": tokens}


def test_every_outcome_is_counted_once():
    outcomes = ["correct", "truncated", "no_answer", "unclosed_thinking", "prompt_too_long", "lost"]
    samples = [sample(outcome) for outcome in outcomes] + [sample("incorrect", "3"), sample("timeout", "3")]
    row = evaluated_row("m", "s", "s", "1", "What?", samples)
    assert {name: row[name] for name in ("samples", "correct", "truncated", "no_answer", "lost")} == {
        "samples": 7,
        "correct": 1,
        "truncated": 1,
        "no_answer": 3,
        "lost": 1,
    }
    assert row["wrong_votes"] == [2]
    assert row["tokens"] == 70
    (one,) = evaluation_table([row], {})["sets"]
    assert one["lost"]["value"] == 1 / 8
    assert one["pass_at"]["1"]["value"] == 1 / 7


def test_the_text_of_a_problem_tells_it_from_another():
    same, other, unknown = (
        evaluated_row("m", "s", "s", "1", text, [sample("correct")])["text_hash"] for text in ("a", "b", None)
    )
    assert same != other
    assert unknown is None


def test_of_a_problem_whose_samples_are_all_lost_nothing_is_known():
    assert evaluated_row("m", "s", "s", "1", "?", [sample("lost")])["samples"] == 0
