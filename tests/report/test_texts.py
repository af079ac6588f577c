"""The report as text and as JSON, and the files of its figures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from int_verl import records
from int_verl.evaluate import summarise
from int_verl.report import write_report
from int_verl.report.pass_rates import pass_rates


@pytest.fixture(scope="module")
def run(finished: Path) -> Path:
    write_report(finished)
    return finished


def test_the_json_has_the_numbers_as_they_are(run: Path) -> None:
    found = json.loads((run / "report.json").read_text())
    scores = list(records.read_rows(run / "eval/scores.parquet"))
    assert found["final"] == summarise(scores)
    heldout = found["pass_rates"][0]
    by_hand = pass_rates(scores)[0]
    assert (heldout["before"], heldout["after"]) == ("base", "InT SFT + RL")
    assert heldout["rates"] == {problem: list(rates) for problem, rates in by_hand.rates.items()}
    for problem in heldout["gained"]:
        before, after = heldout["rates"][problem]
        assert before == 0 < after
    interval = found["conditioning"]["times_interval"]
    assert interval["low"] < found["conditioning"]["times"] < interval["high"]
    assert found["facts"] == {"seed": "0", "host": "node7", "commit": "0a1b2c3d4e5f", "verl": "0.9.1"}


def test_every_figure_has_its_picture_and_its_numbers(run: Path) -> None:
    found = json.loads((run / "report.json").read_text())["figures"]
    assert {"solved_rl", "grad_norm", "kl", "clipped", "seconds", "tokens", "sources_rl", "before_after_hard"} <= set(
        found
    )
    folder = run / "report/figures"
    assert {file.name for file in folder.iterdir()} == {f"{name}{end}" for name in found for end in (".csv", ".png")}
    for name, figure in found.items():
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        head, *rows = csv.reader((folder / f"{name}.csv").read_text().splitlines())
        assert head == figure["columns"]
        assert rows == [["" if cell is None else str(cell) for cell in row] for row in figure["rows"]]
    log = [json.loads(line)["data"] for line in (run / "rl/metrics.jsonl").read_text().splitlines()][1:]
    drawn = {tuple(row[:3]) for row in found["solved_rl"]["rows"]}
    assert drawn == {
        (word, step, data[f"int/{word}_solved"])
        for step, data in enumerate(log, 1)
        for word in ("never", "sometimes", "always")
    }


def test_the_time_of_the_stream_is_divided_by_tokens(run: Path) -> None:
    costs = {cost["stage"]: cost for cost in json.loads((run / "report.json").read_text())["costs"]}
    stream = [costs[name] for name in ("sample", "propose", "guide")]
    assert sum(cost["seconds"] for cost in stream) == pytest.approx(95)
    assert all(
        cost["seconds"] / 95 == pytest.approx(cost["tokens"] / sum(c["tokens"] for c in stream)) for cost in stream
    )
    assert costs["guide"]["completions"] == sum(1 for _ in records.read_rows(run / "guide/guided.parquet"))
    assert costs["rl"]["seconds"] == 290
    assert costs["rl"]["tokens"] > 14_000 * 60


def test_the_text_has_the_tables_and_the_words(run: Path) -> None:
    text = (run / "report.md").read_text()
    for part in (
        "| prefix + intervention |",
        "| paper: coverage |",
        "int-verl run run.seed=0",
        "Held-out problems gained and lost: InT SFT + RL against base",
        "| duplicate |",
        "- **zero-advantage ratio**: Share of groups",
        "`report/figures/reward.png`",
    ):
        assert part in text
