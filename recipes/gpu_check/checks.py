"""What a finished run must have left, and the figures that are worth writing down."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from int_verl.doctor import Check
from int_verl.errors import UserError
from int_verl.trainers.checkpoint import check_model

STAGES = ("sample", "propose", "guide", "sft", "ending", "rl", "eval", "report")
# Mean difference of a token's probability: equal arithmetic on a CPU, bfloat16 in two implementations on a GPU.
AGREEMENT = {"cpu": 1e-6, "gpu": 2e-2}

NOTHING_REPLACED = """
import sys, verl
from verl.plugin.platform import get_platform
print(get_platform().device_name, "int_verl.plugin" in sys.modules, "int_verl.cpu.shims" in sys.modules)
"""


def checks(folder: Path, base: Path, platform: str, agreement: float | None = None) -> list[Check]:
    """All checks of a run's folder.

    Args:
        base: the model that it began with.
        agreement: by how much rollout and actor may differ in the mean; None: `AGREEMENT`, for the tiny model on a CPU.
    """
    sft, rl = folder / "sft/model.txt", folder / "rl/model.txt"
    return [
        _all_stages(folder),
        _plugin(platform),
        _tried("SFT changed the weights", lambda: check_model(_named(sft), base)),
        _tried("RL changed the weights", lambda: check_model(_named(rl), _named(sft))),
        _loss_fell(folder),
        _agreement(folder, agreement or AGREEMENT[platform]),
    ]


def _all_stages(folder: Path) -> Check:
    missing = [stage for stage in STAGES if _manifest(folder, stage).get("status") != "done"]
    return Check(
        "all stages are done",
        not missing,
        f"not done: {', '.join(missing)}" if missing else f"{len(STAGES)} of {len(STAGES)}",
    )


def _plugin(platform: str) -> Check:
    """On a GPU verl chooses its own platform, the plugin is loaded, and none of the CPU's shims is."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", NOTHING_REPLACED], capture_output=True, text=True)
    said = done.stdout.split()[-3:]
    wanted = ["cpu", "True", "True"] if platform == "cpu" else ["cuda", "True", "False"]
    what = f"verl's platform, plugin loaded, CPU shims applied: {', '.join(said)}"
    return Check("verl is left as it is", said == wanted, what if said else done.stderr[-300:])


def _tried(name: str, check: Callable[[], None]) -> Check:
    try:
        check()
    except (UserError, OSError) as error:
        return Check(name, False, str(error))
    return Check(name, True, "all finite, the tokenizer is the base's")


def _loss_fell(folder: Path) -> Check:
    losses = [row["train/loss"] for row in _metrics(folder / "sft/metrics.jsonl") if "train/loss" in row]
    ok = len(losses) > 1 and losses[-1] < losses[0]
    return Check("SFT's loss fell", ok, f"{losses[0]:.3f} -> {losses[-1]:.3f}" if losses else "no losses")


def _agreement(folder: Path, limit: float) -> Check:
    """A stale weight in the rollout engine makes noise without an error."""
    name = "training/rollout_probs_diff_mean"
    found = [row[name] for row in _metrics(folder / "rl/metrics.jsonl") if name in row]
    ok = bool(found) and max(found) < limit
    detail = f"largest mean difference {max(found):.1e}, allowed {limit:.0e}" if found else f"{name} is not logged"
    return Check("rollout and actor agree", ok, detail)


def figures(folder: Path) -> dict[str, str]:
    """What is worth writing down, by name."""
    shown = {}
    requests = _manifest(folder, "guide").get("counts", {}).get("requests")
    if requests and requests["drawn"]:
        rate = requests["drawn_tokens"] / requests["seconds"]
        shown["generation"] = f"{requests['drawn']:,} requests, {rate:,.0f} tokens/s, start of the engine included"
    # What is sampled, proposed and guided in one stream is timed where the stream is asked for.
    taken = {stage: _manifest(folder, stage).get("seconds", 0) for stage in STAGES}
    shown |= {f"{stage}, seconds": f"{seconds:.0f}" for stage, seconds in taken.items() if seconds >= 1}
    rl = _metrics(folder / "rl/metrics.jsonl")
    for name, key in (("RL step, seconds, median", "timing_s/step"), ("RL reward, mean", "critic/rewards/mean")):
        values = [row[key] for row in rl if key in row]
        if values:
            shown[name] = f"{statistics.median(values) if 'median' in name else statistics.mean(values):.3g}"
    peaks = [row[key] for row in rl for key in row if key.endswith("max_memory_allocated_gb")]
    if peaks:
        shown["trainer's peak memory, GB"] = f"{max(peaks):.2f}"
    return shown


def _named(file: Path) -> Path:
    return Path(file.read_text().strip())


def _manifest(folder: Path, stage: str) -> dict[str, Any]:
    file = folder / stage / "manifest.json"
    return dict(json.loads(file.read_text())) if file.is_file() else {}


def _metrics(file: Path) -> list[dict[str, Any]]:
    lines = file.read_text().splitlines() if file.is_file() else []
    return [json.loads(line)["data"] for line in lines]
