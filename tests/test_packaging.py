"""What wheel and sdist carry, and what a wheel does where nothing but the light dependencies is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from int_verl import __version__
from tests.quickstart_files import QUICKSTART, ROOT, write_problem_sets


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_the_wheel_has_one_package_with_its_data_and_the_reward_functions(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name.split("-")[1] == __version__
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        reward = archive.read("int_verl/reward_fns/math_answer.py").decode()
        pinned = archive.read("int_verl/config/pins/cpu.txt").decode()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"int_verl"}
    assert reward == (ROOT / "reward_fns/math_answer.py").read_text()
    assert pinned == (ROOT / "requirements/cpu.txt").read_text()
    data = {
        file.relative_to(ROOT).as_posix()
        for pattern in ("*.yaml", "*.jinja", "*.css", "*.js")
        for file in (ROOT / "int_verl").rglob(pattern)
    }
    assert data
    assert data <= names


@pytest.mark.slow
def test_the_sdist_has_what_builds_and_tests_it(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "Makefile",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "mkdocs.yml",
        "docker/Dockerfile.cpu",
    } <= names
    assert {"int_verl/reward_fns/math_answer.py", "int_verl/config/pins/gpu.txt", "requirements/cpu.txt"} <= names
    assert {name.split("/")[0] for name in names} >= {"int_verl", "recipes", "tests", "docs", "benchmarks"}


def test_the_version_is_said_in_one_place() -> None:
    assert re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.M)[1] == __version__  # type: ignore[index]
    assert "version =" not in (ROOT / "pyproject.toml").read_text().partition("[project]")[2].partition("[project.")[0]


def _light() -> set[str]:
    """The distributions that the wheel's own dependencies bring with them, and no extra."""
    asked, found = ["int-verl"], set[str]()
    while asked:
        name = asked.pop()
        for line in metadata.requires(name) or ():
            need = Requirement(line)
            extras = {"antlr4_9_3"} if name == "math-verify" else {""}
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras):
                normal = re.sub(r"[-_.]+", "-", need.name).lower()
                if normal not in found and _is_here(need.name):
                    found.add(normal)
                    asked.append(need.name)
    return found


def _is_here(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


@pytest.fixture(scope="module")
def empty(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with the wheel and its light dependencies, as links to those of this environment."""
    folder = tmp_path_factory.mktemp("site")
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    for name in _light():
        for file in metadata.files(name) or ():
            top = file.parts[0]
            place = Path(str(file.locate())).parents[len(file.parts) - 2] if len(file.parts) > 1 else file.locate()
            if top not in ("..", "bin", "__pycache__") and not (folder / top).exists():
                (folder / top).symlink_to(place)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--version"], 0, __version__),
        (["settings", "rl"], 0, "prompts_per_step"),
        (["problems", "check", "train.jsonl"], 0, "rows"),
        (["init", "mine", "--data", "train.jsonl"], 0, "problems to train on"),
        (["install", "cpu", "--dry-run"], 0, "pins/cpu.txt"),
        (["doctor"], 2, "int_verl.cli install "),
        (["run"], 2, "transformers is not installed here"),
        (["run", "--dry-run"], 2, "is not installed"),
        (["report", "nowhere"], 2, "no run folder"),
    ],
)
def test_a_wheel_alone_answers_in_whole_sentences(
    empty: Path, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    """In a folder without a checkout, and without verl, torch and transformers."""
    write_problem_sets(tmp_path, train=60, heldout=4)
    if arguments[0] == "run":
        settings = {"model.path": QUICKSTART / "model", "problems.train": "train.jsonl", "sampling.max_tokens": 96}
        settings |= {"problems.heldout": "heldout.jsonl", "engine.context_length": 512, "platform": "cpu"}
        settings |= {"rl.max_prompt_length": 96, "rl.max_response_length": 96}
        arguments = [*arguments, *(f"{key}={value}" for key, value in settings.items())]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL"))}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _RUN, str(empty), *arguments],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr[-2000:]
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if arguments == ["doctor"]:
        assert done.stdout.count("int_verl.cli install ") == 1, "a remedy is said once"


_RUN = "import sys; sys.path.insert(0, sys.argv.pop(1)); from int_verl.cli import main; main()"
