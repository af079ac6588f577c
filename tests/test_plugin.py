"""What the plugin loads, and that it leaves other platforms alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

LIGHT = (
    "int_verl.plugin",
    "int_verl.doctor",
    "int_verl.supervision.supervisor",
    "int_verl.trainers.sft",
    "int_verl.trainers.rl",
    "int_verl.generate.engines.verl",
    "int_verl.generate.engines.router",
)
HEAVY = {"torch", "verl", "vllm", "transformers", "ray", "math_verify", "pyarrow"}


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("module", LIGHT)
def test_imports_are_light(module: str) -> None:
    loaded = json.loads(python(f"import json, sys, {module}; print(json.dumps(list(sys.modules)))"))
    assert not HEAVY & {name.partition(".")[0] for name in loaded}


SNAPSHOT = """
import json, os, sys
WATCHED = ("torch", "verl", "vllm", "importlib", "transformers", "ray")
def snapshot():
    found = {}
    for name, module in list(sys.modules.items()):
        if module is None or name.partition(".")[0] not in WATCHED:
            continue
        for key, value in list(vars(module).items()):
            found[name, key] = value
            if isinstance(value, type) and value.__module__ == name:
                for member, content in list(vars(value).items()):
                    found[name, key + "." + member] = content
    return found
"""


@pytest.mark.verl
@pytest.mark.parametrize("platform", ["nvidia", "cpu"])
def test_nothing_is_replaced_on_another_platform(platform: str) -> None:
    """verl as it is without plugins against verl after the plugin's modules were loaded, attribute by attribute."""
    code = f"""{SNAPSHOT}
import verl, torch.distributed.fsdp, verl.utils.distributed
before, modules, finders, environ = snapshot(), set(sys.modules), list(sys.meta_path), dict(os.environ)
import int_verl.plugin, int_verl.cpu.register
after = snapshot()
replaced = sorted(".".join(key) for key, value in before.items() if key not in after or after[key] is not value)
print(json.dumps({{
    "replaced": replaced,
    "loaded": sorted({{name.partition(".")[0] for name in set(sys.modules) - modules}}),
    "finders": sys.meta_path == finders,
    "environ": sorted(set(os.environ.items()) - set(environ.items())),
}}))
"""
    found = json.loads(python(code, VERL_PLATFORM=platform, VERL_USE_EXTERNAL_PLUGINS="none", VERL_ENGINE_DEVICE=""))
    assert found["finders"]
    assert not {"vllm", "datasets", "math_verify", "pandas"} & set(found["loaded"])
    if platform == "nvidia":
        assert found["replaced"] == []
        assert found["environ"] == []
    else:
        # That the comparison sees replacements at all, and that these are all there are.
        assert set(found["replaced"]) <= {
            "importlib.metadata.version",
            "torch.distributed.init_process_group",
            "torch.distributed.distributed_c10d.init_process_group",
            "torch.distributed.fsdp.CPUOffloadPolicy.__init__",
            "ray.runtime_context.RuntimeContext.get_job_id",
        }
        assert "torch.distributed.init_process_group" in found["replaced"]


@pytest.mark.verl
def test_verl_loads_both_modules() -> None:
    code = """
import json, sys, verl
from verl.plugin.platform import get_platform
loaded = [name in sys.modules for name in ("int_verl.plugin", "int_verl.cpu.register")]
print(json.dumps([*loaded, get_platform().device_name]))
"""
    assert json.loads(python(code, VERL_PLATFORM="nvidia")) == [True, True, "cuda"]
    assert json.loads(python(code, VERL_PLATFORM="cpu")) == [True, True, "cpu"]


@pytest.mark.verl
def test_a_torch_with_cuda_is_never_taken_for_a_cpu() -> None:
    code = """
import torch
torch.version.cuda = "12.8"
import verl
from verl.plugin.platform import get_platform
print(get_platform().device_name)
"""
    assert python(code, VERL_PLATFORM="") == "cuda"


@pytest.mark.verl
def test_the_version_of_vllm() -> None:
    code = """
import verl, importlib.metadata as metadata
try:
    metadata.version("no-such-thing")
    missing = False
except metadata.PackageNotFoundError:
    missing = True
print(missing, "cpu" in metadata.version("vllm"), metadata.version("verl").startswith("0.9"))
"""
    assert python(code, VERL_PLATFORM="cpu") == "True True True"


@pytest.mark.verl
def test_two_runs_on_one_machine_have_sockets_of_their_own() -> None:
    """verl names the socket of a weight update after Ray's job id, which is the same in every new cluster."""
    code = """
import sys, verl, ray
ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
print(ray.get_runtime_context().get_job_id(), flush=True)
sys.stdin.read()
"""
    environment = {**os.environ, "VERL_PLATFORM": "cpu"}
    runs = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        for _ in range(2)
    ]
    ids = [run.stdout.readline().strip() for run in runs if run.stdout is not None]
    for run in runs:
        run.communicate(timeout=120)
    assert all(job_id.startswith("01000000") for job_id in ids)
    assert len(set(ids)) == 2
