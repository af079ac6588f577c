"""The workflows and templates of the repository are what GitHub reads, and call what there is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.quickstart_files import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_runs_what_is_there(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert set(workflow) >= {"name", True, "jobs"}, "YAML reads `on` as true"
    assert workflow["permissions"] == {"contents": "read"}, "more is asked for by the job that needs it"
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"]
        assert set(job.get("needs", "").split()) <= set(workflow["jobs"])
    for step in steps(workflow):
        assert ("run" in step) != ("uses" in step)
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[\w./-]+", step["uses"])
            continue
        done = subprocess.run(["bash", "-n"], input=step["run"], text=True, capture_output=True)
        assert not done.returncode, done.stderr
        for target in re.findall(r"\bmake ([\w-]+)", step["run"]):
            assert target in TARGETS
        for script in re.findall(r"(?<!\S)\.ci/\S+", step["run"]):
            assert (ROOT / script).is_file()


def test_ci_runs_on_every_python_that_is_pinned() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
    assert [step["run"] for step in steps(workflow) if "run" in step] == [".ci/run"]


@pytest.mark.parametrize("name", ["bug", "question", "feature"])
def test_a_form_asks_with_an_id(name: str) -> None:
    form = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{name}.yml").read_text())
    assert form["name"]
    assert form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(ids) == len(set(ids))
    assert any(field.get("validations", {}).get("required") for field in form["body"])
    if name == "bug":
        assert "int-verl doctor --json" in str(form)


def test_pre_commit_has_what_ci_looks_for() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert lint is not None
    tools = [line.split(" -m ")[1].split(" --")[0].removesuffix(" .") for line in lint[1].strip().split("\n")]
    assert [hook["entry"].split(" -m ")[1].split(" --")[0] for hook in hooks] == tools
