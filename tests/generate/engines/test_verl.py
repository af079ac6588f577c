"""verl's rollout servers as an engine: repeatable requests, finish reasons, and what happens when they die."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from int_verl.errors import EngineError, UserError
from int_verl.generate.engines.base import Engine, Request
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.engines.server_fault import ServerFault
from int_verl.generate.engines.verl import VerlEngine
from int_verl.generate.journal import Journal
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling


@pytest.mark.verl
@pytest.mark.timeout(600)
def test_the_engine(make_model: Callable[[bool], Path], tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    folder = make_model(True)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    end = network.config.eos_token_id
    prompts = [(1, *range(10 + index, 30 + index)) for index in range(24)]
    sampling = Sampling(max_tokens=24, temperature=1.0)
    requests = [Request(prompt, sampling, seed=index * 10 + k) for index, prompt in enumerate(prompts) for k in (0, 1)]
    settings, said = EngineSettings(reopen=1), list[str]()

    async def scenario() -> None:
        import ray

        engine = VerlEngine(folder, settings, 64, 32, platform="cpu")
        assert isinstance(engine, Engine)
        with Journal(tmp_path / "journal.sqlite") as journal:
            async with JournaledEngine(engine, journal, "r", settings, said.append) as journaled:
                greedy = await journaled.generate(Request(prompts[0], Sampling(max_tokens=8, temperature=0.0), seed=1))
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

                # What is given up here ends there, too.
                (server,) = engine._manager.server_handles
                await server.abort_all_requests.remote()
                await server.open_submission_gate.remote()  # vLLM takes requests, and does nothing with them
                given_up = asyncio.gather(*(asyncio.wait_for(engine.generate(one), 3) for one in requests[:8]))
                await until(server, 8)
                with pytest.raises(asyncio.TimeoutError):
                    await given_up
                await until(server, 0)
                await server.resume_generation.remote()

                # vLLM's engine dies, and with it what is in flight; then the server itself.
                for pid in await server.__ray_call__.remote(children):
                    os.kill(pid, signal.SIGKILL)
                drawn = await asyncio.wait_for(asyncio.gather(*map(journaled.generate, requests)), 300)
                assert drawn == first
                assert (journaled.reopened, len(said)) == (1, 1)
                assert re.search(r"rollout server at [\d.]+:\d+ failed: RayTaskError\(EngineDeadError\)", said[0])
                ray.kill(engine._manager.server_handles[0])
                with pytest.raises(EngineError, match=r"rollout server.*opened again 1 times \(engine\.reopen\)"):
                    await asyncio.wait_for(journaled.generate(Request(prompts[0], sampling, seed=9)), 60)
        assert not ray.is_initialized()

    asyncio.run(scenario())


async def until(server: Any, requests: int) -> None:
    """vLLM in the server has so many unfinished requests."""

    async def look() -> None:
        while await server.__ray_call__.remote(unfinished) != requests:
            await asyncio.sleep(0.05)

    await asyncio.wait_for(look(), 10)


def unfinished(server: Any) -> int:
    return int(server.engine.output_processor.get_num_unfinished_requests())


def children(_: Any) -> list[int | None]:
    return [child.pid for child in multiprocessing.active_children()]


@pytest.mark.verl
@pytest.mark.parametrize("seeded", [True, False])
def test_seeds_are_sent_where_they_are_asked_for_and_else_the_servers_differ_at_each_start(seeded: bool) -> None:
    import verl  # noqa: F401 - loads the plugin, which knows int_grpo

    engine = VerlEngine("model", EngineSettings(seeded=seeded), 8, 8, platform="cpu")
    params = engine._sampling_params(Request((1,), Sampling(max_tokens=4), seed=2**63 + 5))
    assert params.get("seed") == (5 if seeded else None)
    seeds = {engine._compose().actor_rollout_ref.rollout.seed for _ in range(3)}
    assert len(seeds) == (1 if seeded else 3)


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


@pytest.mark.verl
def test_what_is_a_death_of_a_server_and_what_is_the_matter_of_a_request() -> None:
    from ray.exceptions import ActorDiedError, GetTimeoutError, OutOfMemoryError, RayTaskError

    dead = type("EngineDeadError", (Exception,), {})
    ours, of_vllm = RayTaskError("generate", "", ValueError("too long")), RayTaskError("generate", "", dead("core"))
    for error in (ActorDiedError(), OutOfMemoryError("killed"), of_vllm, of_vllm.as_instanceof_cause()):
        assert ServerFault("n", error).is_death
    for error in (ours, ours.as_instanceof_cause(), GetTimeoutError(), ValueError("too long")):
        assert not ServerFault("n", error).is_death


@pytest.mark.verl
def test_a_fault_says_which_server_and_why() -> None:
    from ray.exceptions import OutOfMemoryError, RayActorError

    full = ServerFault("10.0.0.5:8000", OutOfMemoryError("Task was killed.\n\nSet RAY_memory_usage_threshold"))
    assert str(full).startswith("the rollout server at 10.0.0.5:8000 failed: its host's memory is full")
    assert "lower engine.in_flight, or engine.gpus_per_node" in str(full)
    node = RayActorError(
        error_msg="The actor died.\n\tip: 10.0.0.5\nThe actor died because its node has died. Node Id: 1f"
    )
    assert str(ServerFault("n", node)) == "the rollout server at n failed: its node is gone (RayActorError)"
    assert str(ServerFault("n", ValueError("one\ntwo\n"))) == "the rollout server at n failed: ValueError: two"
