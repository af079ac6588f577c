"""What is carried to a host without internet: which wheels, in which pieces, and how they are installed there."""

from __future__ import annotations

import random
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import install
import pieces
import prepare
import pytest
from collect import lacking
from omegaconf import OmegaConf
from pins import normal

from tests.quickstart_files import ROOT

HOST = OmegaConf.to_container(OmegaConf.load(prepare.HERE / "host.yaml"))
LOCK = (ROOT / "requirements" / "gpu.txt").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of 0 to some thousand bytes."""
    rng = random.Random(0)
    (tmp_path / "files").mkdir()
    for size in (0, 1, 5_000, 20_000, 3_333):
        (tmp_path / "files" / f"{size}.bin").write_bytes(rng.randbytes(size))
    return tmp_path / "files"


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("size", [100, 4_096, 10_240, 1_000_000])
def test_what_is_split_is_joined(folder: Path, tmp_path: Path, size: int) -> None:
    found = pieces.split(folder, tmp_path / "pieces", size)
    assert [piece.stat().st_size for piece in found[:-1]] == [size] * (len(found) - 1)
    pieces.join(tmp_path / "pieces", tmp_path / "back")
    assert content(tmp_path / "back") == content(folder)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, pieces.__file__, *map(str, arguments)], capture_output=True, text=True)


def test_missing_and_damaged_pieces_are_named_and_nothing_is_written(folder: Path, tmp_path: Path) -> None:
    """Carried one by one, each with the list; what is damaged on its way, or later, is carried again."""
    found = pieces.split(folder, tmp_path / "pieces", 7_000)
    store, back = tmp_path / "store", tmp_path / "back"
    assert len(found) > 4
    for piece in found:
        call = tmp_path / piece.name
        call.mkdir()
        (call / piece.name).write_bytes(piece.read_bytes())
        (call / pieces.LIST).write_bytes((tmp_path / "pieces" / pieces.LIST).read_bytes())
    for number in (0, 1, 3, 4):
        assert run("receive", tmp_path / found[number].name, store).returncode == 0
    damaged = tmp_path / found[2].name / found[2].name
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1] + b"?")
    assert run("receive", damaged.parent, store).stderr == f"{damaged} is damaged; carry it again\n"
    (store / "piece-003").write_bytes(b"")
    joined = run("join", store, back)
    assert joined.returncode == 2
    lines = [f"{store}/{found[number].name} is missing; carry it" for number in (2, *range(5, len(found)))]
    assert joined.stderr.splitlines() == [*lines, f"{store}/piece-003 is damaged; carry it again"]
    assert not back.exists()
    damaged.write_bytes(whole)
    for piece in found:
        assert run("receive", tmp_path / piece.name, store).returncode == 0
    assert run("join", store, back).returncode == 0
    assert content(back) == content(folder)


def test_the_lock_is_carried_but_for_what_is_there_or_not_needed() -> None:
    wanted = lacking(LOCK, HOST)
    assert {"verl", "vllm", "ray", "transformers", "tokenizers", "tensordict", "flashinfer-python"} <= set(wanted)
    assert not {"torch", "triton", "numpy", "flashinfer-cubin", "tilelang"} & set(wanted)
    assert not [name for name in wanted if name.startswith("nvidia-")]


def test_nothing_is_left_out_that_the_lock_has_not() -> None:
    whole = set(lacking(LOCK, {"there": {}, "left_out": {}}))
    for pattern in HOST["left_out"]:
        rest = set(lacking(LOCK, {"there": {}, "left_out": {pattern: ""}}))
        assert rest < whole, f"{pattern} of host.yaml is not in requirements/gpu.txt"
    assert {normal(name) for name in HOST["built"]} <= whole


def test_every_piece_has_a_call_and_the_last_goes_on_to_the_check(folder: Path, tmp_path: Path) -> None:
    found = pieces.split(folder, tmp_path / "pieces", 7_000)
    calls = prepare.prepared(found, tmp_path, 585)
    assert len(calls) == len(found) + prepare.GO_ON
    for call in calls:
        assert len(call["command"]) <= 2_000
        assert call["timeout_s"] <= HOST["call_seconds"]
        assert subprocess.run(["bash", "-n", "-c", call["command"]]).returncode == 0
    assert [len(list(Path(call["carry"][0]).iterdir())) for call in calls[: len(found)]] == [2] * len(found)
    assert ["run_gpu_check" in call["command"] for call in calls].index(True) == len(found) - 1
    assert prepare.checkout_bytes() < HOST["call_mib"] * 2**20 / 4, "the checkout leaves little room for pieces"


def write_wheel(folder: Path, name: str, version: str) -> None:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.slow
def test_carried_wheels_win_over_what_is_there_which_stays_as_it_is(tmp_path: Path) -> None:
    """A package that the host lacks, and one that it has in another version; the rest is the host's."""
    (tmp_path / "wheels").mkdir()
    write_wheel(tmp_path / "wheels", "carried_thing", "1.0")
    write_wheel(tmp_path / "wheels", "iniconfig", "99.0")
    before = metadata.version("iniconfig")
    offline = {"PATH": "/usr/bin:/bin", "PIP_CONFIG_FILE": "/dev/null", "https_proxy": "http://127.0.0.1:9"}
    subprocess.run([sys.executable, install.__file__, tmp_path / "wheels", tmp_path / "venv"], env=offline, check=True)
    ask = "import iniconfig, carried_thing, numpy; print(iniconfig.version, carried_thing.version, numpy.__version__)"
    python = tmp_path / "venv" / "bin" / "python"
    said = subprocess.run([python, "-c", ask], env=offline, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["99.0", "1.0", metadata.version("numpy")]
    assert metadata.version("iniconfig") == before
