"""The process in which verl's trackers are: ``python -m int_verl.trainers.tracker_process PROJECT EXPERIMENT NAME...``.

Lines of standard input, ``{"step": 3, "data": {"generator/tokens": 90412}}``, go to every tracker until the input ends,
as it does when the process at its other end is gone. Standard output has a line for each tracker that failed, which is
told nothing more. Trackers import much, print, wait for networks and start processes: none of it in the process that
draws.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def main() -> None:
    project, experiment, *names = sys.argv[1:]
    records, faults = os.fdopen(_taken(0), "rb"), os.fdopen(_taken(1), "wb")
    from verl.utils.tracking import Tracking

    config = {"trainer": {"project_name": project, "experiment_name": experiment, "logger": names}}
    trackers: dict[str, Tracking] = {}

    def attempt(name: str, what: Callable[..., object], *given: object) -> None:
        try:
            what(*given)
        except Exception as error:
            traceback.print_exc()
            _say(faults, f"trainer.logger: {name} is told nothing more: {type(error).__name__}: {error}")
            trackers.pop(name, None)

    def start(name: str) -> None:
        trackers[name] = Tracking(project, experiment, name, config)

    for name in names:
        attempt(name, start, name)
    for line in records:
        record = json.loads(line)
        for name, tracker in list(trackers.items()):
            attempt(name, tracker.log, record["data"], record["step"])
    for name, tracker in list(trackers.items()):
        attempt(name, tracker.finish)


def _taken(stream: int) -> int:
    """A standard stream for this module alone: what anybody reads is empty, what anybody prints goes to the log."""
    taken = os.dup(stream)
    if stream == 0:
        with Path(os.devnull).open("rb") as empty:
            os.dup2(empty.fileno(), 0)
    else:
        os.dup2(2, stream)
    return taken


def _say(faults: BinaryIO, sentence: str) -> None:
    faults.write(" ".join(sentence.split())[:300].encode(errors="replace") + b"\n")
    faults.flush()


if __name__ == "__main__":
    main()
