"""A run that is really killed ends with the same files as an undisturbed one."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import QUICKSTART, write_problem_sets

from int_verl.generate.stage import TABLES

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[1] / "mod23_script.py"
FILES = [file for tables in TABLES.values() for file, _ in tables.values()]


def command(run_dir: Path, problems: Path, *more: str) -> list[str]:
    settings = (
        f"run.dir={run_dir}",
        f"problems.train={problems / 'train.jsonl'}",
        f"problems.heldout={problems / 'heldout.jsonl'}",
        "engine.name=scripted",
        f"engine.script={SCRIPT}:script",
        "engine.in_flight=16",
    )
    config = str(QUICKSTART / "quickstart.yaml")
    return [sys.executable, "-m", "int_verl.cli", "guide", "--config", config, *settings, *more]


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("problems")
    write_problem_sets(folder, train=40, heldout=5)
    return folder


def contents(run_dir: Path) -> dict[str, bytes]:
    return {file: (run_dir / file).read_bytes() for file in FILES}


@pytest.fixture(scope="module")
def undisturbed(problems: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    run_dir = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(command(run_dir, problems), check=True, capture_output=True)
    return contents(run_dir)


def start(run_dir: Path, problems: Path, sleep: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(run_dir, problems),
        env={**os.environ, "INT_VERL_TEST_SLEEP": sleep},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for_journal(run_dir: Path, process: subprocess.Popen[bytes]) -> None:
    while not (run_dir / "journal.sqlite").exists() and process.poll() is None:
        time.sleep(0.05)


def test_killed_three_times_it_ends_byte_for_byte_the_same(
    problems: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    rng = random.Random(0)
    killed = 0
    for _ in range(3):
        process = start(tmp_path, problems, sleep="0.003")
        wait_for_journal(tmp_path, process)
        time.sleep(rng.uniform(0.1, 1.5))
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert killed
    subprocess.run(command(tmp_path, problems), check=True, capture_output=True)
    assert contents(tmp_path) == undisturbed


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(
    problems: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(tmp_path, problems, sleep="0.01")
    wait_for_journal(tmp_path, process)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.decode().strip().splitlines()[-1] == "int-verl: stopped; run the same command to go on"
    assert "Traceback" not in errors.decode()
    done = subprocess.run(command(tmp_path, problems), check=True, capture_output=True, text=True)
    assert contents(tmp_path) == undisturbed
    assert "was interrupted, goes on" in done.stdout
    requests = json.loads((tmp_path / "guide/manifest.json").read_text())["counts"]["requests"]
    assert requests["replayed"] > 0


def test_two_runs_in_one_folder_are_refused(problems: Path, tmp_path: Path) -> None:
    first = start(tmp_path, problems, sleep="0.05")
    wait_for_journal(tmp_path, first)
    second = subprocess.run(command(tmp_path, problems), capture_output=True, text=True, check=False)
    first.kill()
    first.communicate()
    assert second.returncode == 2
    assert "another run is using this folder" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


def test_a_changed_setting_reruns_what_depends_on_it_and_says_so(problems: Path, tmp_path: Path) -> None:
    subprocess.run(command(tmp_path, problems), check=True, capture_output=True)
    before = contents(tmp_path)
    again = subprocess.run(command(tmp_path, problems), check=True, capture_output=True, text=True).stdout
    assert again.count("unchanged") == 3
    changed = command(tmp_path, problems, "guide.rollouts=2")
    output = subprocess.run(changed, check=True, capture_output=True, text=True).stdout
    assert output.count("unchanged") == 2
    assert "runs again: guide.rollouts 8 -> 2" in output
    after = contents(tmp_path)
    assert {file for file in FILES if before[file] != after[file]} == {
        "guide/guided.parquet",
        "guide/interventions.parquet",
        "guide/sft.parquet",
    }


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_said_in_one_line_and_nothing_is_lost(
    problems: Path, undisturbed: dict[str, bytes], small_disk: Path
) -> None:
    run_dir = small_disk / "run"
    full = subprocess.run(command(run_dir, problems), capture_output=True, text=True, check=False)
    assert full.returncode == 2, full.stderr
    assert len(full.stderr.strip().splitlines()) == 1
    assert "full" in full.stderr or "no space" in full.stderr.lower()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    subprocess.run(command(run_dir, problems), check=True, capture_output=True)
    assert contents(run_dir) == undisturbed
