"""The report on whole, partial, damaged and hostile run folders."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from int_verl import records
from int_verl.errors import UserError
from int_verl.generate.funnel import Funnel
from int_verl.report import write_report
from int_verl.report.__main__ import main
from int_verl.report.curves import Curve, curve, downsample, metric_log, rl_curves, smooth
from int_verl.report.funnel import generation_funnel
from int_verl.report.page import duration, estimate
from int_verl.report.run_reader import RunReader
from int_verl.report.viewer import MAX_KEPT, MAX_OTHERS, attempt_steps, shorten, viewer_rows
from tests.report.run_folders import manifest, metrics, write, write_run

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails on tags that do not close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "quickstart")


@pytest.fixture(scope="module")
def html(finished: Path) -> str:
    return write_report(finished).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("small") / "quickstart", problems=6, rl_steps=4, evaluated=5)


@pytest.fixture
def run(small: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small, tmp_path / "quickstart")


def read(run: Path) -> Page:
    return Page(write_report(run).read_text(encoding="utf-8"))


def test_a_finished_run(html):
    page = Page(html)
    for text in (
        "InT SFT + RL solves",
        "held-out pass@8",
        "Continuing an incorrect attempt",
        "prefix + original wrong step",
        "location out of range",
        "no misbelieved product",
        "2.13.0+cpu",
        "sample.attempts",
    ):
        assert text in page.text
    assert sum(tag == "svg" for tag, _ in page.tags) == 10
    assert "not run yet" not in page.text
    assert "could not be used" not in page.text
    assert "sk-very-secret" not in page.text
    assert len(html) < 1_000_000


def test_nothing_is_fetched_and_no_foreign_script_runs(html):
    page = Page(html)
    assert "Content-Security-Policy" in html
    for tag, attributes in page.tags:
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "xlink:href"):
            target = attributes.get(name) or "#"
            assert target.startswith(("#", "data:")) or (tag, target) == ("a", "https://arxiv.org/abs/2601.14209")
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
    return sorted(str(p.relative_to(run)) for p in run.rglob("*") if p.is_file() and p.name != "report.html")


FILES = [
    "config.yaml",
    "problems/train.parquet",
    "sample/attempts.parquet",
    "propose/proposals.parquet",
    "guide/guided.parquet",
    "guide/interventions.parquet",
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
        assert all(file in text for file in files)


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
        assert "interventions, spread over problems" in page.text


def test_rows_of_another_shape_are_a_remark(run):
    write(run / "eval/scores.parquet", records.PROBLEM, [{"id": "a"}])
    (run / "eval/results.json").write_text(json.dumps({"skills": {"groups": [{"x": 1}]}}))
    (run / "guide/manifest.json").write_text(json.dumps({"status": ["odd"], "counts": 3, "seconds": "long"}))
    page = read(run)
    assert "no column model" in page.text
    assert '"skills" cannot be used' in page.text


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
    assert [tag for tag, _ in page.tags if tag in ("script", "img")] == ["script"]
    assert page.text.count("alert(1)") > 10
    assert "{{ 7 * 7 }}" in page.text


def test_a_large_run_makes_a_small_report(tmp_path):
    run = write_run(tmp_path / "large", problems=150, rl_steps=1_500, evaluated=20)
    attempts = list(records.read_rows(run / "sample/attempts.parquet"))
    long = "\n\n".join(f"Step {i}. " + "x = y + z, hence " * 30 for i in range(150))
    write(run / "sample/attempts.parquet", records.ATTEMPT, [{**row, "text": long} for row in attempts])
    assert write_report(run).stat().st_size < 3_000_000


def test_a_folder_that_is_not_there_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match="no such run folder"):
        write_report(tmp_path / "nothing")


def test_the_funnel_counts_every_row_once(finished):
    blocks = {block.title: block for block in generation_funnel(RunReader(finished))}
    for title, block in blocks.items():
        if title != "Training problems":
            assert sum(line.count for line in block.lines) == block.total
    proposals = list(records.read_rows(finished / "propose/proposals.parquet"))
    assert blocks["Verifications of incorrect attempts"].total == len(proposals)
    assert blocks["Interventions"].total == sum(row["status"] == "proposed" for row in proposals)
    assert blocks["Attempts"].lines[0].count == len(proposals)


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


def test_what_waves_saved_and_what_did_not_fit_is_said(run):
    counts = Funnel().counts()
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


def test_an_intervention_may_come_after_the_last_step():
    assert [step.role for step in attempt_steps("a\n\nb", 3)] == ["before", "before"]


def test_a_step_logged_twice_counts_once_and_gaps_stay_gaps(tmp_path):
    lines = [
        {"step": 1, "data": {"a": 1.0}},
        {"step": 2, "data": {"a": 2.0, "data/source/a_b": 1}},
        {"step": 2, "data": {"a": 3.0}},
        {"step": 3, "data": {"a": None, "other": "text"}},
        {"step": 4, "data": {"a": float("nan")}},
        {"step": None},
    ]
    (tmp_path / "rl").mkdir()
    (tmp_path / "rl/metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"step": 5, "da')
    folder = RunReader(tmp_path)
    log = metric_log(folder, "rl")
    assert curve(log, ["absent", "a"]) == Curve((1, 2), (1.0, 3.0))
    assert curve(log, ["a_b"]) == Curve((2,), (1.0,))
    assert folder.remarks == ["rl/metrics.jsonl: 1 damaged line skipped"]


def test_curves_shrink_without_moving():
    line = Curve(tuple(range(10_000)), tuple(float(i) for i in range(10_000)))
    small = downsample(line, 100)
    assert len(small.steps) == 100
    assert small.steps == small.values
    assert smooth(small).values == pytest.approx(small.values)
    assert smooth(Curve((1,), (2.0,))).values == (2.0,)


def test_validation_is_on_the_held_out_problems_alone(finished):
    with_hard = [json.loads(line) for line in (finished / "rl/validation/60.jsonl").read_text().splitlines()]
    heldout = [row["score"] for row in with_hard if "heldout" in row["input"]]
    validation = rl_curves(RunReader(finished))["validation"]["InT SFT + RL"]
    assert validation.steps == (0, 60)
    assert validation.values[1] == pytest.approx(sum(heldout) / len(heldout))


def test_a_running_trainer_has_its_metrics_beside_its_checkpoints(tmp_path):
    for start, rows in enumerate(({1: {"a": 1.0}, 2: {"a": 2.0}}, {2: {"a": 3.0}})):
        metrics(tmp_path / f"sft/checkpoints/metrics/{start:04d}.jsonl", rows)
    assert curve(metric_log(RunReader(tmp_path), "sft"), ["a"]) == Curve((1, 2), (1.0, 3.0))


def test_problems_are_counted_without_their_file(run):
    kept = [row.problem for row in viewer_rows(RunReader(run))[0]]
    (run / "problems/train.parquet").rename(run / "elsewhere.parquet")
    assert generation_funnel(RunReader(run))[0].total == 6
    assert not any(row.problem for row in viewer_rows(RunReader(run))[0])
    (run / "config.yaml").write_text(
        f"problems:\n  train: {run}/elsewhere.parquet\n  train_limit: null\n  columns: {{}}\n"
    )
    assert [row.problem for row in viewer_rows(RunReader(run))[0]] == kept


def test_zero_advantage_from_dumped_rollouts(run):
    log = [json.loads(line) for line in (run / "rl/metrics.jsonl").read_text().splitlines()]
    kept = {e["step"]: {k: v for k, v in e["data"].items() if "zero_advantage" not in k} for e in log}
    metrics(run / "rl/metrics.jsonl", kept)
    (run / "rl/rollouts").mkdir()
    rows = [{"input": p, "output": "", "gts": "1", "score": s} for p, s in [("a", 0), ("a", 0), ("b", 0), ("b", 1)]]
    (run / "rl/rollouts/1.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert rl_curves(RunReader(run))["zero_advantage"]["InT SFT + RL"] == Curve((1,), (0.5,))


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
