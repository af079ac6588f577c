"""One of verl's rollout servers on two ranks, without a GPU."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from int_verl.generate.engines.base import Request
from int_verl.generate.engines.verl import VerlEngine
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling

pytestmark = [pytest.mark.verl, pytest.mark.nightly, pytest.mark.timeout(900)]


def test_it_draws_what_one_rank_would(make_model: Callable[[bool], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    monkeypatch.setenv("RAY_ADDRESS", "local")
    model = make_model(True)
    prompts = [(1, *range(10 + index, 30 + index)) for index in range(16)]
    greedy = Sampling(max_tokens=16, temperature=0.0)

    async def draw() -> list[tuple[int, ...]]:
        async with VerlEngine(model, EngineSettings(gpus_per_node=2, tensor_parallel=2), 64, 32, "cpu") as engine:
            assert len(engine._manager.server_handles) == 1
            drawn = await asyncio.gather(*(engine.generate(Request(prompt, greedy, seed=1)) for prompt in prompts))
        return [completion.token_ids for completion in drawn]

    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    for prompt, drawn in zip(prompts, asyncio.run(draw()), strict=True):
        expected = network.generate(torch.tensor([prompt]), max_new_tokens=16, do_sample=False)[0]
        assert list(drawn) == expected[len(prompt) :].tolist()
