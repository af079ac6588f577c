"""What the recipes' scripts ask int-verl for, and the versions of verl that are supported."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

import pytest
from conftest import QUICKSTART, ROOT, write_problem_sets

VERSIONS = ("0.9.0", "0.9.1")
_RECORDER = '#!/bin/sh\n"{python}" -c \'import json, sys; print(json.dumps(sys.argv[1:]))\' "$@" >> "{log}"\n'


@pytest.fixture(scope="session")
def problem_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("problem_sets")
    write_problem_sets(folder, 16, 8)
    return folder


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
    """`asked(script, *arguments, **variables)`: the arguments of every int-verl that a script runs."""

    def run(script: str, *arguments: str, **variables: str) -> list[list[str]]:
        folder = tmp_path_factory.mktemp("asked")
        command = folder / "int-verl"
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
