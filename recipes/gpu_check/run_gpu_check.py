"""Does the schedule run on this machine's GPU? `int-verl doctor`, then the quickstart, reduced, then what it left.

    python recipes/gpu_check/run_gpu_check.py                  # with the Python that has int-verl[gpu]
    python recipes/gpu_check/run_gpu_check.py --only-checks    # of a run that is there
    python recipes/gpu_check/run_gpu_check.py --platform cpu   # the same on a machine without a GPU

The same command goes on after a stop. The last lines are a table to be put into docs/gpu.md; it is also in
`OUT/gpu_check.md`. Exit code 1 if a check fails.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from checks import checks, figures, markdown

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/gpu-check"))
    parser.add_argument("--platform", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--only-checks", action="store_true", help="run nothing")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings of int-verl")
    args = parser.parse_intermixed_args()
    if not args.only_checks:
        chosen = [*settings(args.out, args.platform), *args.overrides]
        int_verl("doctor", *chosen)
        sets = args.out / "problem_sets"
        subprocess.run([sys.executable, QUICKSTART / "make_problems.py", "--out", sets], check=True)
        int_verl("run", *chosen)
    found = checks(args.out, QUICKSTART / "model", args.platform)
    text = markdown(found, figures(args.out))
    (args.out / "gpu_check.md").write_text(text)
    print(text)
    if not all(check.ok for check in found):
        sys.exit(1)


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


if __name__ == "__main__":
    main()
