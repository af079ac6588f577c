"""How fast the generator drives an engine, in three measurements.

    python benchmarks/generation.py                       # all three; needs vLLM's CPU build for the first
    python benchmarks/generation.py --only simulated --problems 100
    python benchmarks/generation.py --only real --rounds 3 --json figures.json

- real: the dataflow (journal, rows, grading and all) on vLLM's CPU server with the quickstart's tiny model, against the
  engine fed the very same requests: all at once; as many at a time as the dataflow, without waiting for anything; and
  stage by stage. The better of the first two is the limit. Each round does all of them, in rotated order, from an empty
  prefix cache; medians of the rounds. On a machine that is busy with something else compare the processor's time, of
  driver and server together.
- simulated: the real dataflow on an engine in virtual time with the paper's lengths, against the same two. The barrier
  is what the released scripts have: one stage after the other, in chunks whose results are kept when a chunk ends.
- overhead: what a request costs the driver's processor with 1,000 in flight, on an engine that takes only virtual time.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from dataflow_runs import Figures
from generation_overhead import overhead
from generation_real import real
from generation_simulated import simulated
from rich.console import Console
from rich.table import Table


def show(title: str, figures: Figures, console: Console) -> None:
    rows: dict[str, dict[str, float]] = figures["rows"]
    table = Table(title=title, caption=", ".join(f"{k}: {_short(v)}" for k, v in figures.items() if k != "rows"))
    table.add_column("")
    for name in next(iter(rows.values())):
        table.add_column(name, justify="right")
    for name, values in rows.items():
        table.add_row(name, *(_short(value) for value in values.values()))
    console.print(table)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return ", ".join(map(_short, value)) if isinstance(value, list) else f"{value}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", choices=("real", "simulated", "overhead"))
    arguments.add_argument("--problems", type=int, help="default: 80 real, 100 simulated, 60 overhead")
    arguments.add_argument("--rounds", type=int, default=3, help="of real and overhead")
    arguments.add_argument("--rollouts", type=int, help="guided rollouts; default: 8 real, 32 simulated")
    arguments.add_argument("--in-flight", type=int, default=256, help="real")
    arguments.add_argument("--orderings", default="depth_first", help="real: such as depth_first,arrival")
    arguments.add_argument("--cache-blocks", type=int, help="real: of 16 tokens, for all that the engine caches")
    arguments.add_argument("--sequences", type=int, default=64, help="simulated: in a replica's batch at most")
    arguments.add_argument("--replicas", type=int, default=8, help="simulated")
    arguments.add_argument("--chunks", default="512,1024,2048,4096", help="simulated: requests of a chunk")
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended as well
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    console = Console()
    console.print(f"load before: {', '.join(f'{load:.2f}' for load in os.getloadavg())} on {os.cpu_count()} processors")
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.only in (None, "simulated"):
            chunks = [*map(int, options.chunks.split(",")), None]
            problems, rollouts = options.problems or 100, options.rollouts or 32
            figures["simulated"] = simulated(
                folder / "simulated", problems, rollouts, options.sequences, options.replicas, chunks
            )
            batches = f"{options.replicas} replicas, batches of {options.sequences}"
            show(f"Simulated engine: {problems} problems, {batches}", figures["simulated"], console)
        if options.only in (None, "overhead"):
            figures["overhead"] = overhead(folder / "overhead", options.problems or 60, 1000, options.rounds)
            show("Driver, processor time a request, 1,000 in flight", figures["overhead"], console)
        if options.only in (None, "real"):
            figures["real"] = real(
                folder,
                options.problems or 80,
                options.rounds,
                options.in_flight,
                options.rollouts or 8,
                options.orderings.split(","),
                options.cache_blocks,
            )
            show("vLLM's CPU engine, the quickstart's model", figures["real"], console)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
