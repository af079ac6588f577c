"""The generator on a Ray cluster of two nodes that it joins, a server on each, one of which dies; then a node does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from int_verl.errors import UserError
from int_verl.generate.engines.base import Request
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.engines.verl import VerlEngine
from int_verl.generate.journal import Journal
from int_verl.ray_cluster import which_ray
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling
from tests.ray_clusters import NODE, two_nodes

pytestmark = [pytest.mark.verl, pytest.mark.nightly, pytest.mark.timeout(1800)]

REQUESTS = [
    Request((1, *range(10 + index % 50, 30 + index % 50)), Sampling(max_tokens=24, temperature=1.0), seed=index)
    for index in range(200)
]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with two_nodes() as made:
        monkeypatch.setenv("RAY_ADDRESS", made.address)
        yield made


def test_200_requests_with_deaths_on_the_way(cluster: Any, make_model: Callable[[bool], Path], tmp_path: Path) -> None:
    import ray

    assert which_ray() == f"joins that at {cluster.address} (RAY_ADDRESS)"
    settings, said = EngineSettings(nnodes=2, reopen=2, in_flight=64), list[str]()

    def run(name: str, scenario: Callable[[VerlEngine, JournaledEngine], Any]) -> Any:
        async def within() -> Any:
            engine = VerlEngine(make_model(True), settings, 64, 32, platform="cpu")
            with Journal(tmp_path / name) as journal:
                async with JournaledEngine(engine, journal, "r", settings, said.append) as journaled:
                    return await scenario(engine, journaled)

        return asyncio.run(within())

    async def draw_all(_: VerlEngine, journaled: JournaledEngine) -> Any:
        return await asyncio.gather(*map(journaled.generate, REQUESTS))

    async def on_both(engine: VerlEngine, journaled: JournaledEngine) -> Any:
        drawing = asyncio.ensure_future(draw_all(engine, journaled))
        busy: dict[str, int] = {}
        while not drawing.done():
            await asyncio.sleep(0.02)
            for name, server in (engine._client._servers if engine._client else {}).items():
                busy[name] = max(busy.get(name, 0), server.in_flight)
        assert len(busy) == 2
        assert min(busy.values()) >= 16, "a server that idles"
        handles = engine._manager.server_handles
        homes = await asyncio.gather(*(handle.__ray_call__.remote(node_of) for handle in handles))
        assert set(homes) == {node["NodeID"] for node in ray.nodes()}, "a server on each node"
        return await drawing

    async def killing(kill: Callable[[VerlEngine], None], engine: VerlEngine, journaled: JournaledEngine) -> Any:
        drawing = asyncio.ensure_future(draw_all(engine, journaled))
        while journaled.drawn < 20 and not drawing.done():
            await asyncio.sleep(0.01)
        assert journaled.drawn < len(REQUESTS)
        kill(engine)
        return await drawing

    expected = run("undisturbed.sqlite", on_both)

    # A server dies: it is started again, and the run goes on.
    def kill_server(engine: VerlEngine) -> None:
        ray.kill(engine._manager.server_handles[1])

    assert run("server.sqlite", lambda *parts: killing(kill_server, *parts)) == expected
    assert len(said) == 1
    assert "the rollout server at" in said[0]
    assert "the engine is opened again (1 of engine.reopen=2)" in said[0]

    # A node dies: the run stops with what there is and what to do, and goes on when it is back.
    def kill_node(_: VerlEngine) -> None:
        cluster.remove_node(cluster.second, allow_graceful=False)

    with pytest.raises(UserError) as caught:
        run("node.sqlite", lambda *parts: killing(kill_node, *parts))
    assert "engine.nnodes, engine.gpus_per_node: 2 GPUs are asked for, and the Ray to be joined has 1 node" in str(
        caught.value
    )
    assert "start the missing nodes with `ray start --num-gpus=N`" in str(caught.value)
    assert len(said) == 2
    cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    with Journal(tmp_path / "node.sqlite") as journal:
        kept = len(journal)
    assert 0 < kept < len(REQUESTS)
    assert run("node.sqlite", draw_all) == expected


def node_of(_: Any) -> str:
    import ray

    return ray.get_runtime_context().get_node_id()
