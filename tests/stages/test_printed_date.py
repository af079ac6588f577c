"""A chat template that prints today's date: a run that goes on another day draws nothing anew."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from int_verl.console import SafeConsole
from int_verl.run.folder import RunFolder
from int_verl.run.run import Run
from int_verl.run.take_over import take_over
from int_verl.settings.compose import compose
from int_verl.stages.assemble import schedule_of
from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    write_problem_sets(tmp_path, 4, 2)
    shutil.copytree(QUICKSTART / "model", tmp_path / "model")
    template = tmp_path / "model" / "chat_template.jinja"
    template.write_text("{{ 'Today is ' + strftime_now('%d %B %Y') + '.\n' }}" + template.read_text())
    return [
        f"model.path={tmp_path / 'model'}",
        f"problems.train={tmp_path / 'train.jsonl'}",
        f"problems.heldout={tmp_path / 'heldout.jsonl'}",
        "engine.name=scripted",
        f"engine.script={SCRIPT}:script",
    ]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`clock(day)` sets the day for us and for transformers."""

    def set_to(day: date) -> None:
        class Date(date):
            @classmethod
            def today(cls) -> date:
                return day

        class Datetime(datetime):
            @classmethod
            def now(cls) -> datetime:  # type: ignore[override]
                return datetime(day.year, day.month, day.day, 12)

        monkeypatch.setattr("int_verl.run.run.date", Date)
        monkeypatch.setattr("transformers.utils.chat_template_utils.datetime", Datetime)

    return set_to


def generate(folder: Path, settings: list[str], until: Any) -> dict[str, int]:
    """What became of the requests, and the day in the prompts."""
    run = Run(compose(QUICKSTART / "quickstart.yaml", [*settings, f"run.dir={folder}"]), SafeConsole(quiet=True))
    schedule_of(run, until).execute()
    manifest = RunFolder(folder).manifest(until)
    assert manifest is not None
    return {**manifest.counts["requests"], "date": manifest.inputs["date"]}


def test_the_date_is_that_of_the_first_start(settings: list[str], tmp_path: Path, clock: Any) -> None:
    clock(date(2026, 5, 1))
    assert generate(tmp_path / "run", settings, "sample")["date"] == "2026-05-01"
    attempts = (tmp_path / "run" / "sample" / "attempts.parquet").stat()
    clock(date(2026, 5, 2))
    generate(tmp_path / "run", settings, "sample")
    assert (tmp_path / "run" / "sample" / "attempts.parquet").stat() == attempts
    went_on = generate(tmp_path / "run", settings, "guide")
    assert went_on["date"] == "2026-05-01"
    assert went_on["replayed"] >= 16  # all attempts
    take_over(tmp_path / "run", tmp_path / "arm")
    assert generate(tmp_path / "arm", settings, "guide")["date"] == "2026-05-01"
    asked = generate(tmp_path / "run", [*settings, "run.date=2026-05-02"], "sample")
    assert asked["replayed"] == 0
    assert asked["date"] == "2026-05-02"


def test_the_prompts_print_it(settings: list[str], tmp_path: Path, clock: Any) -> None:
    clock(date(2026, 5, 2))
    dated = [*settings, "run.date=2026-05-01", f"run.dir={tmp_path / 'run'}"]
    codec = Run(compose(QUICKSTART / "quickstart.yaml", dated), SafeConsole(quiet=True)).model.codec
    assert codec.decode(codec.prompt_ids("Add.")).startswith("Today is 01 May 2026.\n")
    printed = codec.tokenizer.decode(codec.usual_prompt_ids("Add.", date(2026, 5, 2)))
    assert printed.startswith("Today is 02 May 2026.\n")
