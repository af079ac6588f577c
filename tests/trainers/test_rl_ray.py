"""The Ray of an RL run: joined as Ray wants it, or one of its own, and refused where verl would wait for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from int_verl.errors import UserError
from int_verl.ray_cluster import LOOPBACK
from int_verl.settings.compose import section
from int_verl.settings.training import RLSettings
from int_verl.trainers.composed import composed
from int_verl.trainers.rl_ray import RLRay
from int_verl.trainers.transfer_queue import UNITS, TransferQueue
from tests.trainers.launches import rl_launch


def ray_of(*overrides: str, **changes: Any) -> RLRay:
    config = OmegaConf.create({"rl": {**changes, "overrides": list(overrides)}})
    return RLRay(section(config, "rl", RLSettings))


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "local")


@pytest.mark.usefixtures("no_cluster")
def test_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    named, own = "+ray_kwargs.ray_init.address='node1:6379'", "starts one of its own"
    assert str(ray_of()) == str(ray_of("ray_kwargs.ray_init.address=local")) == own
    assert str(ray_of(named)) == "joins that at node1:6379 (rl.overrides)"
    monkeypatch.setenv("RAY_ADDRESS", "node2:6379")
    assert str(ray_of()) == "joins that at node2:6379 (RAY_ADDRESS)"
    assert str(ray_of("ray_kwargs.ray_init.address=local")) == own


@pytest.mark.usefixtures("no_cluster")
def test_several_nodes_need_one_to_join() -> None:
    with pytest.raises(UserError, match=r"^rl.nnodes=2: no Ray to join, .* `ray start --head` here"):
        ray_of(nnodes=2).check_host()
    ray_of("+ray_kwargs.ray_init.address=node1:6379", nnodes=2).check_host()


@pytest.mark.verl
@pytest.mark.usefixtures("no_cluster")
@pytest.mark.parametrize(
    ("address", "gpus", "expected"),
    [("local", 1, (16, 1)), ("local", 2, (16, 2)), ("local", 6, (20, 6)), ("node1:6379", 2, (None, None))],
)
def test_on_a_cpu_ray_gets_logical_gpus_unless_it_is_joined(
    address: str, gpus: int, expected: tuple[int | None, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ray.init()` refuses numbers of its own, and `_system_config`, where it joins."""
    monkeypatch.setenv("RAY_ADDRESS", address)
    launch = rl_launch(tmp_path, tmp_path, tmp_path, gpus_per_node=gpus)
    config = composed(launch.primary, launch.config_arguments(), "rl.overrides")
    assert config is not None
    init = config.ray_kwargs.ray_init
    assert (init.num_cpus, init.num_gpus) == expected
    assert (init._system_config is None) == (expected[0] is None)


@pytest.mark.verl
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_it_is_asked_before_verl_joins_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from int_verl.generate.engines.own_ray import OwnRay

    monkeypatch.setenv(LOOPBACK, "0")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    ray = OwnRay({"num_cpus": 8, "num_gpus": 2, "include_dashboard": False})
    try:
        address = f"ray_kwargs.ray_init.address='{ray._address()}'"

        def check(platform: Any, *overrides: str, **changes: Any) -> None:
            found = ray_of(address, *overrides, **changes)
            queue = TransferQueue(found.settings, platform)
            found.check_size(queue.cpus, queue.needs, platform)

        with pytest.raises(UserError, match=r"holds 9 of .* and the Ray to be joined has 8, so verl would wait for ev"):
            check("gpu", gpus_per_node=2)
        check("gpu", f"{UNITS}=1", gpus_per_node=2)
        check("cpu", gpus_per_node=2)
        for nodes, gpus, words in (
            (1, 3, "1 times 3 GPUs on one node"),
            (2, 2, "2 times 2 GPUs on one node"),
            (3, 1, "3 GPUs"),
        ):
            with pytest.raises(UserError) as caught:
                check("cpu", nnodes=nodes, gpus_per_node=gpus)
            assert f"{words} are asked for, and the Ray to be joined has 1 node, 8 processors, 2 GPUs" in str(
                caught.value
            )
            assert "--num-gpus=N` (on a CPU they are logical)" in str(caught.value)
    finally:
        ray.stop()


@pytest.mark.usefixtures("no_cluster")
def test_none_is_asked_where_none_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("int_verl.ray_nodes.RayNodes.ask", lambda _: pytest.fail("asked"))
    ray_of(gpus_per_node=64).check_size(1_000, "", "gpu")
