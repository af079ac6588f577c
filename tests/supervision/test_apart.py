"""A function in a process of its own: what it returns, how it fails, and that it does not stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from int_verl.supervision.apart import call_apart


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_it_returns_comes_from_another_process() -> None:
    assert call_apart(os.getpid) != os.getpid()
    assert call_apart(divmod, 7, 2) == (3, 1)


def test_what_it_raises_and_how_it_dies_is_said() -> None:
    with pytest.raises(ChildProcessError, match="ZeroDivisionError: "):
        call_apart(divmod, 1, 0)
    with pytest.raises(ChildProcessError, match="exit code -9"):
        call_apart(die)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_with_its_caller(tmp_path: Path, number: int) -> None:
    """Also where the system tells the caller alone."""
    script = tmp_path / "caller.py"
    script.write_text(
        "import time\nfrom int_verl.supervision.apart import call_apart\n"
        "if __name__ == '__main__':\n    print('begun', flush=True)\n    call_apart(time.sleep, 60)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as caller:
        assert caller.stdout is not None
        caller.stdout.readline()
        children: list[psutil.Process] = []
        while not any("spawn_main" in " ".join(child.cmdline()) for child in children):
            time.sleep(0.05)
            children = psutil.Process(caller.pid).children()
        time.sleep(1)
        caller.send_signal(number)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
