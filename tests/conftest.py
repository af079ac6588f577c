"""What all tests share: import paths, tiny models, a small generated run, hypothesis' profile."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure, and CI sees the same examples every time.
settings.register_profile("int_verl", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("int_verl")

TESTS = Path(__file__).parent
_IMPORTED_FROM = ("recipes/quickstart", "recipes/gpu_check", "recipes/gpu_check/carry", "requirements")
for folder in (str(TESTS.parent / name) for name in _IMPORTED_FROM):
    if folder not in sys.path:
        sys.path.insert(0, folder)

from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets  # noqa: E402 - from the path above
from tests.tiny_models import make_model  # noqa: E402, F401 - a fixture


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))


@pytest.fixture(autouse=True)
def _nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test hides is shown to the next."""
    monkeypatch.setattr("int_verl.redaction._hidden", {})


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The quickstart's tiny model."""
    return QUICKSTART / "model"


@pytest.fixture(scope="session")
def codec(model_folder: Path):  # type: ignore[no-untyped-def]
    from int_verl.generate.chat import ChatCodec

    return ChatCodec(model_folder)


@pytest.fixture(scope="session")
def problem_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("problem_sets")
    write_problem_sets(folder, 16, 8)
    return folder


@pytest.fixture(scope="session")
def generated(problem_sets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real run of the generator, with a scripted model."""
    from int_verl.cli import cli

    run = tmp_path_factory.mktemp("run")
    settings = {
        "engine.name": "scripted",
        "engine.script": f"{SCRIPT}:script",
        "problems.train": problem_sets / "train.jsonl",
        "problems.heldout": problem_sets / "heldout.jsonl",
        "run.dir": run,
    }
    overrides = [f"{key}={value}" for key, value in settings.items()]
    cli.main(["guide", "--config", str(QUICKSTART / "quickstart.yaml"), *overrides], standalone_mode=False)
    return run
