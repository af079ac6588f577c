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
import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
QUICKSTART = ROOT / "recipes" / "quickstart"
sys.path[:0] = [str(QUICKSTART), str(ROOT)]

from domain import Misbeliefs, problem_rows  # noqa: E402
from simulated_engine import Lengths, SimulatedEngine, Speed  # noqa: E402
from virtual_time import run_in_virtual_time  # noqa: E402

from int_verl.generate.dataflow import Generator  # noqa: E402
from int_verl.generate.engines.base import Completion, Engine, Request  # noqa: E402
from int_verl.generate.engines.journaled import JournaledEngine  # noqa: E402
from int_verl.generate.engines.openai import OpenAIEngine  # noqa: E402
from int_verl.generate.engines.scripted import ScriptedEngine  # noqa: E402
from int_verl.generate.journal import Journal  # noqa: E402
from int_verl.generate.spool import Spool  # noqa: E402
from int_verl.grading import Grade, Grader  # noqa: E402
from int_verl.problems.sets import Problem  # noqa: E402
from int_verl.run.run import Run  # noqa: E402
from int_verl.settings.compose import compose  # noqa: E402
from tests import mod23_script  # noqa: E402

# Nearly every attempt is wrong, each in its own way, as on the paper's hard problems.
mod23_script.MISBELIEFS = Misbeliefs(slip_share=0.3)

Figures = dict[str, Any]
Stages = list[list[Request]]

# Llama-3.1-8B in BF16 on one H100 under vLLM: 6.48 ms a token alone (InferenceBench's concurrency sweep, vLLM 0.21.0,
# yobitelcomm.github.io/bench/recipes/concurrency-sweep), about 12,500 tokens/s in full batches of 256, vLLM's default
# (morphllm.com/vllm-benchmarks): 20.5 ms a step.
ALONE, FULL_BATCH, FULL_RATE = 0.00648, 256, 12_500
EACH = (FULL_BATCH / FULL_RATE - ALONE) / (FULL_BATCH - 1)
# The paper's: mean about 7,000 tokens, limit 16,384.
LENGTHS = Lengths(median=6_000, sigma=0.7, limit=16_384)


class Recorded:
    """An engine that remembers what it was asked, by stage."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.asked: set[Request] = set()

    async def __aenter__(self) -> Recorded:
        await self.engine.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.engine.__aexit__(*exc_info)

    async def generate(self, request: Request) -> Completion:
        self.asked.add(request)
        return await self.engine.generate(request)

    @property
    def stages(self) -> Stages:
        """Attempts, guided solutions, verifications, guided rollouts; each in the order of the problems."""
        in_order = sorted(self.asked, key=lambda request: request.order)
        depths = sorted({request.order[1] for request in in_order}, reverse=True)
        return [[request for request in in_order if request.order[1] == depth] for depth in depths]


class Quiet:
    """A watcher that does not watch."""

    def count(self, what: str, number: int = 1) -> None:
        pass


class InLoop:
    """Grades in the event loop's thread: a worker's answer would come in real time, not in virtual."""

    def __init__(self, grader: Grader) -> None:
        self.grader = grader
        self.seconds = 0.0

    async def agrade_response(self, response: str, gold: str, *_: str) -> Grade:
        started = time.process_time()
        grade = self.grader.grade_response(response, gold)
        self.seconds += time.process_time() - started
        return grade


def new_run(folder: Path, *overrides: str, context_length: int | None = None) -> Run:
    """The quickstart with the paper's K = 4 attempts and K = 4 proposals in two turns.

    Args:
        context_length: instead of the tiny model's, where the engine has no model.
    """
    paper = ("sample.attempts=4", "propose.proposals=4", "propose.two_turns=true", "guide.controls=[]")
    sets = (f"problems.train={folder}", f"problems.heldout={folder}")
    config = compose(QUICKSTART / "quickstart.yaml", [f"run.dir={folder}", *sets, *paper, *overrides])
    run = Run(config, Console(quiet=True))
    if context_length is not None:
        run.__dict__["context_length"] = context_length
    return run


async def dataflow(
    run: Run, engine: Engine, problems: Sequence[Problem], grader: Any, folder: Path, until: str = "guide"
) -> JournaledEngine:
    """What `int_verl.stages.generate.generate` does, on an engine that is open already and stays so."""
    folder.mkdir(parents=True)
    settings = run.engine_settings
    with Journal(folder / "journal.sqlite") as journal, Spool(folder / "rows.spool") as spool:
        journaled = JournaledEngine(
            _StaysOpen(engine),
            journal,
            run.model_revision,
            settings.in_flight,
            ordering=settings.ordering,
            timeout=settings.timeout,
            retries=settings.retries,
        )
        generator = Generator(journaled, run.codec, run.prompts, grader, run.generator_settings, Quiet())
        async with journaled:
            await generator.run(problems, spool, until)  # type: ignore[arg-type]
    return journaled


class _StaysOpen:
    def __init__(self, engine: Engine) -> None:
        self.generate = engine.generate

    async def __aenter__(self) -> _StaysOpen:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None


async def all_at_once(engine: Engine, stages: Stages) -> None:
    await asyncio.gather(*(engine.generate(request) for stage in stages for request in stage))


async def so_many_at_a_time(engine: Engine, stages: Stages, in_flight: int) -> None:
    """As if nothing depended on anything: a request begins whenever another ends."""
    waiting = (request for stage in stages for request in stage)

    async def one_place() -> None:
        for request in waiting:
            await engine.generate(request)

    await asyncio.gather(*(one_place() for _ in range(in_flight)))


async def stage_by_stage(engine: Engine, stages: Stages, chunk: int | None) -> None:
    """Nothing of a chunk begins before everything before it has ended; None: a stage is one chunk."""
    for stage in stages:
        size = chunk or max(len(stage), 1)
        for start in range(0, len(stage), size):
            await asyncio.gather(*map(engine.generate, stage[start : start + size]))


# Real


def real(
    folder: Path,
    problems: int,
    rounds: int,
    in_flight: int,
    rollouts: int,
    orderings: Sequence[str],
    cache_blocks: int | None,
) -> Figures:
    from tests.generate.engines.vllm_servers import VLLMServers, free_port

    rows = [Problem(**row) for row in problem_rows("train", problems)]
    # The tiny model's context has no room for two turns.
    settings = (f"engine.in_flight={in_flight}", f"guide.rollouts={rollouts}", "propose.two_turns=false")
    runs = {ordering: new_run(folder, *settings, f"engine.ordering={ordering}") for ordering in orderings}
    run = runs[orderings[0]]
    port = free_port()
    more = ("--num-gpu-blocks-override", str(cache_blocks)) if cache_blocks else ()
    with VLLMServers(QUICKSTART / "model", "tiny", 512, folder, more) as servers, run.grader() as grader:
        servers.start(port)
        servers.wait(port)
        grader.warm()

        def engine() -> OpenAIEngine:
            return OpenAIEngine([servers.url(port)], "tiny", concurrency=10**6)

        async def record() -> Stages:
            async with Recorded(engine()) as recorded:
                await dataflow(run, recorded, rows, grader, folder / "recorded")
                return recorded.stages

        stages = asyncio.run(record())

        async def timed(work: Callable[[Engine], Awaitable[object]]) -> tuple[float, float, float]:
            """Seconds by the clock, processor seconds of driver and server, and the prefix cache's share of hits."""
            async with engine() as opened:
                servers.reset_prefix_cache(port)
                asked, hit = (servers.metric(port, f"vllm:prefix_cache_{what}_total") for what in ("queries", "hits"))
                processor = time.process_time() + servers.processor_seconds(port)
                started = time.perf_counter()
                await work(opened)
                seconds = time.perf_counter() - started
                processor = time.process_time() + servers.processor_seconds(port) - processor
            asked = servers.metric(port, "vllm:prefix_cache_queries_total") - asked
            return seconds, processor, (servers.metric(port, "vllm:prefix_cache_hits_total") - hit) / asked

        number = 0

        def flow(ordering: str) -> Callable[[Engine], Awaitable[object]]:
            nonlocal number
            number += 1
            return lambda engine: dataflow(runs[ordering], engine, rows, grader, folder / f"flow{number}")

        measured: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        at_a_time = f"{in_flight} at a time"
        kinds = [*(f"dataflow, {ordering}" for ordering in orderings), "all at once", at_a_time, "stage by stage"]
        for turn in range(rounds):
            for kind in kinds[turn % len(kinds) :] + kinds[: turn % len(kinds)]:
                if kind == "all at once":
                    result = asyncio.run(timed(lambda engine: all_at_once(engine, stages)))
                elif kind == at_a_time:
                    result = asyncio.run(timed(lambda engine: so_many_at_a_time(engine, stages, in_flight)))
                elif kind == "stage by stage":
                    result = asyncio.run(timed(lambda engine: stage_by_stage(engine, stages, None)))
                else:
                    result = asyncio.run(timed(flow(kind.removeprefix("dataflow, "))))
                measured[kind].append(result)
                seconds, processor, hits = result
                figures = f"{seconds:.1f} s, {processor:.1f} s of processor, {hits:.0%} cached"
                print(f"round {turn + 1}, {kind}: {figures}", flush=True)
    requests = sum(map(len, stages))

    def against_the_limit(results: list[tuple[float, float, float]], what: int) -> float:
        rounds_of_three = zip(measured["all at once"], measured[at_a_time], results, strict=True)
        return statistics.median(min(one[what], other[what]) / result[what] for one, other, result in rounds_of_three)

    return {
        "requests": requests,
        "of each stage": [len(stage) for stage in stages],
        "rows": {
            kind: {
                "seconds": statistics.median(seconds for seconds, _, _ in results),
                "speed against the limit": against_the_limit(results, 0),
                "processor seconds": statistics.median(processor for _, processor, _ in results),
                "the same by processor": against_the_limit(results, 1),
                "prefix cache hits": statistics.median(hits for _, _, hits in results),
            }
            for kind, results in measured.items()
        },
    }


# Simulated


def simulated(
    folder: Path, problems: int, rollouts: int, sequences: int, replicas: int, chunks: Sequence[int | None]
) -> Figures:
    rows = [Problem(**row) for row in problem_rows("train", problems)]
    run = new_run(
        folder,
        f"engine.in_flight={sequences * replicas}",
        f"guide.rollouts={rollouts}",
        "engine.timeout=null",
        context_length=4096,
    )
    speed = Speed(ALONE, EACH, sequences)

    def engine(answers: Callable[[Request], Completion]) -> SimulatedEngine:
        return SimulatedEngine(answers, LENGTHS, speed, replicas)

    known: dict[Request, Completion] = {}

    def once(request: Request) -> Completion:
        return known.setdefault(request, mod23_script.script(request)) if request not in known else known[request]

    with Grader(workers=1) as grader:
        recorded = Recorded(engine(once))
        _, seconds = run_in_virtual_time(dataflow(run, recorded, rows, InLoop(grader), folder / "flow"))
    stages = recorded.stages
    tokens = [LENGTHS.draw(request) for stage in stages for request in stage]
    empty = Completion((), "stop")
    _, limit = run_in_virtual_time(all_at_once(engine(lambda _: empty), stages))
    hours = {"dataflow": seconds, "all at once": limit}
    for chunk in chunks:
        name = f"stage by stage, chunks of {chunk}" if chunk else "stage by stage, a stage at once"
        _, hours[name] = run_in_virtual_time(stage_by_stage(engine(lambda _: empty), stages, chunk))
    return {
        "requests": len(tokens),
        "of each stage": [len(stage) for stage in stages],
        "mean tokens": statistics.mean(tokens),
        "at the limit": sum(number == LENGTHS.limit for number in tokens) / len(tokens),
        "rows": {
            name: {
                "hours": taken / 3600,
                "tokens a second": sum(tokens) / taken,
                "speed against all at once": limit / taken,
                "dataflow is faster by": taken / seconds,
            }
            for name, taken in hours.items()
        },
    }


# Overhead


class Timed:
    """An object whose methods' seconds are added up, for those named."""

    def __init__(self, inner: Any, *names: str) -> None:
        self.inner, self.seconds = inner, 0.0
        for name in names:
            setattr(self, name, self._timed(getattr(inner, name)))

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            started = time.process_time()
            try:
                return method(*arguments, **named)
            finally:
                self.seconds += time.process_time() - started

        return call

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def overhead(folder: Path, problems: int, in_flight: int, rounds: int) -> Figures:
    rows = [Problem(**row) for row in problem_rows("train", problems)]
    long_tokens: tuple[int, ...] = ()

    def long(request: Request) -> Completion:
        return Completion((*long_tokens[:-1], request.seed % 500, long_tokens[-1]), "stop")

    figures: Figures = {"rows": {}}
    with Grader(workers=1) as grader:
        for name, until in (("whole dataflow, short", "guide"), ("attempts of 7,000 tokens", "sample")):
            settings = (f"engine.in_flight={in_flight}", "guide.rollouts=32")
            run = new_run(folder, *settings, context_length=4096)
            known: dict[Request, Completion] = {}
            if until == "sample":
                run = new_run(folder, *settings, "sample.sampling.max_tokens=7200", context_length=8192)
                body = run.codec.encode("\n\n".join(f"Step {n}: times 9, 13 -> 10" for n in range(1, 800)))
                end = run.codec.encode("\n\nThe answer is \\boxed{7}.")
                long_tokens = (*body[: 7_000 - len(end)], *end)
            answers = mod23_script.script if until == "guide" else long

            def once(request: Request, answers: Any = answers, known: Any = known) -> Completion:
                if request not in known:
                    known[request] = answers(request)
                return known[request]

            # The first pass fills `known`, so that the others do not pay for making up answers.
            passes = []
            for turn in range(rounds + 1):
                codec = Timed(run.codec, "encode", "decode", "prompt_ids")
                run.__dict__["codec"] = codec
                in_loop = InLoop(grader)
                started = time.process_time()
                journaled, _ = run_in_virtual_time(
                    dataflow(run, ScriptedEngine(once, 1.0), rows, in_loop, folder / f"{until}{turn}", until)
                )
                seconds = time.process_time() - started
                run.__dict__["codec"] = codec.inner
                passes.append((seconds, codec.seconds, in_loop.seconds))
            total, tokenizer, grading = min(passes[1:])
            each = 1e3 / journaled.drawn
            figures["rows"][name] = {
                "requests": journaled.drawn,
                "tokens each": journaled.drawn_tokens / journaled.drawn,
                "ms in all": total * each,
                "ms of tokenizer": tokenizer * each,
                "ms of grading": grading * each,
                "ms of the rest": (total - tokenizer - grading) * each,
            }
    return figures


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
