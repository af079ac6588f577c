"""The trackers that overrides name get what they are sent, and one that fails costs no more than itself."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from int_verl.trainers import trackers
from int_verl.trainers.trackers import Trackers, trackers_of


@pytest.mark.parametrize(
    ("sft", "rl", "expected"),
    [
        ([], [], Trackers((), "int_verl", "generator")),
        ([], ["trainer.logger=console"], Trackers((), "int_verl", "generator")),
        ([], ["trainer.logger=['console','wandb']"], Trackers(("wandb",), "int_verl", "generator")),
        (["++trainer.logger=[file,tensorboard]"], [], Trackers(("file", "tensorboard"), "int_verl", "generator")),
        (["trainer.logger=[file]"], ["trainer.logger=wandb"], Trackers(("wandb",), "int_verl", "generator")),
        (
            ["trainer.logger=[file]", "trainer.project_name='my project'"],
            ["trainer.experiment_name=seven", "optim.lr=1"],
            Trackers(("file",), "my project", "seven-generator"),
        ),
        ([], ["trainer.logger=${oc.env:MY_LOGGERS}"], Trackers(("file", "wandb"), "int_verl", "generator")),
    ],
)
def test_the_overrides_name_them(
    sft: list[str], rl: list[str], expected: Trackers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_LOGGERS", "[console,file,wandb]")
    assert trackers_of(sft, rl) == expected


def test_none_starts_nothing(tmp_path: Path) -> None:
    with Trackers((), "p", "e").follow(tmp_path / "metrics", lambda: (0, {}), print):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.verl
def test_one_that_fails_is_named_once_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))  # where nobody has logged in to wandb
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    sent: list[dict[str, object]] = []

    def record() -> tuple[int, dict[str, float]]:
        step, data = len(sent) + 1, {"generator/tokens": 7.5 * len(sent)}
        sent.append({"step": step, "data": data})
        return step, data

    with Trackers(("no_such", "wandb", "file"), "p", "e").follow(tmp_path / "metrics", record, said.append, 0.01):
        while len(sent) < 3:
            time.sleep(0.01)
    assert [sentence.split()[1] for sentence in said] == ["no_such", "wandb"]
    assert all("is told nothing more" in sentence for sentence in said)
    lines = [json.loads(line) for line in (tmp_path / "metrics" / "000.jsonl").read_text().splitlines()]
    assert lines == sent
    assert "Creating file logger" in (tmp_path / "metrics" / "trackers.log").read_text()


@pytest.mark.slow
def test_a_process_that_cannot_begin_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "verl.py").write_text("raise ImportError('no verl here')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    said: list[str] = []
    with Trackers(("file",), "p", "e").follow(tmp_path / "metrics", lambda: (0, {}), said.append):
        pass
    assert said == [f"trainer.logger=[file] ended with exit code 1; see {tmp_path / 'metrics' / 'trackers.log'}"]
    assert "no verl here" in (tmp_path / "metrics" / "trackers.log").read_text()


@pytest.mark.slow
def test_a_process_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "verl.py").write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setattr(trackers, "_LAST_WORDS_SECONDS", 1.0)
    said: list[str] = []
    with Trackers(("file",), "p", "e").follow(tmp_path / "metrics", lambda: (0, {}), said.append):
        pass
    assert "did not end within 1 s" in said[0]
