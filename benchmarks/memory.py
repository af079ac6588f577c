"""Memory and time of a run of very many problems: one process, a scripted engine, everything else as in a real run.

    python benchmarks/memory.py                                  # a million problems, attempts only
    python benchmarks/memory.py --problems 20000 --until guide   # through interventions and guided rollouts

Prints the resident memory while the problems are read, checked, sampled and written, then problems a second, time a
request and the files' sizes. Problems have `--characters` of reference solution, so that a list of them would show:
at the default a million problems are 2 GB of text. The engine answers at once and every second answer is right, so
what is measured is our own work. A second run in the same folder (`--again`) replays everything from the journal.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "recipes/quickstart/model"
sys.path.insert(0, str(ROOT))

from int_verl.generate.chat import ChatCodec  # noqa: E402
from int_verl.generate.engines.base import Completion, Request  # noqa: E402


@lru_cache
def _codec() -> ChatCodec:
    return ChatCodec(MODEL)


@lru_cache
def _tokens(text: str) -> tuple[int, ...]:
    return (*_codec().encode(text), _codec().tokenizer.eos_token_id)


def engine(request: Request) -> Completion:
    """A function of the request alone: attempts and rollouts of two steps, right for even seeds, and verifications."""
    asked = _codec().decode(request.prompt_ids)
    if "### Attempt" in asked:
        text = 'Step 1 is wrong.\n\n<intervention>{"content": "Start again, with care.", "location": 1}</intervention>'
    else:
        text = f"Step 1: we add.\n\nStep 2: \\boxed{{{7 if request.seed % 2 == 0 else 8}}}"
    return Completion(_tokens(text), "stop")


def problem_rows(count: int, characters: int) -> Iterator[dict[str, str]]:
    solution = "We add and add. " * (characters // 16)
    for number in range(count):
        yield {
            "id": f"p{number}",
            "problem": f"Start with {number}.",
            "answer": "7",
            "reference_solution": f"{number}: {solution}",
        }


def write_problem_sets(folder: Path, count: int, characters: int) -> None:
    for name, rows in (
        ("train", problem_rows(count, characters)),
        ("heldout", [{"problem": "Start with nothing.", "answer": "0"}]),
    ):
        with (folder / f"{name}.jsonl").open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def generate(folder: Path, *more: str, until: str = "sample") -> None:
    """Run the generator on the problem sets in `folder`."""
    from rich.console import Console

    from int_verl.run.run import Run
    from int_verl.settings.compose import compose
    from int_verl.stages.assemble import schedule_of

    settings = (
        f"run.dir={folder / 'run'}",
        f"problems.train={folder / 'train.jsonl'}",
        f"problems.heldout={folder / 'heldout.jsonl'}",
        "engine.name=scripted",
        f"engine.script={__file__}:engine",
        "engine.in_flight=64",
        "sample.attempts=1",
        "problems.train_limit=null",
        "problems.heldout_limit=null",
        "platform=cpu",
    )
    config = compose(ROOT / "recipes/quickstart/quickstart.yaml", [*settings, *more])
    schedule_of(Run(config, Console(width=120)), until).execute()


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def watch(every: float) -> None:
    """Print the resident memory every so many seconds, in a thread of its own."""
    started = time.monotonic()

    def show() -> None:
        while True:
            print(f"{time.monotonic() - started:7.0f} s  {resident_megabytes():6.0f} MB resident", flush=True)
            time.sleep(every)

    threading.Thread(target=show, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=1_000_000)
    parser.add_argument("--characters", type=int, default=2_000, help="of a reference solution")
    parser.add_argument("--until", choices=("sample", "propose", "guide"), default="sample")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between lines")
    parser.add_argument("--again", action="store_true", help="then replay everything from the journal")
    parser.add_argument("--folder", type=Path, help="kept; by default a temporary folder that is removed")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp(prefix="int-verl-memory-"))
    folder.mkdir(parents=True, exist_ok=True)
    write_problem_sets(folder, args.problems, args.characters)
    print(f"{args.problems:,} problems, {(folder / 'train.jsonl').stat().st_size / 1e6:,.0f} MB, in {folder}")
    watch(args.every)
    for force in (False, True) if args.again else (False,):
        started, cpu = time.monotonic(), time.process_time()
        if force:
            (folder / f"run/{args.until}/manifest.json").unlink()
        generate(folder, *args.settings, until=args.until)
        report(folder, args.problems, args.until, time.monotonic() - started, time.process_time() - cpu)
    if args.folder is None:
        shutil.rmtree(folder)


def report(folder: Path, problems: int, until: str, seconds: float, cpu: float) -> None:
    manifest: dict[str, Any] = json.loads((folder / f"run/{until}/manifest.json").read_text())
    asked = manifest["counts"]["requests"]
    requests = asked["drawn"] + asked["replayed"]
    print(f"{asked['drawn']:,} requests drawn, {asked['replayed']:,} replayed: {seconds:.0f} s, {cpu:.0f} s of a core")
    print(f"  {problems / cpu:,.0f} problems and {requests / cpu:,.0f} requests per second of a core")
    print(f"  {1e3 * cpu / requests:.2f} ms of a core a request; peak {peak_megabytes():.0f} MB resident")
    for file in ("train.jsonl", "run/journal.sqlite", "run/sample/attempts.parquet", "run/problems/train.parquet"):
        print(f"  {file}: {(folder / file).stat().st_size / 1e6:,.1f} MB")


if __name__ == "__main__":
    main()
