"""Tokens a second of verl's rollout server on this machine, by threads, type of number and requests in flight.

    python recipes/smollm2/rates.py --model runs/smollm2/model
    python recipes/smollm2/rates.py --model runs/smollm2/model --servers 1:float32 2:bfloat16 --in-flight 1 16 64

The requests are attempts at problems of the recipe, sampled as the recipe samples. A server is started for each pair of
threads and type; the first requests, which fill its caches, are not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from itertools import count, islice
from pathlib import Path

from stories import stories

from int_verl.generate.chat import ChatCodec
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.verl import VerlEngine
from int_verl.generate.prompts import load_prompts
from int_verl.settings.compose import compose
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling

CONFIG = Path(__file__).with_name("smollm2.yaml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument(
        "--servers", nargs="+", default=["1:float32", "2:float32", "2:bfloat16"], metavar="THREADS:TYPE"
    )
    parser.add_argument("--in-flight", nargs="+", type=int, default=[1, 16, 64])
    parser.add_argument("--seconds", type=float, default=20, help="about so long each")
    args = parser.parse_args()
    print("| threads | type | in flight | requests | new tokens | seconds | tokens a second |")
    print("|---|---|---|---|---|---|---|")
    for threads, dtype in (server.split(":") for server in args.servers):
        os.environ["OMP_NUM_THREADS"] = threads
        for line in asyncio.run(one_server(args.model, dtype, args.in_flight, args.seconds)):
            print(f"| {threads} | {dtype} | {line} |", flush=True)


async def one_server(model: Path, dtype: str, in_flight: list[int], seconds: float) -> list[str]:
    """The rest of each row of the table."""
    config = compose(CONFIG, [])
    sampling, length = Sampling(**config.sample.sampling), config.engine.context_length
    overrides = [f"actor_rollout_ref.rollout.{name}" for name in (f"dtype={dtype}", f"max_num_seqs={max(in_flight)}")]
    settings = EngineSettings(in_flight=max(in_flight), context_length=length, overrides=tuple(overrides))
    codec, prompts, numbers, lines = ChatCodec(model), load_prompts(solve=config.prompts.solve), stories(0), list[str]()
    seeds = count()

    async def draw(number: int) -> list[Completion]:
        questions = [prompts.solve(row["problem"]) for row in islice(numbers, number)]
        requests = [Request(codec.prompt_ids(question), sampling, next(seeds)) for question in questions]
        return list(await asyncio.gather(*map(engine.generate, requests)))

    engine = VerlEngine(model, settings, length - sampling.max_tokens, sampling.max_tokens, "cpu", max_model_len=length)
    async with engine:
        await draw(max(in_flight))
        for number in in_flight:
            begun, drawn = time.monotonic(), list[Completion]()
            while time.monotonic() - begun < seconds:
                drawn += await draw(number)
            taken, tokens = time.monotonic() - begun, sum(len(each.token_ids) for each in drawn)
            lines.append(f"{number} | {len(drawn)} | {tokens:,} | {taken:.0f} | {tokens / taken:.0f}")
    return lines


if __name__ == "__main__":
    main()
