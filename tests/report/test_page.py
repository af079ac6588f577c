"""The report on whole, partial, damaged and hostile run folders."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from int_verl import records
from int_verl.errors import UserError
from int_verl.report import write_report
from int_verl.report.__main__ import main
from int_verl.report.contents import duration
from int_verl.report.page import estimate
from tests.report.pages import Page, read, rows_of
from tests.report.run_folders import metrics, write, write_endings, write_run


@pytest.fixture(scope="module")
def html(finished: Path) -> str:
    return write_report(finished).read_text(encoding="utf-8")


def test_a_finished_run(html):
    page = Page(html)
    for text in (
        "InT SFT + RL solves",
        "held-out pass@8",
        "Continuing an incorrect attempt",
        "prefix + original wrong step",
        "location out of range",
        "no misbelieved product",
        "Does the model still end its answers?",
        "2.13.0+cpu",
        "sample.attempts",
        "host node7 commit 0a1b2c3d4e5f",
        "int-verl run run.seed=0",
    ):
        assert text in page.text
    assert sum(tag == "svg" for tag, _ in page.tags) == 23
    assert "not run yet" not in page.text
    assert "could not be used" not in page.text
    assert "sk-very-secret" not in page.text
    assert len(html) < 1_000_000


def test_answers_that_do_not_end_any_more(run: Path) -> None:
    """One of four: a rise of 25 points, which stops a run with the default limit."""
    stopped = "more than sft.max_truncation_rise=0.1 allows: RL is not started"
    (run / "config.yaml").write_text("sft:\n  max_truncation_rise: 0.1\n")
    assert stopped not in read(run).text
    write_endings(run, 1)
    text = read(run).text
    assert "InT SFT 64 25.0 % 25.0 – 25.0 75.00 % 75.00 – 75.00" in text
    assert "+25.0 points [+25.0, +25.0], paired" in text
    assert stopped in text
    (run / "config.yaml").write_text("sft:\n  max_truncation_rise: 0.3\n")
    assert stopped not in read(run).text


def test_endings_that_were_not_asked_for_are_not_missing(run: Path) -> None:
    shutil.rmtree(run / "ending")
    (run / "config.yaml").write_text("sft:\n  ending_problems: 64\n")
    assert "Endings missing" in read(run).text
    (run / "config.yaml").write_text("sft:\n  ending_problems: 0\n")
    assert "Endings" not in read(run).text


def test_nothing_is_fetched_and_no_foreign_script_runs(html):
    page = Page(html)
    assert "Content-Security-Policy" in html
    for tag, attributes in page.tags:
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "xlink:href"):
            target = attributes.get(name) or "#"
            assert target.startswith(("#", "data:text/csv", "data:,")) or (tag, target) == (
                "a",
                "https://arxiv.org/abs/2601.14209",
            )
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_ids_are_unique_and_every_reference_has_a_target(html):
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert {r for pair in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', html) for r in pair if r} <= set(ids)


def test_a_report_without_its_date_is_the_same_twice(small):
    pages = [re.sub(r"Written [^<]+ by", "", write_report(small).read_text(encoding="utf-8")) for _ in range(2)]
    assert pages[0] == pages[1]


def all_files(run: Path) -> list[str]:
    files = [p for p in run.rglob("*") if p.is_file() and p.relative_to(run).parts[0] != "report"]
    return sorted(str(p.relative_to(run)) for p in files if p.stem != "report")


FILES = [
    "config.yaml",
    "problems/train.parquet",
    "sample/attempts.parquet",
    "propose/proposals.parquet",
    "guide/guided.parquet",
    "guide/interventions.parquet",
    "guide/sft.parquet",
    "sft/metrics.jsonl",
    "rl/metrics.jsonl",
    "rl_baseline/metrics.jsonl",
    "rl/validation/0.jsonl",
    "eval/scores.parquet",
    "eval/results.json",
    "rl/manifest.json",
]


def test_the_list_of_files_is_that_of_a_run(finished):
    assert set(FILES) <= set(all_files(finished))


@pytest.mark.parametrize("bit", range(4))
@pytest.mark.parametrize("value", [0, 1])
def test_files_may_be_missing_in_many_combinations(run, bit, value):
    for i, file in enumerate(FILES):
        if i >> bit & 1 == value:
            (run / file).unlink()
    assert "could not be used" not in read(run).text


@pytest.mark.parametrize("content", [b"\x00\xff{[", b"", b"[1, 2]", b"3"])
def test_files_may_be_damaged(run, content):
    files = all_files(run)
    for file in files:
        (run / file).write_bytes(content)
    text = read(run).text
    assert "No evaluation yet" in text
    if content == b"\x00\xff{[":
        assert all(file in text for file in files if file != "guide/sft.parquet")  # read for rows that are shown


@pytest.mark.parametrize(
    "stages",
    [(), ("problems",), ("problems", "sample"), ("problems", "sample", "propose"), ("sft",), ("rl",), ("eval",)],
)
def test_stages_that_have_not_run_are_said_to_be_missing(small, tmp_path, stages):
    run = tmp_path / "part"
    run.mkdir()
    for stage in stages:
        shutil.copytree(small / stage, run / stage)
    page = read(run)
    assert page.text.count("missing") >= 7 - len(set(stages) - {"problems"})
    if "eval" not in stages:
        assert "No evaluation yet" in page.text
    if "propose" in stages:
        assert "interventions and rejected proposals" in page.text


def test_rows_of_another_shape_are_a_remark(run):
    write(run / "eval/scores.parquet", records.PROBLEM, [{"id": "a"}])
    (run / "eval/results.json").write_text(json.dumps({"skills": {"groups": [{"x": 1}]}}))
    (run / "guide/manifest.json").write_text(json.dumps({"status": ["odd"], "counts": 3, "seconds": "long"}))
    page = read(run)
    assert "no column model" in page.text
    assert '"skills" cannot be used' in page.text


def test_rows_that_do_not_belong_together_are_a_remark(run):
    write(run / "propose/proposals.parquet", records.PROPOSAL, [])
    assert "the analyses cannot be used" in read(run).text


def test_scores_that_cannot_be_are_a_remark(run):
    row = {"model": "m", "problem_set": "heldout", "problem_id": "p", "samples": 2, "correct": 5, "truncated": 0}
    write(run / "eval/scores.parquet", records.SCORE, [row])
    assert "5 correct of 2 samples cannot be" in read(run).text


HOSTILE = "</script></div><script>alert(1)</script><img src=x onerror=alert(2)> & \"quoted\" 'single' {{ 7 * 7 }} $x^2$"


def test_texts_of_models_and_users_stay_texts(tmp_path):
    run = write_run(tmp_path / "a&b '<i>'", problems=3, rl_steps=3)
    key = {"problem_id": HOSTILE, "attempt": 0}
    problem = {"id": HOSTILE, "problem": HOSTILE, "answer": HOSTILE, "reference_solution": HOSTILE}
    write(run / "problems/train.parquet", records.PROBLEM, [problem])
    attempt = {**key, "text": f"{HOSTILE}\n\n{HOSTILE}", "outcome": HOSTILE, "steps": 2, "skipped": HOSTILE}
    write(run / "sample/attempts.parquet", records.ATTEMPT, [attempt])
    proposal = {**key, "proposal": 0, "content": HOSTILE, "location": 2}
    write(run / "propose/proposals.parquet", records.PROPOSAL, [{**proposal, "status": HOSTILE}])
    write(run / "guide/interventions.parquet", records.INTERVENTION, [{**proposal, "kept": True}])
    rollout = {"condition": HOSTILE, "rollout": 0, "text": HOSTILE, "outcome": HOSTILE, "correct": False}
    guided = [{**key, "proposal": 0, **rollout}, {**key, "proposal": 0, **rollout, "condition": "intervention"}]
    write(run / "guide/guided.parquet", records.GUIDED, guided)
    score = {"problem_set": "heldout", "problem_id": HOSTILE, "samples": 8, "correct": 1, "truncated": 0}
    write(run / "eval/scores.parquet", records.SCORE, [{"model": HOSTILE, **score}, {"model": "base", **score}])
    (run / "rl/manifest.json").write_text(json.dumps({"status": HOSTILE, "counts": {HOSTILE: HOSTILE}}))
    (run / "config.yaml").write_text(json.dumps({HOSTILE: HOSTILE.replace("{", "(")}))
    metrics(run / "sft/metrics.jsonl", {1: {"train/loss": 0.1, HOSTILE: 3}})
    page = read(run)
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert [attributes for attributes in scripts if attributes.get("type") != "application/gzip-json"] == [{}]
    assert not any(tag == "img" for tag, _ in page.tags)
    assert page.text.count("alert(1)") > 4
    assert "{{ 7 * 7 }}" in page.text
    assert HOSTILE in json.dumps(rows_of(page), ensure_ascii=False).replace('\\"', '"')


def test_a_large_run_makes_a_small_report(tmp_path):
    run = write_run(tmp_path / "large", problems=150, rl_steps=1_500, evaluated=20)
    attempts = list(records.read_rows(run / "sample/attempts.parquet"))
    long = "\n\n".join(f"Step {i}. " + "x = y + z, hence " * 30 for i in range(150))
    write(run / "sample/attempts.parquet", records.ATTEMPT, [{**row, "text": long} for row in attempts])
    assert write_report(run).stat().st_size < 3_000_000


def test_a_folder_that_is_not_there_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="no such run folder"):
        write_report(tmp_path / "nothing")


def test_small_texts():
    assert [duration(s) for s in (0.41, 59.6, 75, 7_322)] == ["0.4 s", "60 s", "1 min 15 s", "2 h 02 min"]
    assert estimate("41.2 % [36.0, 46.5]") == "41.2 % <small>36.0 – 46.5</small>"
    assert estimate("<b> [1") == "&lt;b&gt; [1"


def test_the_report_as_a_command(run, capsys):
    assert main([str(run)]) == 0
    assert capsys.readouterr().out == f"{run / 'report.html'}\n"
    assert main([str(run / "nothing")]) == 2
    assert "no such run folder" in capsys.readouterr().err
    assert main([]) == 2


def test_alarms_of_rl_are_in_the_report(run):
    assert "RL's metrics warn" not in write_report(run).read_text()
    metrics(run / "rl/metrics.jsonl", {step: {"critic/score/max": 0.0} for step in range(1, 9)})
    page = write_report(run).read_text()
    assert "RL's metrics warn" in page
    assert page.count("InT SFT + RL, since step 5: no rollout has a reward") == 1
