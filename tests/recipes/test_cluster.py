"""What a scheduler starts is the recipe's own launch script, on as many GPUs and nodes as it was asked for."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from int_verl.ray_cpus import rl_cpus
from int_verl.settings.compose import compose
from tests.quickstart_files import ROOT

RECIPE = ROOT / "recipes/int_qwen3_4b"
CLUSTER = RECIPE / "cluster"
SCRIPTS = sorted(CLUSTER.glob("*.sh"))
NODES = {1: "n1", 2: "n[1-2]"}
_CALL = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
_RECORDER = '#!/bin/sh\n"{python}" -S -c \'{call}\' {name} "$@" >> "{log}"\n'
_FOUND = {
    "srun": 'while [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"',
    "hostname": "echo 10.0.0.7 fe80::7",
    "scontrol": '[ "$1" = show ] && printf "n1\\nn2\\n" || true',
    "ray": """[ "$1" = status ] && grep '^\\[\\["ray", "start"' "$LOG" | sed 's/.*/ 1 node_/' || true""",
}
"What Slurm and Ray do, as far as the script looks at it."


@pytest.fixture
def calls(tmp_path: Path, environment: Mapping[str, str]) -> Callable[..., list[tuple[list[str], dict[str, str]]]]:
    """`calls(command, **variables)`: the arguments and variables of all programs that are not the shell's."""

    def run(command: list[str], **variables: str) -> list[tuple[list[str], dict[str, str]]]:
        log = tmp_path / "log"
        for name in ("int-verl", "pip", *_FOUND):
            program = tmp_path / name
            recorded = _RECORDER.format(python=sys.executable, call=_CALL, log=log, name=name)
            program.write_text(f"{recorded}LOG={log}\n{_FOUND.get(name, '')}\n")
            program.chmod(0o755)
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        env = {key: value for key, value in os.environ.items() if key not in ("RAY_ADDRESS", "NNODES")}
        done = subprocess.run(
            command, env=env | dict(environment) | variables | {"PATH": path}, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return [tuple(json.loads(line)) for line in log.read_text().splitlines()]

    return run


def job(nodes: int) -> dict[str, str]:
    """The variables that Slurm gives the job's script."""
    asked = {"SLURM_JOB_NUM_NODES": nodes, "SLURM_GPUS_ON_NODE": options()["--gpus-per-node"], "SLURM_JOB_ID": 7}
    asked |= {"SLURM_CPUS_PER_TASK": options()["--cpus-per-task"], "SLURM_JOB_NODELIST": NODES[nodes]}
    return {key: str(value) for key, value in asked.items()} | {"SLURM_SUBMIT_DIR": str(ROOT)}


def options() -> dict[str, str]:
    """The options that `slurm.sh` gives sbatch: those before its first command."""
    head = (CLUSTER / "slurm.sh").read_text().partition("\nset ")[0]
    return dict(re.findall(r"^#SBATCH (--[\w-]+)(?:=(\S+))?$", head, re.M))


def composed(call: list[str]) -> Any:
    assert call[:4] == ["int-verl", "run", "--config", str(RECIPE / "int_qwen3_4b.yaml")]
    return compose(Path(call[3]), call[4:])


def test_a_job_of_slurms_on_one_node_is_the_recipe_as_it_stands(calls: Callable[..., Any]) -> None:
    ((call, variables),) = calls(["bash", str(CLUSTER / "slurm.sh"), "sample.attempts=8"], **job(1))
    run, recipe = composed(call), compose(RECIPE / "int_qwen3_4b.yaml", [])
    for section in ("engine", "sft", "rl"):
        assert run[section] == recipe[section], section
    assert run.sample.attempts == 8
    assert "RAY_ADDRESS" not in variables, "on one node the run starts a Ray of its own"


def test_a_job_of_slurms_on_two_nodes_starts_ray_on_both_first(calls: Callable[..., Any]) -> None:
    made = [(call, variables) for call, variables in calls(["bash", str(CLUSTER / "slurm.sh")], **job(2))]
    started = [call for call, _ in made if call[:2] == ["ray", "start"]]
    here = ["ray", "start", "--block", "--num-gpus=8", f"--num-cpus={options()['--cpus-per-task']}"]
    assert started == [
        [*here, "--head", "--port=6379", "--node-ip-address=10.0.0.7"],
        [*here, "--address=10.0.0.7:6379"],
    ]
    assert [call for call, _ in made if call[0] == "srun" and "--nodelist=n2" in call]
    call, variables = made[-1]
    run = composed(call)
    assert (run.engine.nnodes, run.rl.nnodes, run.sft.nnodes) == (2, 2, 1)
    assert (run.engine.gpus_per_node, run.sft.gpus_per_node, run.rl.gpus_per_node) == (8, 8, 8)
    assert variables["RAY_ADDRESS"] == "10.0.0.7:6379"


def test_slurm_asks_for_what_the_settings_take() -> None:
    recipe = compose(RECIPE / "int_qwen3_4b.yaml", [])
    asked = options()
    gpus = int(asked["--gpus-per-node"])
    assert gpus == recipe.engine.gpus_per_node == recipe.sft.gpus_per_node == recipe.rl.gpus_per_node
    assert int(asked["--cpus-per-task"]) >= rl_cpus(8)
    assert asked.keys() >= {"--requeue", "--open-mode", "--signal", "--time"}


@pytest.mark.slow
def test_a_job_that_is_stopped_is_queued_again(tmp_path: Path, environment: Mapping[str, str]) -> None:
    """The signal goes to the job's script alone, as with `--signal=B:`, and reaches int-verl."""
    stands = "trap 'kill $!; exit 75' TERM\ntouch there\nsleep 60 &\nwait $!"
    for name, does in (("int-verl", f"cd {tmp_path}\n{stands}"), ("scontrol", f'echo "$@" >> {tmp_path}/asked')):
        (tmp_path / name).write_text(f"#!/bin/bash\n{does}\n")
        (tmp_path / name).chmod(0o755)
    env = {**os.environ, **environment, **job(1), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    running = subprocess.Popen(["bash", CLUSTER / "slurm.sh"], env=env, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (tmp_path / "there").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    running.send_signal(signal.SIGUSR1)
    assert running.wait(60) == 75
    assert (tmp_path / "asked").read_text() == "requeue 7\n"


def test_a_job_of_rays_is_the_launch_script_with_this_shells_variables(calls: Callable[..., Any]) -> None:
    ((submit, _),) = calls(
        ["bash", str(CLUSTER / "ray_job.sh"), "sample.attempts=8"], NNODES="2", RUN_DIR="/shared/run"
    )
    assert submit[:5] == ["ray", "job", "submit", "--address", "http://127.0.0.1:8265"]
    submitted = submit[submit.index("--") + 1 :]
    call, _ = calls(["env", "-u", "TRAIN", "-u", "HELDOUT", *submitted])[-1]
    run = composed(call)
    assert (run.engine.nnodes, run.rl.nnodes, run.run.dir, run.sample.attempts) == (2, 2, "/shared/run", 8)


def test_skypilots_node_has_the_gpus_of_the_settings(calls: Callable[..., Any]) -> None:
    task = yaml.safe_load((CLUSTER / "sky.yaml").read_text())
    recipe = compose(RECIPE / "int_qwen3_4b.yaml", [])
    assert {int(one.rpartition(":")[2]) for one in task["resources"]["accelerators"]} == {recipe.rl.gpus_per_node}
    assert task["resources"]["image_id"].removeprefix("docker:") in (ROOT / "docker/Dockerfile.gpu").read_text()
    made = calls(["bash", "-c", task["run"]], SKYPILOT_NUM_GPUS_PER_NODE="8", **task["envs"])
    assert made[0][0][1] == "problems", "the problem sets are made first"
    run = composed(next(call for call, _ in made if call[1] == "run"))
    assert (run.engine.gpus_per_node, run.engine.nnodes) == (8, 1)


def test_skypilot_and_the_image_install_the_same() -> None:
    setup = yaml.safe_load((CLUSTER / "sky.yaml").read_text())["setup"]
    (left_out,) = re.findall(r"grep -vE '([^']*)' requirements/gpu\.txt", setup)
    assert f"grep -vE '{left_out}' requirements/gpu.txt" in (ROOT / "docker/Dockerfile.gpu").read_text()
    names = [
        line.partition("==")[0] for line in (ROOT / "requirements/gpu.txt").read_text().splitlines() if "==" in line
    ]
    kept = {name for name in names if not re.match(left_out, f"{name}==")}
    assert {"verl", "vllm", "transformers", "TransferQueue".lower()} <= kept
    assert not kept & {"torch", "torchvision", "nvidia-nccl-cu13", "flash-attn"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_scripts_are_sound(script: Path) -> None:
    assert not subprocess.run(["bash", "-n", script]).returncode
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", script], capture_output=True, text=True)
        assert not done.returncode, done.stdout
    elif not (script.name == "slurm.sh" and _slurm_answers()):
        pytest.skip("no shellcheck here")
    if script.name == "slurm.sh" and _slurm_answers():
        done = subprocess.run(["sbatch", "--test-only", script], capture_output=True, text=True, cwd=ROOT)
        assert not done.returncode, done.stderr


def _slurm_answers() -> bool:
    return bool(shutil.which("sbatch")) and not subprocess.run(["sinfo"], capture_output=True, timeout=20).returncode


def test_skypilot_takes_its_file() -> None:
    pytest.importorskip("sky")
    from sky.utils import common_utils, schemas

    task = yaml.safe_load((CLUSTER / "sky.yaml").read_text())
    common_utils.validate_schema(task, schemas.get_task_schema(), "sky.yaml: ")
