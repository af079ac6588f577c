"""Does int_verl run on this machine's GPU, how fast, and in how much memory? In parts, each with a limit of its own.

    python recipes/gpu_check/run_gpu_check.py                     # with the Python that has int-verl[gpu]
    python recipes/gpu_check/run_gpu_check.py --parts rates       # one part, also where it is done
    python recipes/gpu_check/run_gpu_check.py --minutes 9         # begins only what ends within nine minutes
    python recipes/gpu_check/run_gpu_check.py --platform cpu      # the same on a machine without a GPU, small

The same command goes on after a stop: parts that are done are not done again. A part that reaches its limit is ended,
with what it had found, and the next begins. The last lines are the table, which is also in `OUT/gpu_check.md`; exit
code 1 unless every part has come to its end and every check holds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from job import findings, read_findings
from table import all_is_well, markdown

from int_verl.files import read_json, write_text
from int_verl.run.folder import installed_versions
from int_verl.supervision.supervised import Supervised

LIMITS = {"schedule": 9.0, "rates": 7.0, "rl_steps": 6.0, "sft_steps": 3.5}
"Part, a module beside this file -> minutes that it may take on a GPU. All together, less than half an hour."
SLOWER = {"gpu": 1, "cpu": 3}
"A machine without a GPU gets so many times as long."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/gpu-check"))
    parser.add_argument("--platform", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--parts", nargs="+", choices=LIMITS, metavar="PART", help=f"of {', '.join(LIMITS)}")
    parser.add_argument("--minutes", type=float, help="begin no part that may take longer than what is left of them")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings of int-verl for the schedule")
    args = parser.parse_intermixed_args()
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "gpu_check.json"
    results = read_json(file) if file.is_file() else {}
    began, minutes = time.monotonic(), args.minutes or SLOWER[args.platform] * 30
    for part in args.parts or to_do(results):
        limit = 60 * SLOWER[args.platform] * LIMITS[part]
        if limit > 60 * minutes - (time.monotonic() - began):
            print(f"{part}: not begun, {limit / 60:.3g} min are not left")
            continue
        print(f"{part}: for {limit / 60:.3g} min at most; {args.out / part}.log", flush=True)
        results[part] = run_part(part, limit, [str(args.out), args.platform, *args.overrides])
        write_text(file, json.dumps(results, indent=2) + "\n")
    text = markdown(LIMITS, results)
    write_text(args.out / "gpu_check.md", text)
    print(f"\n{text}")
    sys.exit(not all_is_well(LIMITS, results))


def to_do(results: dict[str, Any]) -> list[str]:
    """What is not done: first what has not been tried."""
    left = [part for part in LIMITS if part not in results or results[part]["ended"] != "done"]
    return sorted(left, key=lambda part: part in results)


def run_part(part: str, limit: float, arguments: list[str]) -> dict[str, Any]:
    """How it ended, its seconds, the machine, and what it found; nothing of it is left running.

    Args:
        limit: seconds, after which it is ended.
        arguments: of run_part.py, after the part's name; the first is the folder of all parts.
    """
    out = Path(arguments[0])
    log = out / f"{part}.log"
    findings(out, part).unlink(missing_ok=True)
    began = time.monotonic()
    with log.open("wb") as file:
        command = [sys.executable, str(Path(__file__).with_name("run_part.py")), part, *arguments]
        process = Supervised(command, file, os.environ | {"COLUMNS": "120"})
        try:
            over = process.wait(limit)
        finally:
            process.stop()
    ended = f"ended at its limit of {limit:.0f} s"
    if over:
        code = process.poll()
        ended = f"failed with exit code {code}: {_last_line(log)}" if code else "done"
    seconds = time.monotonic() - began
    return {"ended": ended, "seconds": seconds, "on": machine(arguments[1]), **read_findings(out, part)}


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else "it said nothing"


def machine(kind: str) -> str:
    """The card with its driver, or the processor, and the versions of what ran on it."""
    card = f"no GPU, {platform.machine()}"
    if kind == "gpu":
        query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
        found = subprocess.run(query, capture_output=True, text=True).stdout if shutil.which(query[0]) else ""
        card = "; ".join(found.splitlines()) or "a GPU that nvidia-smi does not show"
    return ", ".join([card, *(f"{name} {version}" for name, version in installed_versions().items())])


if __name__ == "__main__":
    main()
