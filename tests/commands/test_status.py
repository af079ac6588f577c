"""`int-verl status` beside a run at work, after it ended, and after it was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from int_verl.commands.status import status
from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.progress import StageProgress
from int_verl.run.folder import RunFolder
from int_verl.run_files import CONFIG, STATUS
from tests.quickstart_files import QUICKSTART, ROOT, SCRIPT, write_problem_sets

pytestmark = pytest.mark.slow


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A run whose engine takes a second for each completion, when its first attempts are there."""
    write_problem_sets(tmp_path, 40, 3)
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "int_verl.cli", "guide", "--config", str(QUICKSTART / "quickstart.yaml")]
    command += [f"run.dir={folder}", f"problems.train={tmp_path / 'train.jsonl'}"]
    command += [f"problems.heldout={tmp_path / 'heldout.jsonl'}", "engine.name=scripted"]
    command += [f"engine.script={SCRIPT}:script", "engine.delay=1.0", "engine.in_flight=16"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as process:
        deadline = time.monotonic() + 90
        while not (work := found(folder)["work"] if (folder / "config.yaml").exists() else None) or not work[
            "counts"
        ].get("attempts"):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.3)
        yield folder, process
        process.kill()


def found(folder: Path) -> dict[str, Any]:
    result = CliRunner().invoke(status, [str(folder), "--json"])
    assert result.exit_code == 0, result.output
    said: dict[str, Any] = json.loads(result.output)
    return said


def shown(folder: Path) -> str:
    return CliRunner().invoke(status, [str(folder)]).output


def test_a_run_at_work_and_after_it_was_killed(at_work: tuple[Path, subprocess.Popen[bytes]]) -> None:
    folder, process = at_work
    said = found(folder)
    assert said["condition"] == "at work"
    work = said["work"]
    assert (work["stages"], work["total"]) == (["sample", "propose", "guide"], 40)
    assert work["requests"]["in flight"] == sum(work["in_flight"].values()) == 16
    assert work["in_flight"].keys() <= {*work["stages"]}
    assert work["requests"]["drawn"] >= work["counts"]["attempts"] > 0
    assert work["totals"]["tokens"] > 0
    assert work["silent"] < 10
    words = shown(folder)
    assert "at work" in words
    assert "in flight 16" in words
    assert "tokens" in words

    process.send_signal(signal.SIGKILL)
    process.wait()
    said = found(folder)
    assert said["condition"] == "died"
    assert said["work"]["left"] is None, "a dead run expects no end"
    busiest = max(said["work"]["in_flight"].values())
    words = shown(folder)
    assert "the same command goes on from there" in words
    assert "left" not in words
    assert [stage for stage, number in said["work"]["in_flight"].items() if f"died in {stage}, " in words] == [
        stage for stage, number in said["work"]["in_flight"].items() if number == busiest
    ][:1]


def test_a_dead_run_says_where_its_requests_were_and_expects_no_end(tmp_path: Path) -> None:
    (tmp_path / CONFIG).touch()
    said = {
        "stage": "sample",
        "stages": ["sample", "propose", "guide"],
        "in_flight": {"guide": 30, "propose": 2},
        "position": 146,
        "total": 150,
        "note": "",
        "counts": {},
        "totals": {"positions": 146},
        "rates": {"positions": {"now": 2.0, "average": 2.0}},
        "time": time.time(),
        "ended": None,
    }
    (tmp_path / STATUS).write_text(json.dumps(said))
    lines = ["  ▸ sample to guide: 146/150", "      in flight guide 30, propose 2"]
    with RunFolder(tmp_path).lock():
        assert found(tmp_path)["work"]["left"] == 2
        assert shown(tmp_path).splitlines()[1:] == [f"{lines[0]}, about 2 s left", lines[1]]
    assert found(tmp_path)["work"]["left"] is None
    first, *rest = shown(tmp_path).splitlines()
    assert first.endswith(": died in guide, 0 s ago; the same command goes on from there")
    assert rest == lines


def _fail_after_three_steps(file: Path) -> None:
    with StageProgress(SafeConsole(quiet=True), "sft", 9, status=file) as progress:
        progress.advance(3, "loss 1.5")
        raise UserError("sft.epochs=0: give a positive number")


def test_a_run_that_was_stopped_says_how(tmp_path: Path) -> None:
    (tmp_path / CONFIG).touch()
    with pytest.raises(UserError):
        _fail_after_three_steps(tmp_path / STATUS)
    assert found(tmp_path)["condition"] == "stopped"
    words = shown(tmp_path)
    assert "stopped in sft" in words
    assert "sft.epochs=0: give a positive number" in words
    assert "sft: 3/9" in words
    assert "loss 1.5" in words


def test_what_is_no_run(tmp_path: Path) -> None:
    result = CliRunner().invoke(status, [str(tmp_path)])
    assert result.exit_code == 1
    assert "no run folder" in str(result.exception)
