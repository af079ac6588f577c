"""Run a command of int-verl again and again, killing it at random moments: a process for `test_kill.py`.

    python tests/schedule/kill_at_random.py KILLS EXPECTED RUN ARGUMENT...

The command runs once to its end with run.dir=EXPECTED, which loads everything. Then forks of this process run it with
run.dir=RUN, each for a random time up to what it took undisturbed. Whatever table lies in RUN after a kill has to be
the expected one, and when a run gets to its end, all are there and the next one starts from nothing.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

from int_verl.cli import main


def run(arguments: list[str], run_dir: Path) -> int:
    try:
        main([*arguments, f"run.dir={run_dir}"])
    except SystemExit as done:
        return int(done.code or 0)
    raise AssertionError("main returned")


def tables(run_dir: Path) -> dict[str, bytes]:
    return {str(file.relative_to(run_dir)): file.read_bytes() for file in sorted(run_dir.glob("*/*.parquet"))}


def killed(arguments: list[str], run_dir: Path, seconds: float) -> bool:
    """Whether the kill came before the end."""
    child = os.fork()
    if not child:
        os._exit(run(arguments, run_dir))
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"exit code {os.WEXITSTATUS(status)}"
    return os.WIFSIGNALED(status)


def kill_at_random(kills: int, expected_dir: Path, run_dir: Path, arguments: list[str]) -> None:
    assert run(arguments, expected_dir) == 0
    expected = tables(expected_dir)
    assert len(expected) > 5
    started = time.monotonic()
    assert run(arguments, run_dir) == 0
    undisturbed = time.monotonic() - started
    rng = random.Random(0)
    left, ends = kills, 1
    while left:
        if killed(arguments, run_dir, rng.uniform(0, undisturbed)):
            left -= 1
            found = tables(run_dir)
            assert found == {name: expected[name] for name in found}, f"after kill {kills - left}"
        else:
            assert tables(run_dir) == expected
            shutil.rmtree(run_dir)
            ends += 1
    assert run(arguments, run_dir) == 0
    assert tables(run_dir) == expected
    print(f"{kills} kills, {ends} ends, {undisturbed:.2f} s undisturbed", file=sys.stderr)


if __name__ == "__main__":
    with (Path(sys.argv[3]).with_suffix(".log")).open("w") as log, contextlib.redirect_stdout(log):
        kill_at_random(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
