"""A day with everything that goes wrong in one, from a seed; `INT_VERL_FAULT_SEED` draws another day."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.quickstart_files import QUICKSTART, ROOT, write_problem_sets
from tests.run.virtual_faults import HOUR, draw

pytestmark = pytest.mark.slow

OWN_MOUNTS = ("unshare", "--map-root-user", "--mount")
"For a disk that can be full; not every system lets its users have them."


def own_mounts() -> tuple[str, ...]:
    if (
        shutil.which("unshare")
        and not subprocess.run([*OWN_MOUNTS, "true"], capture_output=True, check=False).returncode
    ):
        return OWN_MOUNTS
    return ()


@pytest.mark.timeout(600)
def test_a_day_of_faults_ends_byte_for_byte_as_an_undisturbed_run(tmp_path: Path) -> None:
    seed, hours = os.environ.get("INT_VERL_FAULT_SEED", "0"), "24"
    write_problem_sets(tmp_path, train=14, heldout=3)
    command = ["guide", "--config", str(QUICKSTART / "quickstart.yaml")]
    command += [f"problems.{name}={tmp_path / name}.jsonl" for name in ("train", "heldout")]
    day = [sys.executable, "-m", "tests.run.virtual_day", seed, hours, str(tmp_path), *command]
    done = subprocess.run([*own_mounts(), *day], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = done.stderr.splitlines()[-1]
    print(figures)
    assert figures.startswith(f"seed {seed}: ")
    assert float(figures.split()[2]) > 24


def test_a_seed_is_a_day() -> None:
    assert draw(3, 24, True) == draw(3, 24, True) != draw(4, 24, True)
    assert {fault.kind for fault in draw(3, 24, False)} == {fault.kind for fault in draw(3, 24, True)} - {"full disk"}
    assert all(0 < fault.start < 24 * HOUR for fault in draw(3, 24, True))
