"""Interventions with everything around them."""

from __future__ import annotations

from int_verl import records
from int_verl.report.run_reader import RunReader
from int_verl.report.viewer import MAX_KEPT, MAX_OTHERS, attempt_steps, shorten, viewer_rows
from tests.report.pages import read
from tests.report.run_folders import write


def test_the_viewer_spreads_over_problems_and_shows_what_belongs_together(finished):
    rows, total = viewer_rows(RunReader(finished))
    assert total == 242
    assert len(rows) <= MAX_KEPT + MAX_OTHERS
    assert len({row.problem_id for row in rows if row.kept}) == MAX_KEPT
    for row in rows:
        wrong = next(step for step in row.steps if step.role == "wrong")
        assert wrong.number == row.location
        assert row.content.startswith(f"Step {row.location}:")
        assert {condition: len(outcomes) for condition, outcomes in row.outcomes.items()} == dict.fromkeys(
            ("intervention", "wrong_step", "prefix"), 8
        )
        assert (row.continuation_outcome == "correct") == bool(row.kept)
        assert row.continuation.endswith("(intervention)")


def test_long_attempts_are_shown_around_the_location():
    steps = attempt_steps("\n\n".join(map(str, range(1, 101))), 50)
    assert [step.number for step in steps] == [1, None, *range(44, 57), None, 100]
    assert [step.text for step in steps if step.number is None] == ["steps 2 to 43 left out", "steps 57 to 99 left out"]
    assert len(shorten("x" * 100_000, 1_000)) < 1_100
    assert shorten("short") == "short"


def test_steps_are_shown_as_they_were_cut():
    text = "<think>\nI add.\n</think>\n\nWe add 2.5. Then stop."
    steps = attempt_steps(text, 2, "sentences", text.index("We"))
    assert [(step.number, step.text) for step in steps] == [
        (None, "<think>\nI add.\n</think>"),
        (1, "We add 2.5."),
        (2, "Then stop."),
    ]
    assert [step.role for step in steps] == ["before", "before", "wrong"]


def test_the_report_cuts_steps_as_the_run_did(run):
    (run / "config.yaml").write_text("steps:\n  by: sentences\n")
    attempts = list(records.read_rows(run / "sample/attempts.parquet"))
    text = "I think.\n\nWe add 2.5. Then 4. Then 5. Then 6. Then 7. Then \\boxed{8}."
    rows = [{**row, "text": text, "steps_begin": text.index("We")} for row in attempts]
    write(run / "sample/attempts.parquet", records.ATTEMPT, rows)
    assert "Attempts by their number of sentences" in read(run).text
    row = viewer_rows(RunReader(run))[0][0]
    assert [step.text for step in row.steps][:3] == ["I think.", "We add 2.5.", "Then 4."]


def test_an_intervention_may_come_after_the_last_step():
    assert [step.role for step in attempt_steps("a\n\nb", 3)] == ["before", "before"]
