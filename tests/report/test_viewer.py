"""Interventions with everything around them."""

from __future__ import annotations

from collections import Counter

import pytest

from int_verl import records
from int_verl.report import viewer
from int_verl.report.run_reader import RunReader
from int_verl.report.viewer import attempt_steps, shorten, viewer_rows
from tests.report.pages import read, rows_of
from tests.report.run_folders import write


def test_the_viewer_shows_what_belongs_together(finished):
    rows, total = viewer_rows(RunReader(finished))
    proposals = list(records.read_rows(finished / "propose/proposals.parquet"))
    assert len(rows) == total == len(proposals)
    assert [row.key for row in rows] == sorted((p["problem_id"], p["attempt"], p["proposal"]) for p in proposals)
    for row in rows:
        wrong = next(step for step in row.steps if step.role == "wrong")
        assert wrong.number == row.location
        assert row.content.startswith(f"Step {row.location}:")
        if row.status not in ("kept", "not kept"):
            assert row.verification == "..."
            assert not row.outcomes
            continue
        assert {condition: len(outcomes) for condition, outcomes in row.outcomes.items()} == dict.fromkeys(
            ("intervention", "wrong_step", "prefix"), 8
        )
        assert (row.continuation_outcome == "correct") == (row.status == "kept") == bool(row.trained)
        assert row.continuation.endswith("(intervention)")
        assert not row.verification


def test_what_was_rejected_can_be_looked_at(finished):
    statuses = {row.status for row in viewer_rows(RunReader(finished))[0]}
    assert {"leak", "duplicate", "no_block", "content_too_long"} <= statuses


def test_of_many_rows_every_status_and_every_problem_has_a_share(finished, monkeypatch):
    monkeypatch.setattr(viewer, "MAX_ROWS", 60)
    rows, total = viewer_rows(RunReader(finished))
    assert len(rows) == 60 < total
    counts = Counter(row.status for row in rows)
    everything = Counter(row["status"] for row in records.read_rows(finished / "propose/proposals.parquet"))
    assert counts["not kept"] == 7
    assert min(counts[status] for status in ("leak", "duplicate", "no_block")) >= 7
    assert all(counts[status] <= everything[status] for status in ("leak", "duplicate", "no_block"))
    assert max(Counter(row.problem_id for row in rows if row.status == "kept").values()) == 1


def test_a_page_takes_so_many_characters_and_no_more(finished, monkeypatch):
    rows, total = viewer_rows(RunReader(finished))
    monkeypatch.setattr(viewer, "MAX_CHARACTERS_IN_ALL", sum(row.characters for row in rows) // 2)
    assert 0.4 * total < len(viewer_rows(RunReader(finished))[0]) < 0.6 * total


@pytest.mark.parametrize(
    ("settings", "prefix", "number"),
    [
        ("sft: {loss_on: prefix_and_intervention}", True, lambda row: row.location - 1 + 2),
        ("sft: {loss_on: intervention}", False, lambda _: 2),
        ("sft: {overlong: drop, max_length: 5}", True, lambda row: 2 if row.location == 1 else 0),
    ],
)
def test_what_sft_trains_on_is_told_as_it_is_set(run, settings, prefix, number):
    (run / "config.yaml").write_text(settings)
    trained = [row for row in viewer_rows(RunReader(run))[0] if row.trained]
    assert {row.status for row in trained} == {"kept"}
    for row in trained:
        assert row.trained.prefix == prefix
        assert row.trained.number == number(row)
        assert row.trained.tokens.get("prefix", 0) == row.location - 1


def test_other_data_for_sft_is_shown_as_what_it_is(run):
    """With reference solutions in the place of the interventions nothing of the attempt is trained on."""
    (run / "config.yaml").write_text("sft_data: {kind: reference}")
    kept = list(records.read_rows(run / "guide/sft.parquet"))
    messages = [{"role": "user", "content": "..."}, {"role": "assistant", "content": "So 9."}]
    rows = [{**row, "prefix_ids": [], "content": "So 9.", "messages": messages} for row in kept]
    write(run / "sft_data/sft.parquet", records.SFT, rows)
    shown = [row["trained"] for row in rows_of(read(run)) if row["trained"]]
    assert len(shown) == len(kept)
    assert all(one["texts"] == ["", "So 9."] and one["number"] == 2 for one in shown)


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
