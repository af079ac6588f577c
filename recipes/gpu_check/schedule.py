"""The quickstart's schedule, reduced, on this machine: `int-verl doctor`, all seven stages, and what they left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from checks import checks, figures
from job import Job

QUICKSTART = Path(__file__).parents[1] / "quickstart"
REDUCED = (
    "problems.train_limit=200",
    "problems.heldout_limit=40",
    "rl.total_steps=10",
    "rl.save_freq=5",
    "eval.hard_limit=20",
    "baseline.rl=false",
)
# sdpa: the check needs no flash-attn. The tiny model shares its GPU with whatever else is there.
GPU = (
    "engine.gpu_memory_utilization=0.3",
    "sft.overrides=['+model.override_config.attn_implementation=sdpa']",
    "rl.overrides=['actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum',"
    "'+actor_rollout_ref.model.override_config.attn_implementation=sdpa',"
    "'actor_rollout_ref.rollout.gpu_memory_utilization=0.3','actor_rollout_ref.rollout.calculate_log_probs=true']",
)
# The old log-probabilities are computed anew, so that the trainer compares them with the rollout's.
CPU = (
    "rl.overrides=['actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum',"
    "'algorithm.rollout_correction.bypass_mode=false']",
)


def measure(job: Job) -> None:
    """Goes on where an earlier try stopped."""
    sets = job.home / "problem_sets"
    subprocess.run([sys.executable, QUICKSTART / "make_problems.py", "--out", sets], check=True)
    chosen = [*settings(job.home, job.platform), *job.overrides]
    int_verl("doctor", *chosen)
    int_verl("run", *chosen)
    job.check(*checks(job.home, QUICKSTART / "model", job.platform))
    job.figure(**figures(job.home))


def settings(out: Path, platform: str) -> list[str]:
    """The arguments of `int-verl run`."""
    places = [f"run.dir={out}", f"problems.train={out}/problem_sets/train.jsonl"]
    places += [f"problems.heldout={out}/problem_sets/heldout.jsonl", f"platform={platform}"]
    config = ["--config", str(QUICKSTART / "quickstart.yaml")]
    return [*config, *places, *REDUCED, *(GPU if platform == "gpu" else CPU)]


def int_verl(*arguments: str) -> None:
    """Raises SystemExit where it fails; its message is on the screen."""
    done = subprocess.run([sys.executable, "-m", "int_verl.cli", *arguments], env=os.environ | {"COLUMNS": "120"})
    if done.returncode:
        sys.exit(done.returncode)
