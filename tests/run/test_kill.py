"""A run that is really killed ends with the same files as an undisturbed one."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from int_verl.cli import main
from int_verl.generate.journal import Journal
from int_verl.run_files import TABLES
from tests.quickstart_files import QUICKSTART, ROOT, SCRIPT, write_problem_sets

pytestmark = pytest.mark.slow

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


def call(arguments: list[str]) -> int:
    """The exit code of a `command`, run in this process, which has loaded everything already."""
    with pytest.raises(SystemExit) as done:
        main(arguments[3:])
    return int(done.value.code or 0)


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


@pytest.mark.parametrize("kills", ["12", pytest.param("50", marks=[pytest.mark.e2e, pytest.mark.nightly])])
def test_killed_many_times_at_random_it_ends_byte_for_byte_the_same(kills: str, tmp_path: Path) -> None:
    write_problem_sets(tmp_path, train=12, heldout=3)
    arguments = [argument for argument in command(tmp_path, tmp_path)[3:] if not argument.startswith("run.dir=")]
    killer = Path(__file__).with_name("kill_at_random.py")
    done = subprocess.run(
        [sys.executable, str(killer), kills, str(tmp_path / "expected"), str(tmp_path / "run"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"{kills} kills, ")


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(
    problems: Path, undisturbed: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = start(tmp_path, problems, sleep="0.01")
    wait_for_journal(tmp_path, process)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.decode().split("\n") == [
        "int-verl: stopping; Ctrl-C again leaves at once",
        "",
        "int-verl: stopped; run the same command to go on",
        "",
    ]
    assert call(command(tmp_path, problems)) == 0
    assert contents(tmp_path) == undisturbed
    assert "was interrupted, goes on" in capsys.readouterr().out
    requests = json.loads((tmp_path / "guide/manifest.json").read_text())["counts"]["requests"]
    assert requests["replayed"] > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_scheduler_takes_the_machine_back_and_the_same_command_goes_on(
    number: signal.Signals, problems: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(tmp_path, problems, sleep="0.01")
    wait_for_journal(tmp_path, process)
    time.sleep(1.0)
    for _ in range(3):  # Slurm sends it to the step and to each of its processes
        process.send_signal(number)
        time.sleep(0.02)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 75
    assert errors.decode().splitlines() == [
        f"int-verl: {number.name}, stopping",
        f"int-verl: stopped by {number.name}; run the same command to go on",
    ]
    assert call(command(tmp_path, problems)) == 0
    assert contents(tmp_path) == undisturbed


def test_the_batch_script_of_the_docs_has_a_stopped_run_requeued(
    problems: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """`scontrol` is not Slurm's here: it notes how it is called."""
    (script,) = re.findall(r"```bash\n(#!/bin/bash\n#SBATCH.*?)```", (ROOT / "docs/scale.md").read_text(), re.S)
    run_dir = tmp_path / "run"
    run = f"exec {shlex.join(command(run_dir, problems))}"
    for name, does in (("int-verl", run), ("scontrol", 'echo "$@" >> asked')):
        (tmp_path / name).write_text(f"#!/bin/bash\n{does}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "SLURM_JOB_ID": "7"}
    job = subprocess.Popen(["bash", "-c", script], cwd=tmp_path, env={**environment, "INT_VERL_TEST_SLEEP": "0.01"})
    wait_for_journal(run_dir, job)
    time.sleep(1.0)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(30) == 75
    assert (tmp_path / "asked").read_text() == "requeue 7\n"
    assert subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, check=False).returncode == 0
    assert (tmp_path / "asked").read_text() == "requeue 7\n"
    assert contents(run_dir) == undisturbed


def test_a_second_ctrl_c_leaves_at_once_and_nothing_is_damaged(
    problems: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(tmp_path, problems, sleep="600")  # nothing can be tidied up while the engine blocks everything
    wait_for_journal(tmp_path, process)
    time.sleep(1.0)
    assert process.stderr is not None
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == b"int-verl: stopping; Ctrl-C again leaves at once\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    assert call(command(tmp_path, problems)) == 0
    assert contents(tmp_path) == undisturbed


def test_a_second_run_in_a_folder_is_refused_unless_it_only_reports(problems: Path, tmp_path: Path) -> None:
    first = start(tmp_path, problems, sleep="0.05")
    wait_for_journal(tmp_path, first)
    second = subprocess.run(command(tmp_path, problems), capture_output=True, text=True, check=False)
    arguments = ["report" if argument == "guide" else argument for argument in command(tmp_path, problems)]
    report = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert first.poll() is None
    first.kill()
    first.communicate()
    assert (report.returncode, report.stdout) == (0, f"report: {tmp_path / 'report.html'}\n")
    assert not (tmp_path / "report").exists()
    assert second.returncode == 2
    assert "another run is using this folder" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1


def test_a_changed_setting_reruns_what_depends_on_it_and_says_so(
    problems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(command(tmp_path, problems)) == 0
    before = contents(tmp_path)
    capsys.readouterr()
    assert call(command(tmp_path, problems)) == 0
    assert capsys.readouterr().out.count("unchanged") == 3
    assert call(command(tmp_path, problems, "guide.rollouts=2")) == 0
    output = capsys.readouterr().out
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


@pytest.fixture(scope="module")
def killed(problems: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was killed with a third of its completions in the journal's write-ahead log."""
    run_dir = tmp_path_factory.mktemp("killed")
    process = start(run_dir, problems, sleep="0.01")
    log = run_dir / "journal.sqlite-wal"
    while process.poll() is None and not (log.exists() and log.stat().st_size > 500_000):
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert log.stat().st_size > 500_000
    return run_dir


@pytest.fixture
def half_done(killed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(killed, tmp_path / "run"))


def test_a_damaged_journal_is_refused_or_what_is_damaged_is_drawn_again(
    problems: Path, undisturbed: dict[str, bytes], half_done: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = half_done / "journal.sqlite"
    Journal(journal).close()  # the write-ahead log goes into the file
    whole = journal.read_bytes()
    for damaged, reason in (
        (b"\x00" * 100 + whole[100:], "file is not a database"),
        (whole[: len(whole) // 2], "database disk image is malformed"),
    ):
        journal.write_bytes(damaged)
        assert call(command(half_done, problems)) == 2
        (said,) = capsys.readouterr().err.strip().splitlines()
        assert f"{journal}: not a journal, or damaged ({reason}); move it away" in said
    rows = [place for place in range(len(whole)) if whole.startswith(b"\x28\xb5\x2f\xfd", place)]  # zstd's mark
    data = bytearray(whole)
    for place in rows[::3]:
        data[place + 8] ^= 0xFF
    journal.write_bytes(data)
    assert call(command(half_done, problems)) == 0
    assert contents(half_done) == undisturbed
    assert f"{len(rows[::3])} completions in {journal} were damaged" in " ".join(capsys.readouterr().out.split())


def test_without_its_damaged_journal_a_run_starts_anew(
    problems: Path, undisturbed: dict[str, bytes], half_done: Path
) -> None:
    (half_done / "journal.sqlite").rename(half_done / "damaged.sqlite")  # its log is forgotten, as users do
    assert call(command(half_done, problems)) == 0
    assert contents(half_done) == undisturbed


def test_a_journal_that_a_database_shell_holds_is_refused(
    problems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('BEGIN EXCLUSIVE'); print(); input()"
    journal = tmp_path / "journal.sqlite"
    shell = subprocess.Popen([sys.executable, "-c", code, str(journal)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert shell.stdout is not None
    shell.stdout.readline()
    assert call(command(tmp_path, problems)) == 2
    shell.communicate()
    assert f"{journal}: held by another process (database is locked); end that run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("tokenizer.json", "tokenizer"),
        ("chat_template.jinja", "tokenizer"),
        ("model.safetensors", "weights"),
        ("generation_config.json", "configuration"),
    ],
)
def test_another_model_under_the_same_name_is_refused(
    problems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, part: str
) -> None:
    model = tmp_path / "model"
    shutil.copytree(QUICKSTART / "model", model)
    arguments = [*command(tmp_path / "run", problems), f"model.path={model}", "problems.train_limit=2"]
    assert call(arguments) == 0
    before = (model / file).read_bytes()
    (model / file).write_bytes(before.replace(b"\n", b" \n", 1) if part != "weights" else before[:-1] + b"\x00")
    assert call(arguments) == 2
    assert (
        f"the {part} of {model} changed since this folder's rows were made; use another run.dir or put it back"
        in capsys.readouterr().err
    )
    (model / file).write_bytes(before)
    assert call(arguments) == 0
    assert "unchanged" in capsys.readouterr().out
