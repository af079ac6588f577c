"""What RL's rollouts take of TransferQueue and of Ray's processors, refused before verl would wait or fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from int_verl.doctor import check_processors
from int_verl.errors import UserError
from int_verl.ray_cpus import host_cpus, rl_cpus
from int_verl.settings.compose import section
from int_verl.settings.training import RLSettings
from int_verl.trainers.transfer_queue import CAPACITY, UNITS, TransferQueue


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``host(cpus)``: a GPU host with so many processors, on which no Ray runs."""

    def set_up(cpus: int) -> None:
        monkeypatch.setattr("int_verl.trainers.transfer_queue.has_nvidia", lambda: True)
        monkeypatch.setattr("int_verl.trainers.rl_ray.joins_a_cluster", lambda: False)
        monkeypatch.setattr("int_verl.trainers.transfer_queue.host_cpus", lambda: cpus)

    return set_up


def queue(*overrides: str, **changes: Any) -> TransferQueue:
    config = OmegaConf.create({"rl": {**changes, "overrides": list(overrides)}})
    return TransferQueue(section(config, "rl", RLSettings))


@pytest.mark.parametrize(
    ("cpus", "gpus", "units"), [(12, 1, 8), (11, 1, 7), (6, 1, 2), (5, 1, 1), (192, 8, 8), (30, 8, 5), (26, 8, 1)]
)
def test_as_many_units_as_the_host_has_processors_for(host: Any, cpus: int, gpus: int, units: int) -> None:
    host(cpus)
    found = queue(gpus_per_node=gpus)
    assert found.units == units
    assert rl_cpus(gpus, units) <= cpus
    found.check()


@pytest.mark.parametrize(("cpus", "gpus", "needed"), [(4, 1, 5), (2, 1, 5), (25, 8, 26)])
def test_a_host_with_too_few_is_refused_with_what_helps(host: Any, cpus: int, gpus: int, needed: int) -> None:
    host(cpus)
    with pytest.raises(UserError) as caught:
        queue(gpus_per_node=gpus).check()
    assert str(caught.value) == (
        f"rl.gpus_per_node={gpus}: verl's RL holds {needed} of Ray's processors (3 for each of {gpus} GPUs, 2 for "
        f"TransferQueue), and here are {cpus}, so verl would wait for ever; take fewer GPUs, or have Ray count more "
        f"than there are: 'rl.overrides=[ray_kwargs.ray_init.num_cpus={needed}]'"
    )
    queue(f"ray_kwargs.ray_init.num_cpus={needed}", gpus_per_node=gpus).check()


def test_units_of_the_users_own_count(host: Any) -> None:
    host(8)
    with pytest.raises(UserError, match=r"holds 12 .* and here are 8"):
        queue(f"{UNITS}=8").check()
    queue(f"{UNITS}=8", "++ray_kwargs.ray_init.num_cpus=12").check()


def test_what_a_cluster_has_is_not_known_here(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    host(2)
    for found in (queue(nnodes=4, gpus_per_node=8), queue("+ray_kwargs.ray_init.address=auto")):
        found.check()
        assert found.units == 2 * found.settings.nnodes
    monkeypatch.setattr("int_verl.trainers.rl_ray.joins_a_cluster", lambda: True)
    queue().check()
    monkeypatch.undo()
    queue(gpus_per_node=8).check()  # a dry run where there is no GPU


@pytest.mark.parametrize("samples", [1, 4, 8, 128, 4096, 90_000])
def test_a_batch_of_validation_fits(samples: int) -> None:
    found = queue(val_samples=samples)
    assert found.val_batch_size >= 1
    assert found.val_batch_size * samples <= max(4096, samples)
    found.check()


@pytest.mark.parametrize(
    ("overrides", "changes", "words"),
    [
        ((), {"val_samples": 100_001}, r"rl.val_samples, data.val_batch_size: 100,001 rollouts .* holds 100,000"),
        (("data.val_batch_size=30000",), {}, "rl.val_samples, data.val_batch_size: 120,000 rollouts"),
        (("data.val_batch_size=null",), {}, "would hold all of a validation"),
        (
            (),
            {"prompts_per_step": 1024, "rollouts": 128, "mini_batch": 16},
            "rl.prompts_per_step, rl.rollouts: 131,072",
        ),
        ((f"{CAPACITY}=200",), {}, "rl.rollouts: 256 rollouts .* holds 200"),
    ],
)
def test_more_than_it_holds_is_refused(overrides: tuple[str, ...], changes: dict[str, int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        queue(*overrides, **changes).check()


def test_more_where_it_holds_more() -> None:
    queue("data.val_batch_size=30000", f"{CAPACITY}=200000").check()


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "800000 100000\n"}, 8),
        ({"cpu.max": "max 100000\n"}, 64),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 64),
        ({"cpu.max": ""}, 64),
        ({}, 64),
    ],
)
def test_a_containers_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], cpus: int) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert host_cpus(tmp_path) == cpus


@pytest.mark.verl
def test_as_many_as_ray_itself_counts() -> None:
    from ray._private.utils import get_num_cpus

    assert host_cpus() == get_num_cpus()


@pytest.mark.parametrize(
    ("cpus", "gpus", "ok", "says"),
    [
        (64, 8, True, "64 for Ray; RL on 8 GPUs holds 26: enough"),
        (16, 8, True, "16 for Ray; RL on 8 GPUs holds 26: enough for rl.gpus_per_node=4 of 8 GPUs"),
        (4, 1, False, "4 for Ray; RL on 1 GPUs holds 5: too few"),
    ],
)
def test_the_doctor_compares(cpus: int, gpus: int, ok: bool, says: str) -> None:
    check = check_processors(cpus, gpus)
    assert (check.ok, check.detail) == (ok, says)
    assert ok or "num_cpus=5" in check.remedy
