"""What the wheel carries."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.quickstart_files import ROOT

pytestmark = pytest.mark.slow


def test_the_wheel_has_one_package_with_its_data_and_the_reward_functions(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        reward = archive.read("int_verl/reward_fns/math_answer.py").decode()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"int_verl"}
    assert reward == (ROOT / "reward_fns/math_answer.py").read_text()
    data = {
        file.relative_to(ROOT).as_posix()
        for pattern in ("*.yaml", "*.jinja", "*.css", "*.js")
        for file in (ROOT / "int_verl").rglob(pattern)
    }
    assert data
    assert data <= names
