"""verl's rollout servers as an engine: repeatable requests, finish reasons, and what happens when they die."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from int_verl.errors import EngineError, UserError
from int_verl.generate.engines.base import Engine, Request
from int_verl.generate.engines.router import LeastBusyRouter
from int_verl.generate.engines.verl import VerlEngine
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling


@pytest.mark.verl
@pytest.mark.timeout(600)
def test_the_engine(make_model: Callable[[bool], Path]) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    folder = make_model(True)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    end = network.config.eos_token_id
    prompts = [(1, *range(10 + index, 30 + index)) for index in range(24)]
    sampling = Sampling(max_tokens=24, temperature=1.0)
    requests = [Request(prompt, sampling, seed=index * 10 + k) for index, prompt in enumerate(prompts) for k in (0, 1)]

    async def scenario() -> None:
        async with VerlEngine(folder, EngineSettings(), 64, 32, platform="cpu") as engine:
            assert isinstance(engine, Engine)
            greedy = await engine.generate(Request(prompts[0], Sampling(max_tokens=8, temperature=0.0), seed=1))
            expected = network.generate(torch.tensor([prompts[0]]), max_new_tokens=8, do_sample=False)[0]
            assert list(greedy.token_ids) == expected[len(prompts[0]) :].tolist()

            first = await asyncio.gather(*map(engine.generate, requests))
            again = await asyncio.gather(*map(engine.generate, reversed(requests)))
            assert first == again[::-1], "equal requests are equal draws, whatever else is in flight"
            assert len(set(first)) > len(requests) // 2
            for completion in first:
                stopped = completion.token_ids[-1] == end
                assert completion.finish_reason == ("stop" if stopped else "length")
                assert stopped or len(completion.token_ids) == sampling.max_tokens

            with pytest.raises(EngineError, match="does not fit"):
                await engine.generate(Request((1,) * 65, sampling, seed=1))

            # A dead server is an EngineError, not a wait without end.
            import ray

            ray.kill(engine._manager.server_handles[0])
            with pytest.raises(EngineError, match="rollout server"):
                await asyncio.wait_for(engine.generate(requests[0]), 60)
        assert not ray.is_initialized()

    asyncio.run(scenario())


@pytest.mark.verl
@pytest.mark.parametrize(("platform", "tokens"), [("gpu", 8_192), ("cpu", 49_152)])
def test_a_long_context_makes_no_larger_step_on_a_gpu(platform: Literal["cpu", "gpu"], tokens: int) -> None:
    import verl  # noqa: F401 - loads the plugin, which knows int_grpo

    engine = VerlEngine("/no/such", EngineSettings(), 48_000, 16_384, platform=platform, max_model_len=49_152)
    rollout = engine._compose().actor_rollout_ref.rollout
    assert (rollout.max_model_len, rollout.max_num_batched_tokens) == (49_152, tokens)
    changed = EngineSettings(overrides=("actor_rollout_ref.rollout.max_num_batched_tokens=1024",))
    engine = VerlEngine("/no/such", changed, 48_000, 16_384, platform=platform, max_model_len=49_152)
    assert engine._compose().actor_rollout_ref.rollout.max_num_batched_tokens == 1_024


def test_a_missing_model() -> None:
    async def scenario() -> None:
        async with VerlEngine("/no/such/model", EngineSettings(), 8, 8, platform="cpu"):
            pass

    with pytest.raises(UserError, match=r"no config\.json"):
        asyncio.run(scenario())


def test_sizes_must_fit() -> None:
    with pytest.raises(UserError, match=r"engine\.tensor_parallel=2"):
        VerlEngine("model", EngineSettings(gpus_per_node=3, tensor_parallel=2), 8, 8, platform="gpu")


def test_the_router_sends_to_the_least_busy() -> None:
    router = LeastBusyRouter({"a": "A", "b": "B"})
    assert [router.acquire() for _ in range(4)] == [("a", "A"), ("b", "B")] * 2
    router.release("b")
    assert router.acquire() == ("b", "B")
    with pytest.raises(ValueError, match="no rollout server"):
        LeastBusyRouter({})
