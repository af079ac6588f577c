"""Every row is counted, and what was lost is named."""

from __future__ import annotations

from int_verl import records
from int_verl.generate.funnel import Funnel
from int_verl.report.funnel import generation_funnel
from int_verl.report.run_reader import RunReader
from int_verl.report.viewer import viewer_rows
from tests.report.pages import read
from tests.report.run_folders import manifest, write


def test_the_funnel_counts_every_row_once(finished):
    blocks = {block.title: block for block in generation_funnel(RunReader(finished))}
    for title, block in blocks.items():
        if title != "Training problems":
            assert sum(line.count for line in block.lines) == block.total
    proposals = list(records.read_rows(finished / "propose/proposals.parquet"))
    assert blocks["Verifications of incorrect attempts"].total == len(proposals)
    assert blocks["Interventions"].total == sum(row["status"] == "proposed" for row in proposals)
    assert blocks["Attempts"].lines[0].count == len(proposals)


def test_what_waves_saved_and_what_did_not_fit_is_said(run):
    counts = Funnel().counts
    counts["guide"] |= {"rollouts_not_drawn": 48, "tokens_saved_estimate": 123_456}
    counts["propose"]["context_length_needed"] = 40_960
    for stage in ("propose", "guide"):
        manifest(run, stage, counts=counts[stage])
    text = read(run).text
    assert "Waves left 48 guided rollouts undrawn and saved about 123,456 tokens, an estimate" in text
    assert "engine.context_length=40960 would have let all of them fit" in text


def test_outcomes_that_are_neither_right_nor_wrong_are_bars_of_their_own(run):
    rows = list(records.read_rows(run / "guide/guided.parquet"))
    odd = ["unclosed_thinking", "timeout", "prompt_too_long", "no_answer"]
    rows = [{**row, "outcome": odd[i % 4], "correct": False} for i, row in enumerate(rows)]
    write(run / "guide/guided.parquet", records.GUIDED, rows)
    block = next(block for block in generation_funnel(RunReader(run)) if block.title.startswith("Guided"))
    assert {line.label for line in block.lines} == {"unclosed thinking", "timeout", "prompt too long", "wrong"}


def test_problems_are_counted_without_their_file(run):
    kept = [row.problem for row in viewer_rows(RunReader(run))[0]]
    (run / "problems/train.parquet").rename(run / "elsewhere.parquet")
    assert generation_funnel(RunReader(run))[0].total == 6
    assert not any(row.problem for row in viewer_rows(RunReader(run))[0])
    (run / "config.yaml").write_text(
        f"problems:\n  train: {run}/elsewhere.parquet\n  train_limit: null\n  columns: {{}}\n"
    )
    assert [row.problem for row in viewer_rows(RunReader(run))[0]] == kept
