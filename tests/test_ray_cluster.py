"""The Ray that a run would join: there, gone, or somebody else's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from int_verl.doctor import _ray
from int_verl.errors import UserError
from int_verl.ray_cluster import _answers, check_cluster, joins_a_cluster
from int_verl.run.run import Run
from int_verl.settings.compose import compose
from int_verl.stages.assemble import Stages, schedule_of
from tests.quickstart_files import QUICKSTART, write_problem_sets
from tests.supervision.families import processes_with, wait_for


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where Ray of this test would keep its files; Ray's sockets need a short path."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield Path(folder)


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def silent() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def write(home: Path, address: str) -> Path:
    file = home / "ray" / "ray_current_cluster"
    file.parent.mkdir(exist_ok=True)
    file.write_text(address)
    return file


def test_without_a_cluster_there_is_nothing_to_say(home: Path, monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    check_cluster()
    assert not joins_a_cluster()
    write(home, silent)
    monkeypatch.setenv("RAY_ADDRESS", "local")
    check_cluster()
    assert not joins_a_cluster()


def test_a_cluster_that_answers_is_joined(home: Path, monkeypatch: pytest.MonkeyPatch, listening: str) -> None:
    write(home, f"{listening}\n")
    for said in ("", "auto", listening, f"ray://{listening}", "anyscale://somewhere"):
        monkeypatch.setenv("RAY_ADDRESS", said)
        check_cluster()
        assert joins_a_cluster()


def test_a_stale_file_is_named(home: Path, silent: str) -> None:
    for address, named in ((silent, silent), ("", r"\(nothing\)"), ("no address", "no address")):
        file = write(home, address)
        with pytest.raises(UserError, match=f"^{file}: no Ray answers at {named}, .*remove the file, or set RAY_ADDR"):
            check_cluster()
    check = _ray()
    assert (check.ok, check.remedy) == (False, "remove the file, or set RAY_ADDRESS=local for a new Ray")


@pytest.mark.parametrize("form", ["{}", "ray://{}", "no-such-host.invalid:6379", "127.0.0.1", "127.0.0.1:port"])
def test_an_address_in_the_environment_that_does_not_answer_is_named(
    form: str, home: Path, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    del home
    said = form.format(silent)
    monkeypatch.setenv("RAY_ADDRESS", said)
    with pytest.raises(UserError, match=f"^RAY_ADDRESS={said}: no Ray answers there; start it, or set RAY_ADDRESS=lo"):
        check_cluster()


def test_a_colleagues_cluster_is_named_and_joined_only_on_purpose(
    home: Path, monkeypatch: pytest.MonkeyPatch, listening: str
) -> None:
    file, ours = write(home, listening), os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: ours + 1)
    with pytest.raises(UserError, match=rf"^{file}: the Ray at {listening} is \w+'s; .* RAY_ADDRESS={listening} to jo"):
        check_cluster()
    for said in ("local", listening):
        monkeypatch.setenv("RAY_ADDRESS", said)
        check_cluster()


AS_NOBODY = """
import os
from int_verl.ray_cluster import check_cluster
os.setuid(65534)
check_cluster()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("mode", "of_file", "said"),
    [
        (0o700, None, "Ray cannot write there; set RAY_TMPDIR"),
        (0o755, None, "Ray cannot write there; set RAY_TMPDIR"),
        (0o777, 0o600, "cannot be read; set RAY_ADDRESS=local"),
    ],
)
def test_files_of_a_colleague(mode: int, of_file: int | None, said: str, home: Path, silent: str) -> None:
    if of_file is not None:
        write(home, silent).chmod(of_file)
    (home / "ray").mkdir(exist_ok=True)
    (home / "ray").chmod(mode)
    home.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", AS_NOBODY], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"int_verl.errors.UserError: {home}/ray")
    assert said in last


def test_a_run_is_refused_before_anything_begins(home: Path, silent: str, tmp_path: Path) -> None:
    file = write(home, silent)
    write_problem_sets(tmp_path, 4, 2)
    sets = [f"problems.{split}={tmp_path / split}.jsonl" for split in ("train", "heldout")]

    def run(setting: str) -> Run:
        config = compose(QUICKSTART / "quickstart.yaml", [*sets, f"run.dir={tmp_path / 'run'}", setting])
        return Run(config, Console(quiet=True))

    for engine in ("verl", "scripted"):  # RL joins it, whatever draws before
        with pytest.raises(UserError, match=str(file)):
            schedule_of(run(f"engine.name={engine}"), "rl").execute()
    assert not (tmp_path / "run" / "sample").exists()
    Stages(run('rl.overrides=["+ray_kwargs.ray_init.address=node1:6379"]')).rl.check_host()  # it says which


def test_stages_say_which_they_use(home: Path, monkeypatch: pytest.MonkeyPatch, listening: str, tmp_path: Path) -> None:
    write_problem_sets(tmp_path, 4, 2)
    sets = [f"problems.{split}={tmp_path / split}.jsonl" for split in ("train", "heldout")]

    def stages(engine: str) -> Stages:
        config = compose(QUICKSTART / "quickstart.yaml", [*sets, f"run.dir={tmp_path}", f"engine.name={engine}"])
        return Stages(Run(config, Console(quiet=True)))

    assert stages("scripted").sample.which_ray() is None
    assert stages("verl").sample.which_ray() == stages("scripted").rl.which_ray() == "starts one of its own"
    file = write(home, listening)
    assert stages("verl").guide.which_ray() == f"joins that at {listening} ({file})"
    monkeypatch.setenv("RAY_ADDRESS", listening)
    assert stages("verl").rl.which_ray() == f"joins that at {listening} (RAY_ADDRESS)"
    monkeypatch.setenv("RAY_ADDRESS", "local")
    with pytest.raises(UserError, match=r"^engine.nnodes=2: no Ray to join"):
        check_cluster(2)


@pytest.mark.verl
@pytest.mark.timeout(120)
def test_a_head_that_is_killed_leaves_a_stale_file(home: Path) -> None:
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    head = [*ray, "start", "--head", "--port=0", "--num-cpus=1", "--include-dashboard=false", "--disable-usage-stats"]
    subprocess.run(head, check=True, capture_output=True, env={**os.environ, "RAY_AUTH_MODE": "disabled"})
    check_cluster()
    assert joins_a_cluster()
    check = _ray()
    assert check.ok
    assert check.detail.endswith("ray_current_cluster): 1 node, 1 processors, 0 GPUs")
    for pid in processes_with(str(home)):
        os.kill(pid, signal.SIGKILL)
    address = (home / "ray" / "ray_current_cluster").read_text()
    assert wait_for(lambda: not _answers(address))
    with pytest.raises(UserError, match="ray_current_cluster: no Ray answers at"):
        check_cluster()


@pytest.mark.parametrize(("said", "by_uv"), [(None, "False"), ("1", "True")])
def test_rays_workers_run_in_the_commands_own_environment(said: str | None, by_uv: str) -> None:
    """Also below `uv run`, of which Ray would start every worker anew; unless the user wants it so."""
    code = "import contextlib; from int_verl.cli import main\n"
    code += "with contextlib.suppress(SystemExit): main(['--version'])\n"
    code += "from ray._private.ray_constants import RAY_ENABLE_UV_RUN_RUNTIME_ENV as by_uv; print(by_uv)"
    env = {key: value for key, value in os.environ.items() if key != "RAY_ENABLE_UV_RUN_RUNTIME_ENV"}
    env |= {"RAY_ENABLE_UV_RUN_RUNTIME_ENV": said} if said else {}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    assert done.stdout.split()[-1] == by_uv
