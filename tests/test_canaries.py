"""Secrets planted wherever settings may hold one are in nothing that a run writes, prints or uploads."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pyarrow.parquet as pq
import pytest
import yaml

from int_verl.cli import main
from int_verl.run_files import CARD
from tests.hub import Hub
from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets
from tests.report.pages import Page, rows_of

ENVIRONMENT = {
    "JUDGE_TOKEN": "canary-environment-token",
    "JUDGE_NAME": "canary-environment-name",
    "SERVERS_API_KEY": "canary-api-key-env",
    "SERVERS_PASSWORD": "canary-environment-password",
    "TRAINER_KEY": "canary-environment-trainer",
}
RECIPE = {
    "engine": {
        "base_urls": [
            "http://canary-user:canary-password@node1:8000/v1?token=canary-query",
            "http://me:${oc.env:SERVERS_PASSWORD}@node2:8000/v1",
        ],
    },
    "proposer": {"engine": {"base_urls": ["http://u:canary-proposer@n:1/v1"], "api_key_env": "SERVERS_API_KEY"}},
    "model": {"path": "${oc.env:MODELS}/model"},
    "problems": {"train": "${oc.env:PROBLEM_SETS}/train.jsonl", "heldout": "${oc.env:PROBLEM_SETS}/heldout.jsonl"},
    "grader": {
        "reward_name": "compute_score",
        "reward_kwargs": {
            "judge_key": "canary-judge-key",
            "judge_url": "https://canary-judge-user:canary-judge-password@judge/v1?token=canary-judge-query#x",
            "api_key": "canary-kwargs-api-key",
            "token": "canary-kwargs-token",
            "anything": "canary-kwargs-of-no-telling-name",
            "numeric_key": 40404040404,
            "headers": {"Authorization": "Bearer canary-bearer", "list": ["canary-in-a-list"]},
            "from_environment": "${oc.env:JUDGE_TOKEN}",
            "mixed": "Bearer ${oc.env:JUDGE_TOKEN}",
            "model": "${oc.env:JUDGE_NAME}",
        },
    },
    "rl": {
        "overrides": [
            "+ray_kwargs.ray_init.runtime_env.env_vars.WANDB_API_KEY=canary-wandb-key",
            "+trainer.wandb_proxy=http://canary-proxy-user:canary-proxy-password@proxy:3128",
            "+nested={env_vars:{OTHER_TOKEN:canary-nested-token}}",
            "+trainer.key_of_the_environment=${oc.env:TRAINER_KEY}",
        ]
    },
    "sft": {"overrides": ["+trainer.hub_token='canary-sft-token'"]},
}
REWARD = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    if len(solution_str) % 3 == 0:
        raise ValueError(f"the judge refuses {kwargs}")
    return {"score": float(f"boxed{{{ground_truth}}}" in solution_str)}
"""


def call(*arguments: object, **environment: str) -> str:
    """What a command prints that ends well."""
    printed = io.StringIO()
    with (
        patch.dict(os.environ, {**ENVIRONMENT, **environment}),
        redirect_stdout(printed),
        redirect_stderr(printed),
        pytest.raises(SystemExit) as done,
    ):
        main([*map(str, arguments)])
    assert not done.value.code, printed.getvalue()
    return printed.getvalue()


def settings(folder: Path) -> list[object]:
    own = ["platform=cpu", "engine.name=scripted", f"engine.script={SCRIPT}:script", "guide.rollouts=2"]
    own += ["rl.prompts_per_step=4", "rl.mini_batch=4"]
    return ["--config", folder / "recipe.yaml", f"run.dir={folder / 'run'}", *own]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("canaries")
    write_problem_sets(folder, train=6, heldout=2)
    (folder / "reward.py").write_text(REWARD)
    recipe = yaml.safe_load((QUICKSTART / "quickstart.yaml").read_text().replace("${recipe_dir:}", str(QUICKSTART)))
    for section, values in RECIPE.items():
        recipe[section] = {**recipe.get(section, {}), **values}
    recipe["grader"]["reward_path"] = str(folder / "reward.py")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (folder / "canary-models").symlink_to(QUICKSTART)
    ENVIRONMENT.update(PROBLEM_SETS=str(folder), MODELS=str(folder / "canary-models"))
    return folder


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    return "\n".join(
        (
            call("guide", *settings(folder)),
            call("run", "--dry-run", *settings(folder)),
            call("report", *settings(folder)),
            call("report", f"run.dir={folder / 'run'}"),
        )
    )


def found(text: bytes | str) -> list[str]:
    """The canaries in a text."""
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    return re.findall(r".{0,30}canary-[\w-]+|40404040404", text)


def test_nothing_printed(printed: str) -> None:
    assert "the judge refuses" in printed
    assert "node1" not in printed
    assert found(printed) == []
    assert "${oc.env:TRAINER_KEY}" in printed  # the command of a dry run reads it itself


def test_no_file_of_the_run(folder: Path, printed: str) -> None:
    assert printed
    files = [file for file in (folder / "run").rglob("*") if file.is_file()]
    written = {f.name for f in files}
    assert {"config.yaml", "report.html", "report.md", "report.json", "steps.csv", "steps.png"} <= written
    assert {"journal.sqlite", "README.md", "manifest.json"} <= written
    for file in files:
        text = file.read_bytes()
        if file.suffix == ".parquet":
            text += str(pq.read_table(file).to_pylist()).encode()
        if file.name == "report.html":
            text += str(rows_of(Page(file.read_text()))).encode()
        assert found(text) == [], file


def test_the_settings_are_still_told_apart(folder: Path, printed: str) -> None:
    """What is no secret has left its name, and what is one a mark in its place."""
    assert printed
    kept = yaml.safe_load((folder / "run/config.yaml").read_text())
    assert kept["problems"]["train"] == "${oc.env:PROBLEM_SETS}/train.jsonl"
    kwargs = kept["grader"]["reward_kwargs"]
    assert kwargs["from_environment"] == "${oc.env:JUDGE_TOKEN}"
    assert kwargs["judge_key"] == "***"
    assert kwargs["anything"].startswith("*** ")
    assert kept["engine"]["base_urls"][0] == "http://***@node1:8000/v1?token=***"
    card = (folder / "run" / CARD).read_text()
    assert "reward_kwargs" not in card
    assert "| `guide.rollouts` | `2` |" in card


def test_the_report_shows_what_was_typed_without_secrets(folder: Path, printed: str) -> None:
    assert printed
    typed = json.loads((folder / "run/report.json").read_text())["commands"][0]["line"]
    assert typed.startswith("int-verl guide --config recipe.yaml run.dir=run platform=cpu")
    secret = "grader.reward_kwargs.judge_key=canary-typed"
    override = "rl.overrides=['+trainer.wandb_key=canary-typed-override']"
    call("guide", *settings(folder), secret, override, "--force")
    call("report", *settings(folder), secret, override)
    manifest = (folder / "run/guide/manifest.json").read_text()
    assert "grader.reward_kwargs.judge_key=***" in manifest
    typed = json.loads((folder / "run/report.json").read_text())["commands"][0]["line"]
    assert "grader.reward_kwargs.judge_key=... rl.overrides=..." in typed
    for file in ("guide/manifest.json", "report.json", "report.md", "report.html"):
        assert found((folder / "run" / file).read_bytes()) == []


def test_a_changed_secret_is_no_changed_setting(folder: Path, printed: str) -> None:
    assert printed
    key = "grader.reward_kwargs.judge_key=canary-another"
    same = call("guide", *settings(folder), key, JUDGE_TOKEN="canary-another-token")
    assert same.count("unchanged") == 3, same
    for changed in ("grader.reward_kwargs.anything=canary-other", "grader.reward_kwargs.numeric_key=7"):
        assert "runs again" in call("guide", "--dry-run", *settings(folder), changed)
    assert "runs again" in call("guide", "--dry-run", *settings(folder), JUDGE_NAME="canary-other-name")


def test_only_the_owner_may_read(folder: Path, printed: str) -> None:
    assert printed
    for path in (folder / "run", *(folder / "run").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_group_that_may_write_may_read(folder: Path, tmp_path: Path) -> None:
    """A umask of 002 is what people set who share their files with a group."""
    before = os.umask(0o002)
    try:
        call("sample", *settings(folder), f"run.dir={tmp_path / 'run'}")
        assert os.umask(0o002) == 0o002
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o770
    assert stat.S_IMODE((tmp_path / "run/config.yaml").stat().st_mode) == 0o660


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


def test_nothing_uploaded(folder: Path, printed: str, hub: Hub) -> None:
    assert printed
    environment = {"HF_ENDPOINT": hub.address, "HF_TOKEN": "canary-hub-token", "HF_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "int_verl.cli", "push", folder / "run", "--repo", "someone/data", "--yes"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "uploaded" in said
    assert found(said) == []
    assert any("/commit/" in request for request, _ in hub.asked)
    for _, body in hub.asked:
        assert found(body) == []
        for content in re.findall(rb'"content": ?"([A-Za-z0-9+/=]+)"', body):
            assert found(b64decode(content)) == []
