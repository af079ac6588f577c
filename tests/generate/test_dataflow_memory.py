"""Memory does not grow with the number of problems."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.memory import generate, peak_megabytes, write_problem_sets
from tests.quickstart_files import ROOT

pytestmark = pytest.mark.slow

PROBLEMS = 2_000
CHARACTERS = 8_000


def test_four_times_the_problems_take_no_more_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    of_one, of_four = map(float, done.stdout.split()[-2:])
    in_a_list = 3 * PROBLEMS * CHARACTERS / 1e6
    assert of_four - of_one < in_a_list / 2


def _peaks(folder: Path) -> tuple[float, float]:
    """Peak megabytes of this process after a run of `PROBLEMS`, and after one of four times as many."""
    peaks = []
    for count in (PROBLEMS, 4 * PROBLEMS):
        (folder / str(count)).mkdir()
        write_problem_sets(folder / str(count), count, CHARACTERS)
        generate(folder / str(count))
        peaks.append(peak_megabytes())
    return peaks[0], peaks[1]


if __name__ == "__main__":
    print(*_peaks(Path(sys.argv[1])))
