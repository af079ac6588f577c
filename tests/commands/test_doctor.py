"""`int-verl doctor` of a run: a line a check, and an exit code that a script can go by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from int_verl import __version__
from int_verl.cli import cli
from int_verl.doctor import Check
from tests.quickstart_files import QUICKSTART, scripted_run, write_problem_sets


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The quickstart, on a machine where all is installed."""
    monkeypatch.setattr("int_verl.doctor.report", lambda _: [Check("python", True, "3.11.2")])
    monkeypatch.setattr("int_verl.stages.readiness._host_memory", lambda: 2.0**34)
    write_problem_sets(tmp_path, train=20, heldout=10)
    return ["doctor", "--config", str(QUICKSTART / "quickstart.yaml"), *scripted_run(tmp_path)]


@pytest.mark.verl
def test_a_run_that_fits_is_said_to_work(arguments: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[-1] == "A run will work."
    assert all(line.startswith("ok  ") for line in lines[:-1])
    assert {"python", "model", "problems"} <= {line.split()[1] for line in lines[:-1]}
    assert not (tmp_path / "run").exists()


@pytest.mark.verl
def test_a_run_that_would_fail_is_named_with_its_remedy(arguments: list[str]) -> None:
    done = CliRunner().invoke(cli, [*arguments, "rl.max_response_length=2000"])
    assert done.exit_code == 2
    lines = done.output.splitlines()
    assert lines[-1] == "A run would fail: context of RL."
    wrong = next(number for number, line in enumerate(lines) if line.startswith("FAIL context of RL"))
    assert lines[wrong + 1].strip() == "-> rl.max_response_length=928"


@pytest.mark.verl
def test_as_json_it_can_be_pasted_into_a_report(arguments: list[str]) -> None:
    done = CliRunner().invoke(cli, [*arguments, "--json", "rl.max_response_length=2000"])
    assert done.exit_code == 2
    said = json.loads(done.output)
    assert said["int_verl"] == __version__
    assert [check["name"] for check in said["checks"] if not check["ok"]] == ["context of RL"]


def test_without_settings_the_machine_alone_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "int_verl.doctor.report", lambda _: [Check("torch", False, "not installed", "pip install torch")]
    )
    done = CliRunner().invoke(cli, ["doctor"])
    assert done.exit_code == 2
    assert done.output.splitlines()[-1] == "A run would fail: torch."
    assert "-> pip install torch" in done.output
