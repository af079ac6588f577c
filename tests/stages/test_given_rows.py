"""A run that goes on from published attempts and interventions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.generate.chat import ChatCodec
from int_verl.grading import Grader
from int_verl.problems.import_set import import_set
from int_verl.problems.published import SETS, PublishedRows
from int_verl.run.run import Run
from int_verl.run_files import ATTEMPTS, CARD, KEPT, PROPOSALS
from int_verl.settings.compose import compose
from int_verl.stages.assemble import schedule_of
from tests.published_files import published_rows, without, write_set
from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets

SILENT = "def script(request):\n    raise AssertionError('nothing is to be asked')\n"
QUIET = SafeConsole(quiet=True)


def imported(folder: Path, name: str, rows: list[dict[str, Any]]) -> list[str]:
    source = PublishedRows(SETS[name], write_set(folder / "set", rows), {}, None)
    return import_set(source, folder / "given", lambda: Grader(timeout=120)).settings


def run_of(folder: Path, settings: list[str], script: str) -> Run:
    write_problem_sets(folder, 1, 3)
    own = [
        f"run.dir={folder / 'run'}",
        f"problems.heldout={folder / 'heldout.jsonl'}",
        "engine.name=scripted",
        f"engine.script={script}",
        "guide.rollouts=4",
    ]
    return Run(compose(QUICKSTART / "quickstart.yaml", [*own, *settings]), QUIET)


def rows_of(folder: Path, file: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "run" / file).to_pylist()
    return rows


def test_sft_starts_from_the_authors_interventions_and_nothing_is_asked(tmp_path: Path, codec: ChatCodec) -> None:
    (tmp_path / "silent.py").write_text(SILENT)
    rows = published_rows(3)
    rows[1]["intervention"] = {"content": "So the answer is " + rows[1]["answer"] + ".", "location": 3}
    rows[2]["intervention"] = {"content": "x", "location": 40}
    rows[3]["incorrect_attempt"] += "<|im_end|>"
    run = run_of(tmp_path, imported(tmp_path, "InT-SFT", rows), f"{tmp_path / 'silent.py'}:script")
    schedule_of(run, "guide").execute()
    actions = {task.stage.name: task.action for task in schedule_of(run, "sft").plan()}
    assert actions == {"sample": "skip", "propose": "skip", "guide": "skip", "sft": "start"}
    statuses = [row["status"] for row in rows_of(tmp_path, PROPOSALS)]
    assert statuses == ["proposed", "leak", "location_out_of_range", *["proposed"] * 3]
    attempts = rows_of(tmp_path, ATTEMPTS)
    assert {row["finish_reason"] for row in attempts} == {"given"}
    assert {row["outcome"] for row in attempts} == {"incorrect"}
    assert codec.decode(attempts[3]["token_ids"]) == rows[3]["incorrect_attempt"]
    assert codec.end_ids.isdisjoint(attempts[3]["token_ids"]), "a special token in a text is text"
    kept = rows_of(tmp_path, KEPT)
    for row, source in zip(kept, (rows[0], *rows[3:]), strict=True):
        trained = codec.decode(row["prefix_ids"]) + codec.decode(row["intervention_ids"])
        assert trained == source["intervention_guided_attempt"]
    manifests = [run.folder.manifest(stage) for stage in ("sample", "propose")]
    assert [manifest.counts["given"] for manifest in manifests if manifest] == [6, 6]
    assert "not those that" in (tmp_path / "run" / CARD).read_text()


def test_a_run_goes_on_from_the_authors_attempts_and_draws_for_other_problems(tmp_path: Path) -> None:
    rows = without(published_rows(3), "intervention")
    settings = imported(tmp_path, "InT-hard-set-with-incorrect-attempts", rows)
    write_problem_sets(tmp_path, 4, 3)
    given = pq.read_table(tmp_path / "given/train.parquet").to_pylist()
    ids = {row["problem"]: row["id"] for row in given}
    train = tmp_path / "four.jsonl"
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    train.write_text("".join(json.dumps({**row, "id": ids.get(row["problem"], row["id"])}) + "\n" for row in lines))
    run = run_of(tmp_path, [*settings, f"problems.train={train}", "sample.attempts=5"], f"{SCRIPT}:script")
    schedule_of(run, "guide").execute()
    attempts = rows_of(tmp_path, ATTEMPTS)
    assert [row["finish_reason"] for row in attempts] == ["given"] * 6 + ["stop"] * 5
    none_drawn = run_of(tmp_path, [*settings, f"problems.train={train}", "sample.attempts=0"], f"{SCRIPT}:script")
    proposals = rows_of(tmp_path, PROPOSALS)
    schedule_of(none_drawn, "guide").execute()
    assert rows_of(tmp_path, ATTEMPTS) == attempts[:6]
    assert len(list(none_drawn.problems.unsolved(tmp_path / "run" / ATTEMPTS))) == 4
    assert {row["finish_reason"] for row in proposals} == {"stop"}
    assert {row["problem_id"] for row in proposals} >= set(ids.values())
    assert rows_of(tmp_path, KEPT)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["sample.attempts=0"], "with sample.attempts_from"),
        (["guide.rollouts=0"], "set select.need_success=false"),
        (["sample.attempts_from=nowhere.parquet"], "no such file"),
        (["sample.attempts_from={folder}/given/train.parquet"], "no column 'problem_id'"),
        (["propose.interventions_from={folder}/given/interventions.parquet"], "set sample.attempts_from, too"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_before_anything_starts(
    tmp_path: Path, settings: list[str], message: str
) -> None:
    imported(tmp_path, "InT-SFT", published_rows(1))
    own = [f"problems.train={tmp_path / 'given/train.parquet'}", *(one.format(folder=tmp_path) for one in settings)]
    with pytest.raises(UserError, match=message):
        schedule_of(run_of(tmp_path, own, f"{SCRIPT}:script"), "guide")


def test_files_of_other_problems_are_refused(tmp_path: Path) -> None:
    settings = imported(tmp_path, "InT-SFT", published_rows(1))
    write_problem_sets(tmp_path, 2, 3)
    run = run_of(tmp_path, [*settings[1:], f"problems.train={tmp_path / 'train.jsonl'}"], f"{SCRIPT}:script")
    with pytest.raises(UserError, match="holds rows of none of the problems"):
        schedule_of(run, "guide").execute()
