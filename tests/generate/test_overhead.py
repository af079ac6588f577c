"""The benchmark of the driver's own cost goes with the dataflow that it measures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "generation.py"


@pytest.mark.slow
def test_the_benchmark_of_the_drivers_cost_draws_every_kind_of_request(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    few = ["--only", "overhead", "--problems", "2", "--rounds", "1", "--json", str(figures)]
    subprocess.run([sys.executable, str(BENCHMARK), *few], check=True, capture_output=True, timeout=120)
    rows = json.loads(figures.read_text())["overhead"]["rows"]
    assert rows["whole dataflow, short"]["requests"] > 2 * 4, "attempts, and what follows them"
    assert rows["attempts of 7,000 tokens"]["requests"] == 2 * 4
