"""The whole schedule on stock verl with its vLLM engine, reduced: from problems to the report, killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from checks import checks, figures

from tests.e2e.listening import Listening
from tests.quickstart_files import QUICKSTART, ROOT, write_problem_sets

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

REDUCED = (
    "problems.train_limit=40",
    "problems.heldout_limit=8",
    "sample.attempts=2",
    "guide.rollouts=2",
    "guide.control_share=1.0",
    "sft.epochs=1",
    "sft.batch_size=2",
    "rl.total_steps=2",
    "rl.prompts_per_step=4",
    "rl.mini_batch=4",
    "rl.rollouts=4",
    "rl.save_freq=1",
    # RL's trainer validates its last model, which counts; base and SFT's are drawn through the engine.
    "rl.val_samples=2",
    "rl.val_before_train=false",
    "eval.samples=2",
    "eval.hard_limit=4",
    "baseline.rl=false",
    # The old log-probabilities are computed anew, so that the trainer compares them with the rollout's.
    'rl.overrides=["algorithm.rollout_correction.bypass_mode=false"]',
)


TCP_STORES = {"pt_elastic", "ray::WorkerDict", "ray::Checkpoint", "VLLM::EngineCor"}
"""Names, as Linux cuts them, of programs with a torch.distributed.TCPStore, which knows no address but all; the last
with vLLM 0.24, whose engine has its worker in its own process."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schedule")
    write_problem_sets(folder, train=40, heldout=8)
    return folder


def command(folder: Path) -> list[str]:
    places = (
        f"run.dir={folder / 'run'}",
        f"problems.train={folder / 'train.jsonl'}",
        f"problems.heldout={folder / 'heldout.jsonl'}",
    )
    config = str(QUICKSTART / "quickstart.yaml")
    return [sys.executable, "-m", "int_verl.cli", "run", "--config", config, *places, *REDUCED]


def programs(sockets: set[tuple[str, str]]) -> set[str]:
    """Names without the method that an actor of Ray's is at, ``ray::Class.method``, and cut as Linux cuts them.

    The rest of a name is in the command line, which Ray writes anew while psutil reads it.
    """
    return {program.partition(".")[0][:15] for program, _ in sockets}


def manifest(folder: Path, stage: str) -> dict[str, object]:
    file = folder / "run" / stage / "manifest.json"
    return dict(json.loads(file.read_text())) if file.is_file() else {}


def test_killed_in_sft_and_started_again_it_ends_with_the_report(folder: Path) -> None:
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / "first.log").open("w") as log:
        process = subprocess.Popen(command(folder), cwd=ROOT, env=env, stdout=log, stderr=log)
        with Listening(process.pid) as generating:
            while process.poll() is None and manifest(folder, "sft").get("status") != "running":
                time.sleep(0.2)
            time.sleep(5)
        killed = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert killed, (folder / "first.log").read_text()
    generated = (folder / "run/guide/sft.parquet").read_bytes()
    assert manifest(folder, "guide")["status"] == "done"

    resumed = subprocess.Popen(command(folder), cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    with Listening(resumed.pid) as training:
        said, _ = resumed.communicate()
    assert resumed.returncode == 0, said
    for stage in ("sample", "propose", "guide"):
        assert f"✓ {stage}: done" in said
    assert "sft: train on prefix + intervention (stock verl.trainer.sft_trainer) (was interrupted" in said
    assert (folder / "run/guide/sft.parquet").read_bytes() == generated
    for listening in (generating, training):
        assert {"gcs_server", "raylet", "ray::vLLMHttpSe"} <= programs(listening.seen)
        assert programs(listening.beyond_loopback) <= TCP_STORES, "docs/security.md says what listens beyond loopback"


def test_every_stage_left_what_it_should(folder: Path) -> None:
    run = folder / "run"
    for stage in ("sample", "propose", "guide", "sft", "ending", "rl", "eval", "report"):
        assert manifest(folder, stage)["status"] == "done"
    assert pq.read_metadata(run / "sample/attempts.parquet").num_rows == 80
    guided = pq.read_table(run / "guide/guided.parquet").to_pylist()
    assert {row["condition"] for row in guided} == {"intervention", "wrong_step", "prefix"}
    assert all(row["finish_reason"] in ("stop", "length") for row in guided)
    assert (run / "report.html").stat().st_size > 10_000


def test_the_checks_for_a_gpu_pass_on_the_cpu(folder: Path) -> None:
    """Weights changed and finite, tokenizer kept, SFT's loss fell, rollout and actor agree in every step."""
    found = {check.name: check for check in checks(folder / "run", QUICKSTART / "model", "cpu")}
    assert len(found) == 6
    assert [check for check in found.values() if not check.ok] == []
    assert figures(folder / "run")["generation"].endswith("start of the engine included")


def test_rollout_and_actor_are_compared_in_every_step(folder: Path) -> None:
    metrics = [json.loads(line)["data"] for line in (folder / "run/rl/metrics.jsonl").read_text().splitlines()]
    assert sum("training/rollout_probs_diff_mean" in row for row in metrics) == 2


def test_the_answers_of_both_models_were_drawn_and_looked_at(folder: Path) -> None:
    """With vLLM's own weights and tokens: the base's while the generator's servers were there, then SFT's model's."""
    rows = pq.read_table(folder / "run/ending/answers.parquet").to_pylist()
    assert [row["when"] for row in rows] == ["before"] * 32 + ["after"] * 32
    assert all(row["finish_reason"] in ("stop", "length") and row["fault"] is None for row in rows)
    assert len({row["model_revision"] for row in rows}) == 2
    asked = [row for row in rows if row["end_before"] is not None]
    assert asked
    assert all(row["correct"] and 0.9 < row["end_before"] <= 1 and 0 < row["end_after"] <= 1 for row in asked)


def test_scores_are_complete(folder: Path) -> None:
    scores = pq.read_table(folder / "run/eval/scores.parquet").to_pylist()
    sizes = {"heldout": 8, "hard": 4}
    for model in ("base", "InT SFT", "InT SFT + RL"):
        for problem_set, size in sizes.items():
            rows = [row for row in scores if (row["model"], row["problem_set"]) == (model, problem_set)]
            assert len(rows) == size
            assert all(row["samples"] == 2 and 0 <= row["correct"] <= 2 for row in rows)


def test_a_finished_run_is_passed_over(folder: Path) -> None:
    done = subprocess.run(command(folder), cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.count("unchanged") == 8
    assert "▸" not in done.stdout
