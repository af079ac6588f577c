"""Run folders that the tests of the report share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.report.run_folders import write_run


@pytest.fixture(scope="package")
def finished(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "quickstart")


@pytest.fixture(scope="package")
def small(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("small") / "quickstart", problems=6, rl_steps=4, evaluated=5)


@pytest.fixture
def run(small: Path, tmp_path: Path) -> Path:
    return shutil.copytree(small, tmp_path / "quickstart")
