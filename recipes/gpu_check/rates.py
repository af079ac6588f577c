"""Tokens a second of verl's rollout server: with and without a seed on every request, in steps of 8k and 32k tokens."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

from job import Job
from random_model import SHAPES, random_model

from int_verl.generate.engines.base import Request
from int_verl.generate.engines.verl import VerlEngine
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling

BATCHED = {"gpu": (8192, 32_768), "cpu": (2048, 4096)}
"Tokens of one step of the server at most (`max_num_batched_tokens`)."
LOAD = {"gpu": (192, 2048, 1024), "cpu": (8, 64, 32)}
"Requests at once, tokens of a prompt, tokens of a completion."
CONTEXT = {"gpu": 32_768, "cpu": 1024}
ROUNDS = 2
"With and without seeds in turn, so that a card that grows warm slows both."


def measure(job: Job) -> None:
    model = random_model(job)
    numbers = count()
    for batched in BATCHED[job.platform]:
        asyncio.run(_one_server(job, model, batched, numbers))


async def _one_server(job: Job, model: Path, batched: int, numbers: count[int]) -> None:
    length = LOAD[job.platform][2]
    settings = EngineSettings(
        context_length=CONTEXT[job.platform],
        overrides=(f"actor_rollout_ref.rollout.max_num_batched_tokens={batched}",),
    )
    begun = time.monotonic()
    engine = VerlEngine(model, settings, CONTEXT[job.platform] - length, length, job.platform)
    rates: dict[bool, list[float]] = {True: [], False: []}
    async with engine:
        await _tokens_per_second(engine, job.platform, numbers)  # compiles and captures what is left to do
        job.figure(**{f"steps_of_{batched}_tokens,_seconds_to_start": f"{time.monotonic() - begun:.0f}"})
        for _ in range(ROUNDS):
            for seeded, found in rates.items():
                engine.settings = replace(settings, seeded=seeded)
                found.append(await _tokens_per_second(engine, job.platform, numbers))
                name = f"steps_of_{batched}_tokens,_{'with' if seeded else 'without'}_seeds,_tokens/s"
                job.figure(**{name: " and ".join(f"{rate:,.0f}" for rate in found)})


async def _tokens_per_second(engine: VerlEngine, platform: str, numbers: count[int]) -> float:
    """New tokens, the reading of the prompts included in the time, as in the generator."""
    requests, prompt, length = LOAD[platform]
    # Sampled as Qwen3 is and as the recipe evaluates: cutting the distribution is what vLLM has a fast sampler for.
    sampling = Sampling(max_tokens=length, temperature=0.7, top_p=0.8, top_k=20)

    def request() -> Request:
        number = next(numbers)
        rng = random.Random(number)  # no two prompts share a prefix
        return Request(tuple(rng.choices(range(SHAPES[platform]["vocab_size"] - 3), k=prompt)), sampling, number)

    waiting = [request() for _ in range(requests)]
    begun = time.monotonic()
    completions = await asyncio.gather(*(engine.generate(each) for each in waiting))
    return sum(len(each.token_ids) for each in completions) / (time.monotonic() - begun)
