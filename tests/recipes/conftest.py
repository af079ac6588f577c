"""What the recipes' scripts ask int-verl for, and the versions of verl that are supported."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.quickstart_files import QUICKSTART, ROOT
from tests.recipes.composition import Commands, compose_all, startable, stock_commands

VERSIONS = ("0.9.0", "0.9.1")
EXTEND = ROOT / "recipes" / "extend_existing"
DIFFS = {"reward": "grpo.sh", "rl_data": "grpo.sh", "sft_dataset": "sft.sh", "sft_data": "sft.sh"}
BASE = "int_qwen3_4b/run_qwen3_4b_vllm.sh"
VARIANTS: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "base": (BASE, ("baseline.rl=true",), {}),
    "released": (BASE, ("fidelity=released",), {}),
    "multinode": ("int_qwen3_4b/run_qwen3_4b_vllm_multinode.sh", (), {"NNODES": "4"}),
    "online": (BASE, ("rl.online.enabled=true", "rl.online.context_length=49152", "rl.dump_rollouts=true"), {}),
    "lora": ("int_qwen3_4b/run_qwen3_4b_vllm_lora.sh", (), {}),
}
_RECORDER = '#!/bin/sh\n"{python}" -c \'import json, sys; print(json.dumps(sys.argv[1:]))\' "$@" >> "{log}"\n'


@pytest.fixture(scope="session")
def environment(problem_sets: Path) -> dict[str, str]:
    """The variables of a recipe's scripts, set to small local things."""
    paths = {
        "TRAIN": problem_sets / "train.jsonl",
        "HELDOUT": problem_sets / "heldout.jsonl",
        "MODEL_PATH": QUICKSTART / "model",
    }
    return {name: str(path) for name, path in paths.items()}


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory, environment: Mapping[str, str]) -> Callable[..., list[list[str]]]:
    """`asked(script, *arguments, **variables)`: the arguments of every int-verl, python3 and torchrun of a script."""

    def run(script: str | Path, *arguments: str, **variables: str) -> list[list[str]]:
        folder = tmp_path_factory.mktemp("asked")
        for name in ("int-verl", "python3", "torchrun"):
            command = folder / name
            command.write_text(_RECORDER.format(python=sys.executable, log=folder / "log"))
            command.chmod(0o755)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, **environment, **variables, "PATH": path}
        subprocess.run(
            ["bash", ROOT / "recipes" / script, *arguments], env=env, check=True, capture_output=True, cwd=folder
        )
        return [json.loads(line) for line in (folder / "log").read_text().splitlines()]

    return run


@pytest.fixture(scope="session")
def verl_versions(request: pytest.FixtureRequest) -> dict[str, Path | None]:
    """Version -> folder of that verl, kept in pytest's cache; None for the installed one. What pip cannot get is not
    there."""
    assert request.config.cache is not None
    found: dict[str, Path | None] = {}
    for version in VERSIONS:
        if metadata.version("verl") == version:
            found[version] = None
            continue
        folder = request.config.cache.mkdir(f"verl-{version}")
        if not (folder / f"verl-{version}.dist-info" / "RECORD").is_file():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(folder)]
            pip += ["--disable-pip-version-check", "--retries", "1", "--timeout", "10", f"verl=={version}"]
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(pip, capture_output=True, timeout=60)
        if (folder / f"verl-{version}.dist-info" / "RECORD").is_file():
            found[version] = folder
    return found


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for all that is only planned, so that equal commands are equal."""
    return str(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def variants(asked: Callable[..., list[list[str]]], model_folder: Path, run_folder: str) -> dict[str, Commands]:
    """Variant of the recipe for Qwen3-4B -> stage -> stock command."""
    found = {}
    for variant, (script, arguments, variables) in VARIANTS.items():
        (call,) = asked(script, "platform=gpu", *arguments, RUN_DIR=run_folder, **variables)
        found[variant] = startable(stock_commands(call), model_folder)
    return found


@pytest.fixture(scope="session")
def cpu_recipes(
    problem_sets: Path, model_folder: Path, run_folder: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Commands]:
    """What CI runs on the CPU, arm by arm and cell by cell -> stage -> stock command."""
    for folder in ("baselines", "ablations"):
        sys.path.insert(0, str(ROOT / "recipes" / folder))
    from arms import ARMS
    from cells import CELLS

    def call(config: Path, sets: Path) -> list[str]:
        problems = [f"problems.{split}={sets / split}.jsonl" for split in ("train", "heldout")]
        return ["run", "--config", str(config), *problems, f"run.dir={run_folder}", "platform=cpu"]

    base = call(QUICKSTART / "quickstart.yaml", problem_sets)
    overrides = {"quickstart": ()} | {f"baselines/{name}": arm.overrides for name, arm in ARMS.items()}
    overrides |= {f"ablations/{name}": cell.overrides for name, cell in CELLS.items()}
    calls = {name: [*base, *more] for name, more in overrides.items()}
    found = {name: startable(stock_commands(arguments), model_folder) for name, arguments in calls.items()}
    long_chains = ROOT / "recipes" / "long_chains"
    sets = tmp_path_factory.mktemp("long_chains")
    subprocess.run([sys.executable, long_chains / "make_problems.py", "--out", sets], check=True)
    commands = stock_commands(call(long_chains / "long_chains.yaml", sets))
    return found | {"long_chains": startable(commands, long_chains / "model")}


@pytest.fixture(scope="session")
def gpu_check(run_folder: str, problem_sets: Path, model_folder: Path) -> Commands:
    """What `make gpu-check` starts on a GPU: stage of the schedule, or another part -> stock command."""
    from job import Job
    from rl_steps import rl_launch
    from schedule import settings
    from sft_steps import sft_launch

    out, rows = Path(run_folder), Path("rows.parquet")
    sets = [f"problems.{split}={problem_sets / f'{split}.jsonl'}" for split in ("train", "heldout")]
    parts = {
        "sft_steps": sft_launch(Job("sft_steps", out, "gpu"), model_folder, rows).arguments(),
        "rl_steps": rl_launch(Job("rl_steps", out, "gpu"), model_folder, rows).arguments(),
    }
    return startable(stock_commands(["run", *settings(out, "gpu"), *sets]), model_folder) | parts


@pytest.fixture(scope="session")
def composed(
    asked: Callable[..., list[list[str]]],
    variants: dict[str, Commands],
    cpu_recipes: dict[str, Commands],
    gpu_check: Commands,
    verl_versions: dict[str, Path | None],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, dict[str, Any]]:
    """Version -> `{recipe} {stage}`, `{diff} before` and `{diff} after` -> what that verl composes and accepts."""
    recipes = {**variants, **cpu_recipes, "gpu_check": gpu_check}
    commands = {f"{recipe} {stage}": argv for recipe, found in recipes.items() for stage, argv in found.items()}
    for name, script in DIFFS.items():
        folder = tmp_path_factory.mktemp(name)
        shutil.copy(EXTEND / script, folder)
        for when in ("before", "after"):
            if when == "after":
                subprocess.run(["git", "apply", EXTEND / f"{name}.diff"], cwd=folder, check=True)
            (commands[f"{name} {when}"],) = asked(folder / script, HOME="/home/user", TRAIN_FILE="")
    return compose_all(verl_versions, commands)
