"""Real processes: progress, clean stops, hangs, and that nothing outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from int_verl.trainer_process import (
    Progress,
    TrainerCommand,
    TrainerError,
    checkpointed_step,
    explain,
    mend_tracker,
    read_metrics,
    run,
)

pytestmark = pytest.mark.slow

TRAIN = """
import json, os, pathlib, sys
out, steps = pathlib.Path(sys.argv[1]), int(sys.argv[2])
with open(os.environ["VERL_FILE_LOGGER_PATH"], "w") as metrics:
    for step in range(1, steps + 1):
        metrics.write(json.dumps({"step": step, "data": {"train/loss": 1 / step}}) + "\\n")
(out / f"global_step_{steps}").mkdir()
(out / "latest_checkpointed_iteration.txt").write_text(str(steps))
"""

FAMILY = """
import pathlib, subprocess, sys, time
# A daemon of a daemon in a session of its own, as Ray's are.
child = subprocess.Popen([sys.executable, "-c", "import subprocess, sys, time; subprocess.Popen([sys.executable, "
    "'-c', 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)', sys.argv[1]], "
    "start_new_session=True)", sys.argv[1]], start_new_session=True)
child.wait()
print("up", flush=True)
time.sleep(600)
"""


def command(folder: Path, script: str, *arguments: object, steps: int = 3) -> TrainerCommand:
    return TrainerCommand([sys.executable, "-c", script, *map(str, arguments)], {}, folder, steps)


def processes_with(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def wait_for(condition, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def test_progress_and_metrics(tmp_path: Path) -> None:
    seen: list[Progress] = []
    run(command(tmp_path, TRAIN, tmp_path, 3), seen.append)
    assert [(progress.step, progress.total) for progress in seen] == [(1, 3), (2, 3), (3, 3)]
    assert seen[1].metrics == {"train/loss": 0.5}
    assert checkpointed_step(tmp_path) == 3
    assert [row["step"] for row in read_metrics(tmp_path)] == [1, 2, 3]


def test_metrics_of_two_starts_are_joined(tmp_path: Path) -> None:
    for step in (1, 2):
        run(
            command(tmp_path, TRAIN.replace("range(1,", f"range({step},"), tmp_path, step, steps=step),
        )
    assert [row["step"] for row in read_metrics(tmp_path)] == [1, 2]
    assert len(list((tmp_path / "metrics").iterdir())) == 2


def test_ending_early_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="step 2 of 3"):
        run(command(tmp_path, TRAIN, tmp_path, 2))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory", "out of memory: lower"),
        ("OSError: [Errno 28] No space left on device", "no space left"),
        ("zmq.error.ZMQError: Address already in use", "a port is in use"),
        ("ModuleNotFoundError: No module named 'flash_attn'", r"int-verl doctor` \(flash_attn\)"),
        ("int_verl.errors.UserError: a.parquet row 3: too long", "row 3: too long"),
        ("ValueError: the strange case", "the trainer failed: ValueError: the strange case"),
    ],
)
def test_failures_in_one_line(tmp_path: Path, said: str, told: str) -> None:
    with pytest.raises(TrainerError, match=told) as caught:
        run(command(tmp_path, "import sys; print(sys.argv[1], file=sys.stderr); sys.exit(3)", said))
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "trainer.log") in str(caught.value)


def test_only_the_failed_start_is_explained(tmp_path: Path) -> None:
    log = tmp_path / "trainer.log"
    log.write_text("No space left on device\n")
    start = log.stat().st_size
    log.write_text(log.read_text() + "ValueError: other\n")
    assert "other" in explain(log, start)


def test_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(TrainerError):
        run(TrainerCommand(["/no/such/program"], {}, tmp_path, 1))


def test_a_hung_trainer_is_stopped(tmp_path: Path) -> None:
    mark = f"hang-{tmp_path.name}-{os.getpid()}"
    with pytest.raises(TrainerError, match="said nothing"):
        run(command(tmp_path, FAMILY, mark), hang_seconds=1.5)
    assert wait_for(lambda: not processes_with(mark))


def test_interrupt_stops_the_whole_family(tmp_path: Path) -> None:
    mark = f"interrupt-{tmp_path.name}-{os.getpid()}"
    log = tmp_path / "trainer.log"

    def interrupt() -> None:
        wait_for(lambda: log.exists() and b"up" in log.read_bytes())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run(command(tmp_path, FAMILY, mark))
    assert not processes_with(mark)


def test_a_killed_parent_leaves_no_orphan(tmp_path: Path) -> None:
    mark = f"orphan-{tmp_path.name}-{os.getpid()}"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib\nfrom int_verl.trainer_process import TrainerCommand, run\n"
            "run(TrainerCommand([sys.executable, '-c', sys.argv[1], sys.argv[2]], {}, pathlib.Path(sys.argv[3]), 1))",
            FAMILY,
            mark,
            str(tmp_path),
        ]
    )
    log = tmp_path / "trainer.log"
    assert wait_for(lambda: log.exists() and b"up" in log.read_bytes())
    parent.kill()
    parent.wait()
    assert wait_for(lambda: not processes_with(mark))


def test_a_broken_tracker_is_removed(tmp_path: Path) -> None:
    tracker = tmp_path / "latest_checkpointed_iteration.txt"
    for content in ("", "7"):
        tracker.write_text(content)
        mend_tracker(tmp_path)
        assert not tracker.exists()
    (tmp_path / "global_step_7").mkdir()
    tracker.write_text("7")
    mend_tracker(tmp_path)
    assert checkpointed_step(tmp_path) == 7
