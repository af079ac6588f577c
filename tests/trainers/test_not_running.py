"""Which process of a trainer that hangs does not run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from int_verl.trainers.not_running import not_running
from tests.supervision.families import wait_for

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc")


def test_the_one_that_is_stopped_by_its_rank() -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    ranks = [subprocess.Popen(sleep, env={**os.environ, "RANK": str(rank)}) for rank in range(3)]
    pids = [process.pid for process in ranks]
    try:
        assert not_running(pids) == []
        os.kill(pids[1], signal.SIGSTOP)
        assert wait_for(lambda: not_running(pids))
        assert not_running([*pids, 2**30]) == [f"rank 1 (process {pids[1]}) is stopped (SIGSTOP)"]
    finally:
        for process in ranks:
            process.kill()
            process.wait()


def test_one_without_a_rank_that_waits_for_a_disk(tmp_path: Path) -> None:
    for pid, state in ((7, "D"), (8, "S")):
        home = tmp_path / str(pid)
        home.mkdir()
        (home / "stat").write_text(f"{pid} (ray::WorkerDict (1)) {state} 1 1")
        (home / "environ").write_bytes(b"A=1\0B=2\0")
        (home / "comm").write_text("ray::WorkerDict\n")
    assert not_running([7, 8], tmp_path) == ["ray::WorkerDict (process 7) waits for a disk or a network file system"]
