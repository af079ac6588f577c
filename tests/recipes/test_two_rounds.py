"""Iterated InT at the level of commands: the second round starts from the first one's RL model and what it leaves
unsolved."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.quickstart_files import ROOT

# The schedule is only planned; what selects the problems of the second round runs for real, with a scripted model.
_INT_VERL = '#!/bin/sh\n[ "$1" = run ] && set -- "$@" --dry-run\nexec "{python}" -m int_verl.cli "$@"\n'


@pytest.mark.slow
def test_the_second_round(environment: Mapping[str, str], tmp_path: Path) -> None:
    command = tmp_path / "int-verl"
    command.write_text(_INT_VERL.format(python=sys.executable))
    command.chmod(0o755)
    first = tmp_path / "first"
    (first / "rl").mkdir(parents=True)
    trained = shutil.copytree(environment["MODEL_PATH"], tmp_path / "trained")
    (first / "rl" / "model.txt").write_text(f"{trained}\n")
    env = {**os.environ, **environment, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "1000"}
    env |= {"RUN_DIR": str(first), "ATTEMPTS": "2"}
    script = [f"engine.script={ROOT}/tests/mod23_script.py:script", "engine.name=scripted", "platform=cpu"]
    script += ["engine.context_length=512", "sampling.max_tokens=96"]
    script += ["rl.max_response_length=96", "rl.max_prompt_length=96", "rl.prompts_per_step=2", "rl.mini_batch=2"]
    script += ["sft.batch_size=2", *(f"{section}.gpus_per_node=1" for section in ("engine", "sft", "rl"))]
    script += [f"prompts.{name}={ROOT}/recipes/quickstart/prompts/{name}.jinja" for name in ("solve", "verify")]
    ran = subprocess.run(
        ["bash", ROOT / "recipes/int_qwen3_4b/run_qwen3_4b_vllm_two_rounds.sh", *script, "propose.two_turns=false"],
        env=env,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    lines = [line.removeprefix("+ ").removeprefix("exec ") for line in ran.stderr.splitlines() if line.startswith("+ ")]
    calls = [shlex.split(line) for line in lines if line.startswith("int-verl ")]
    assert [call[1] for call in calls] == ["run", "sample", "problems", "run"]
    one, samples, _, two = calls
    assert f"run.dir={first}" in one
    assert f"model.path={environment['MODEL_PATH']}" in one
    assert f"run.dir={first}-unsolved" in samples
    for call in (samples, two):
        assert f"model.path={trained}" in call
    unsolved = Path(f"{first}-unsolved/unsolved.parquet")
    assert f"problems.train={unsolved}" in two
    assert f"run.dir={first}-round2" in two

    attempts = pq.read_table(f"{first}-unsolved/sample/attempts.parquet").to_pylist()
    solved = {row["problem_id"] for row in attempts if row["correct"]}
    everything = {row["problem_id"] for row in attempts}
    assert 0 < len(solved) < len(everything)
    assert set(pq.read_table(unsolved)["id"].to_pylist()) == everything - solved
    assert f"{len(everything - solved)} problems x 4 attempts" in ran.stdout  # the second plan
