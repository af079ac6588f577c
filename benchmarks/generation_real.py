"""The dataflow on vLLM's CPU server against the engine fed the same requests; see `generation.py`."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path

from dataflow_runs import (
    QUICKSTART,
    Figures,
    Recorded,
    Stages,
    all_at_once,
    dataflow,
    new_run,
    so_many_at_a_time,
    stage_by_stage,
    training_problems,
)

from int_verl.generate.engines.base import Engine
from int_verl.generate.engines.openai import OpenAIEngine
from int_verl.settings.engine import EngineSettings

Work = Callable[[Engine], Awaitable[object]]


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

    rows = training_problems(problems)
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
            return OpenAIEngine(EngineSettings(base_urls=(servers.url(port),), concurrency=10**6), "tiny")

        async def record() -> Stages:
            async with Recorded(engine()) as recorded:
                await dataflow(run, recorded, rows, grader, folder / "recorded")
                return recorded.stages

        stages = asyncio.run(record())

        async def timed(work: Work) -> tuple[float, float, float]:
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

        def flow(ordering: str) -> Work:
            return lambda engine: dataflow(runs[ordering], engine, rows, grader, folder / f"flow{next(numbers)}")

        numbers = count()
        at_a_time = f"{in_flight} at a time"
        works: dict[str, Work] = {f"dataflow, {ordering}": flow(ordering) for ordering in orderings} | {
            "all at once": lambda engine: all_at_once(engine, stages),
            at_a_time: lambda engine: so_many_at_a_time(engine, stages, in_flight),
            "stage by stage": lambda engine: stage_by_stage(engine, stages, None),
        }
        kinds = list(works)
        measured: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        for turn in range(rounds):
            for kind in kinds[turn % len(kinds) :] + kinds[: turn % len(kinds)]:
                seconds, processor, hits = asyncio.run(timed(works[kind]))
                measured[kind].append((seconds, processor, hits))
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
