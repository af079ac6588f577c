"""Runs one of verl's stock trainers as a child that cannot be left behind.

    run_trainer(launch.command(), on_step=lambda step, metrics: print(step, metrics))

When the trainer ends, when it is told to stop, or when this process dies in whatever way, nothing of it stays
(`int_verl.supervision`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from int_verl.errors import TrainerError
from int_verl.hydra_overrides import hydra_overrides
from int_verl.supervision.family import descendants
from int_verl.supervision.supervised import Supervised
from int_verl.trainers.failures import PORT_IN_USE, explain
from int_verl.trainers.growing_file import GrowingFile
from int_verl.trainers.hang import HangGuard, Patience
from int_verl.trainers.not_running import not_running
from int_verl.trainers.phases import Phase, Waiting
from int_verl.trainers.trainer_log import TrainerLog
from int_verl.trainers.verl_folder import (
    METRICS,
    checkpointed_step,
    mend_tracker,
    parse_metrics,
    set_aside_finished_epoch,
)

POLL_SECONDS = 0.25
_METRICS_FILE = "VERL_FILE_LOGGER_PATH"
"The variable in which verl's logger `file` finds its path."

OnStep = Callable[[int, dict[str, Any]], None]
'Called in this thread after each step that verl logs, with its metrics: ``on_step(3, {"train/loss": 0.4})``.'


OnWait = Callable[[str], None]
"Called in this thread with what the trainer waits for."
_STARTS = 3


@dataclass(frozen=True, slots=True)
class TrainerCommand:
    """A stock trainer, ready to run."""

    argv: list[str]
    env: dict[str, str]
    "Added to this process's environment."
    output_dir: Path
    "verl's checkpoints; also the home of the log and the metrics."
    expected_step: int
    "The stage is done when `latest_checkpointed_iteration.txt` says this."
    steps_per_epoch: int | None
    "Of a trainer that must not resume at an epoch's end, see `set_aside_finished_epoch`."
    patience: Patience
    "How long it may say nothing new."
    start_model: Path
    "The model that it trains."
    model_in_checkpoint: str
    "Where in `global_step_N` the trained model lies, in Hugging Face format."
    ask_for: str | None = None
    "The setting without which it does not resume from a checkpoint that holds more than data; None: it may."
    env_of_workers: str | None = None
    "verl's key of the environment of Ray's workers: in a Ray that runs already they have none of this process's."
    phases: tuple[Phase, ...] = ()
    "What it waits for before its first step."
    ranks: int | None = None
    "Each has a shard of verl's FSDP checkpoint; None: whatever the checkpoint has."

    @property
    def log_path(self) -> Path:
        """The trainer's standard output and error, appended to by every start."""
        return self.output_dir / "trainer.log"

    @property
    def metrics_dir(self) -> Path:
        """One jsonl of verl's `file` logger for each start: verl truncates its file when it resumes."""
        return self.output_dir / METRICS


class PortTaken(TrainerError):
    """Another process has taken the port that the trainer chose for its ranks."""


def run_trainer(command: TrainerCommand, on_step: OnStep | None = None, on_wait: OnWait | None = None) -> None:
    """Runs the command to its end; its log is appended to, its metrics go to a fresh file.

    verl looks for a free port and listens on it a moment later (verl/single_controller/base/worker.py,
    `_get_free_port`): where another process was faster, the trainer is started again, up to `_STARTS` times in all.
    A port that the environment names (`MASTER_PORT`) stays the user's affair.

    Args:
        on_wait: called again and again until the first step, with what is waited for.

    Raises:
        TrainerError: the trainer failed, hung, or ended short of `expected_step`; everything it started is gone.
        KeyboardInterrupt: passed on after a clean stop.
    """
    for _ in range(0 if "MASTER_PORT" in os.environ else _STARTS - 1):
        try:
            return _run_once(command, on_step, on_wait)
        except PortTaken:
            if on_wait is not None:
                on_wait("a start on another port: the one that verl chose is taken")
    return _run_once(command, on_step, on_wait)


def _run_once(command: TrainerCommand, on_step: OnStep | None, on_wait: OnWait | None) -> None:
    command.metrics_dir.mkdir(parents=True, exist_ok=True)
    mend_tracker(command.output_dir)
    if command.steps_per_epoch is not None:
        set_aside_finished_epoch(command.output_dir, command.steps_per_epoch)
    metrics_path = command.metrics_dir / f"{len(list(command.metrics_dir.glob('*.jsonl'))):03d}.jsonl"
    path = metrics_path.resolve()
    env = {**os.environ, **command.env, _METRICS_FILE: str(path)}
    argv = list(command.argv)
    if command.env_of_workers is not None:
        argv += hydra_overrides({f"++{command.env_of_workers}.{_METRICS_FILE}": path})
    start = command.log_path.stat().st_size if command.log_path.exists() else 0
    log = TrainerLog(command.log_path)
    with log as output:
        trainer = Supervised(argv, output, env)
    try:
        code = _watch(trainer, command, metrics_path, start, on_step, on_wait)
    except BaseException:
        trainer.stop()
        raise
    finally:
        log.wait()
    if code != 0:
        why = explain(command.log_path, start, code)
        raise (PortTaken if PORT_IN_USE in why else TrainerError)(why)
    reached = checkpointed_step(command.output_dir)
    if reached != command.expected_step:
        raise TrainerError(
            f"the trainer ended at step {reached or 0} of {command.expected_step} without an error; "
            f"see {command.log_path}"
        )


def _watch(
    trainer: Supervised,
    command: TrainerCommand,
    metrics_path: Path,
    log_start: int,
    on_step: OnStep | None,
    on_wait: OnWait | None,
) -> int:
    """Reports steps until the trainer has ended; returns its exit code."""
    metrics_file = GrowingFile(metrics_path)
    guard = HangGuard(command.patience, command.log_path, log_start, time.monotonic())
    last_step = 0
    waiting = None if on_wait is None else Waiting(command.phases, command.log_path, log_start)
    while True:
        code = trainer.poll()
        metrics_lines = metrics_file.new_lines()
        for step, metrics in parse_metrics(metrics_lines):
            waiting = None if step else waiting  # step 0 is the validation before the first
            last_step = step
            if on_step is not None:
                on_step(step, metrics)
        if code is not None:
            return code
        if waiting is not None and on_wait is not None and (phrase := waiting.look()):
            on_wait(phrase)
        hung = guard.look(time.monotonic(), bool(metrics_lines))
        if hung is not None:
            idle = "".join(f"; {each}" for each in not_running(descendants([os.getpid()])))
            raise TrainerError(
                f"after step {last_step} of {command.expected_step} {hung}{idle}; see {command.log_path}"
            )
        time.sleep(POLL_SECONDS)
