"""How a run is: which of its stages are done, what the one at work says, and whether it lives; from any shell."""

from __future__ import annotations

import fcntl
import json
import time
from pathlib import Path
from typing import Any, Literal

from int_verl.run.folder import RunFolder, check_is_run
from int_verl.run_files import LOCK, STATUS

Condition = Literal["at work", "ended", "stopped", "died", "not begun"]


def condition(folder: Path, stages: tuple[str, ...]) -> dict[str, Any]:
    """What can be known of a run from its folder alone.

    Args:
        stages: the names of all stages, in their order.

    Returns:
        ``condition`` (see `Condition`), ``stages`` (those with a manifest: name, status, seconds, counts), and
        ``work``: what the stage at work, or the last one that was, said last (see `int_verl.heartbeat`), with
        ``silent``, the seconds since, and, while it is at work, ``left``, the seconds that what remains would take at
        its rate of now.

    Raises:
        UserError: the folder holds no run.
    """
    check_is_run(folder)
    manifests = [manifest for stage in stages if (manifest := RunFolder(folder).manifest(stage)) is not None]
    held = _is_held(folder / LOCK)
    work = _last_words(folder / STATUS, held)
    found: Condition
    if held:
        found = "at work"
    elif work is None:
        found = "ended" if manifests else "not begun"
    elif work["ended"] is None:
        found = "died"
    else:
        found = "ended" if work["ended"] == "done" else "stopped"
    return {
        "folder": str(folder),
        "condition": found,
        "stages": [
            {"stage": one.stage, "status": one.status, "seconds": one.seconds, "counts": one.counts}
            for one in manifests
        ],
        "work": work,
    }


def _last_words(file: Path, at_work: bool) -> dict[str, Any] | None:
    try:
        said = json.loads(file.read_bytes())
        position, total = said["position"], said["total"]
        rate = said["rates"].get("positions", {}).get("now", 0.0)
        left = (total - position) / rate if at_work and total is not None and rate else None
        return {**said, "silent": round(time.time() - said["time"], 1), "left": left and round(left)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _is_held(lock: Path) -> bool:
    """Whether a process has the folder; the lock is let go of at once where it is free."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
