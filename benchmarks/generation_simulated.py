"""The dataflow on an engine in virtual time, with the paper's lengths; see `generation.py`."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from dataflow_runs import (
    Figures,
    InLoop,
    Recorded,
    all_at_once,
    dataflow,
    mod23_script,
    new_run,
    stage_by_stage,
    training_problems,
)
from simulated_engine import Lengths, SimulatedEngine, Speed
from virtual_time import run_in_virtual_time

from int_verl.generate.engines.base import Completion, Request
from int_verl.grading import Grader

# Llama-3.1-8B in BF16 on one H100 under vLLM: 6.48 ms a token alone (InferenceBench's concurrency sweep, vLLM 0.21.0,
# yobitelcomm.github.io/bench/recipes/concurrency-sweep), about 12,500 tokens/s in full batches of 256, vLLM's default
# (morphllm.com/vllm-benchmarks): 20.5 ms a step.
ALONE, FULL_BATCH, FULL_RATE = 0.00648, 256, 12_500
EACH = (FULL_BATCH / FULL_RATE - ALONE) / (FULL_BATCH - 1)
# The paper's: mean about 7,000 tokens, limit 16,384.
LENGTHS = Lengths(median=6_000, sigma=0.7, limit=16_384)


def simulated(
    folder: Path, problems: int, rollouts: int, sequences: int, replicas: int, chunks: Sequence[int | None]
) -> Figures:
    rows = training_problems(problems)
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

    with Grader(workers=1) as grader:
        recorded = Recorded(engine(cache(mod23_script.script)))
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
