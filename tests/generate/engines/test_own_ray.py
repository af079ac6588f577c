"""A Ray of one's own: on loopback, and gone with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from int_verl.supervision.family import children, descendants
from tests.quickstart_files import ROOT
from tests.supervision.families import FAMILY, processes_with, wait_for

PARENT = f"""
import os, subprocess, sys, time
from int_verl.generate.engines.own_ray import OwnRay
from int_verl.ray_cluster import LOOPBACK

own = OwnRay({{"num_cpus": 2, "include_dashboard": False}})
own.connect(logging_level="ERROR", log_to_driver=False)
assert LOOPBACK not in os.environ, "a trainer may be on several nodes"
import ray

@ray.remote
def resist(mark):
    family = subprocess.Popen([sys.executable, "-c", {FAMILY!r}, mark], stdout=subprocess.PIPE)
    family.stdout.readline()
    time.sleep(600)

resist.remote(sys.argv[1])
print(ray.util.get_node_ip_address(), flush=True)
time.sleep(600)
"""


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    mark = f"{tmp_path.name}-{os.getpid()}"
    yield mark
    for pid in processes_with(mark):  # of a test that failed
        os.kill(pid, signal.SIGKILL)


@pytest.mark.verl
@pytest.mark.timeout(120)
@pytest.mark.parametrize("killed", ["the driver", "the supervisor"])
def test_nothing_of_ray_and_its_workers_outlives_driver_or_supervisor(killed: str, mark: str) -> None:
    driver = subprocess.Popen([sys.executable, "-c", PARENT, mark], cwd=ROOT, stdout=subprocess.PIPE)
    assert driver.stdout is not None
    assert driver.stdout.readline() == b"127.0.0.1\n"
    assert wait_for(lambda: len(processes_with(mark)) == 4, 60)
    below = descendants([driver.pid])
    assert len(below) > 8
    (supervisor,) = children(driver.pid)
    os.kill(driver.pid if killed == "the driver" else supervisor, signal.SIGKILL)
    assert wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below))
    assert not [pid for pid in processes_with(mark) if pid != driver.pid]
    assert (driver.poll() is None) == (killed == "the supervisor")
    driver.kill()
    driver.wait()
