"""Runs one of verl's stock trainers as a child that cannot be left behind.

    command = plan(...)                      # int_verl.sft.launch, int_verl.rl.launch
    run(command, on_progress=lambda p: print(p.step, p.total, p.metrics))

Between this process and the trainer stands a supervisor (`python -m int_verl.trainer_process`). It is the reaper of
everything the trainer starts: torchrun's ranks, Ray's daemons and workers, vLLM's engine. When the trainer ends,
when it is told to stop, or when the process that called `run` dies in whatever way, nothing of them stays.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TRACKER = "latest_checkpointed_iteration.txt"
"verl's record of the last complete checkpoint, in the output folder."
HANG_SECONDS = 1800.0
GRACE_SECONDS = 3.0
POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class TrainerCommand:
    """A stock trainer, ready to run.

    Example: ``TrainerCommand(["torchrun", ..., "-m", "verl.trainer.sft_trainer", ...], {"OMP_NUM_THREADS": "1"},
    Path("out"), expected_step=24)``
    """

    argv: list[str]
    env: dict[str, str]
    "Added to this process's environment."
    output_dir: Path
    "verl's checkpoints; also the home of the log and the metrics."
    expected_step: int
    "The stage is done when `latest_checkpointed_iteration.txt` says this."

    @property
    def log_path(self) -> Path:
        """The trainer's standard output and error, appended to by every start."""
        return self.output_dir / "trainer.log"

    @property
    def metrics_dir(self) -> Path:
        """One jsonl of verl's `file` logger for each start: verl truncates its file when it resumes."""
        return self.output_dir / "metrics"

    def shell(self) -> str:
        """The command as a line for a terminal."""
        return shell(self.env, self.argv)


def shell(env: Mapping[str, str], argv: Sequence[str]) -> str:
    """A command with its environment as a line for a terminal."""
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in env.items()), shlex.join(argv)])


@dataclass(frozen=True, slots=True)
class Progress:
    """A step that the trainer has finished, for example ``Progress(3, 24, {"train/loss": 0.4})``."""

    step: int
    total: int
    metrics: dict[str, float] = field(default_factory=dict)


class TrainerError(RuntimeError):
    """The trainer failed; the message is one line with the cause, the remedy and the log's path."""


def checkpointed_step(output_dir: Path) -> int | None:
    """The step of verl's last complete checkpoint, or None."""
    try:
        step = int((output_dir / TRACKER).read_text())
    except (OSError, ValueError):
        return None
    return step if (output_dir / f"global_step_{step}").is_dir() else None


def mend_tracker(output_dir: Path) -> None:
    """Removes a tracker that verl would stumble over: empty after a kill, or of a checkpoint that is gone."""
    tracker = output_dir / TRACKER
    if tracker.exists() and checkpointed_step(output_dir) is None:
        tracker.unlink()


def read_metrics(output_dir: Path) -> list[dict[str, Any]]:
    """All metrics of all starts: ``[{"step": 1, "train/loss": 0.7, ...}, ...]`` by step, later starts winning."""
    by_step: dict[int, dict[str, Any]] = {}
    for file in sorted((output_dir / "metrics").glob("*.jsonl")):
        for step, metrics in _parse_metrics(file.read_bytes()):
            by_step.setdefault(step, {"step": step}).update(metrics)
    return [by_step[step] for step in sorted(by_step)]


def _parse_metrics(text: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    for line in text.splitlines():
        try:
            entry = json.loads(line)
            yield int(entry["step"]), dict(entry["data"])
        except (ValueError, KeyError, TypeError):
            continue


def run(
    command: TrainerCommand,
    on_progress: Callable[[Progress], None] | None = None,
    hang_seconds: float = HANG_SECONDS,
) -> None:
    """Runs the command to its end.

    Args:
        command: what to run; its log is appended to, its metrics go to a fresh file.
        on_progress: called in this thread after each step that verl logs.
        hang_seconds: no new line in the log and no new metrics for so long means hung.

    Raises:
        TrainerError: the trainer failed, hung, or ended short of `expected_step`; everything it started is gone.
        KeyboardInterrupt: passed on after a clean stop.
    """
    command.metrics_dir.mkdir(parents=True, exist_ok=True)
    mend_tracker(command.output_dir)
    metrics_path = command.metrics_dir / f"{len(list(command.metrics_dir.glob('*.jsonl'))):03d}.jsonl"
    env = {**os.environ, **command.env, "VERL_FILE_LOGGER_PATH": str(metrics_path.resolve())}
    start = command.log_path.stat().st_size if command.log_path.exists() else 0
    with command.log_path.open("ab") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "int_verl.trainer_process", str(os.getpid()), *command.argv],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
    try:
        code = _watch(supervisor, command, metrics_path, on_progress, hang_seconds)
    except BaseException:
        _stop(supervisor)
        raise
    if code != 0:
        raise TrainerError(explain(command.log_path, start, code))
    reached = checkpointed_step(command.output_dir)
    if reached != command.expected_step:
        raise TrainerError(
            f"the trainer ended at step {reached or 0} of {command.expected_step} without an error; "
            f"see {command.log_path}"
        )


def _watch(
    supervisor: subprocess.Popen[bytes],
    command: TrainerCommand,
    metrics_path: Path,
    on_progress: Callable[[Progress], None] | None,
    hang_seconds: float,
) -> int:
    """Reports progress until the supervisor ends; returns the trainer's exit code."""
    seen, sizes, moved = 0, (-1, -1), time.monotonic()
    while True:
        code = supervisor.poll()
        content = metrics_path.read_bytes() if metrics_path.exists() else b""
        complete = content[: content.rfind(b"\n") + 1]
        for step, metrics in _parse_metrics(complete[seen:]):
            if on_progress is not None:
                on_progress(Progress(step, command.expected_step, metrics))
        seen = len(complete)
        if code is not None:
            return code
        now = (len(content), command.log_path.stat().st_size)
        if now != sizes:
            sizes, moved = now, time.monotonic()
        elif time.monotonic() - moved > hang_seconds:
            raise TrainerError(
                f"the trainer said nothing for {hang_seconds:.0f} s and was stopped; run again to resume from its "
                f"last checkpoint; see {command.log_path}"
            )
        time.sleep(POLL_SECONDS)


def _stop(supervisor: subprocess.Popen[bytes]) -> None:
    """Asks the supervisor to end everything, then insists."""
    if supervisor.stdin is not None:
        supervisor.stdin.close()
    try:
        supervisor.wait(GRACE_SECONDS + 10)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


FAILURES: tuple[tuple[str, str], ...] = (
    (
        r"OutOfMemoryError|out of memory|Cannot allocate memory|oom-kill|workers? killed due to memory pressure",
        "out of memory: lower the micro-batch tokens, gpu_memory_utilization or the batch size",
    ),
    (r"No space left on device|\[Errno 28\]", "no space left on the disk: free some, then run again to resume"),
    (r"Address already in use|EADDRINUSE", "a port is in use: end the other run on this machine, or try again"),
    (r"No module named '(?P<what>[^']+)'", "a module is missing: run `int-verl doctor`"),
    (r"Could not override '(?P<what>[^']+)'|Key '(?P<what2>[^']+)' is not in struct", "an override names no such key"),
    (r"CUDA error|NCCL error|ncclUnhandledCudaError", "a GPU or NCCL error"),
    (r"UserError: (?P<what>.+)", "bad input"),
)
"Pattern in the log, what to tell the user; the first named group found is quoted."

_HARMLESS = re.compile(r"engine is not available|UserWarning|Failed to load plugin|torchcodec|DEBUG")


def explain(log_path: Path, start: int = 0, code: int = 1) -> str:
    """One line on why the trainer failed: cause, remedy, the log's path.

    Args:
        start: where in the log, in bytes, the failed start begins.
        code: the exit code, for a failure of no known kind; negative for a signal.
    """
    with log_path.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    useful = [line for line in lines if not _HARMLESS.search(line)]
    for pattern, remedy in FAILURES:
        for line in useful:
            match = re.search(pattern, line, re.IGNORECASE)
            if match:
                what = next((value for value in match.groupdict().values() if value), "")
                return f"{remedy}{f' ({what})' if what else ''}; see {log_path}"
    ansi = re.compile(r"\x1b\[[0-9;]*m|^\([^)]*pid=[^)]*\)\s*")
    last = [ansi.sub("", ansi.sub("", line)).strip() for line in useful if re.search(r"\w(Error|Exception)\b", line)]
    reason = last[-1][:300] if last else f"exit code {code}"
    return f"the trainer failed: {reason}; see {log_path}"


# --- the supervisor, a process of its own ---------------------------------------------------------------------------

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _parents() -> Mapping[int, int]:
    """Process id -> parent's id, of every process on this machine."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat[stat.rfind(")") + 2 :].split()[1])
    return parents


def _descendants(root: int) -> list[int]:
    parents = _parents()
    found, frontier = [], [root]
    while frontier:
        frontier = [pid for pid, parent in parents.items() if parent in frontier]
        found += frontier
    return found


def _reap() -> dict[int, int]:
    """Collects ended children: process id -> exit code, negative for a signal."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def _end_all(grace: float) -> None:
    """SIGTERM to every descendant, SIGKILL to what is left after `grace` seconds."""
    deadline = time.monotonic() + grace
    asked: set[int] = set()
    while True:
        _reap()
        pids = _descendants(os.getpid())
        if not pids:
            return
        overdue = time.monotonic() > deadline
        for pid in pids:
            if overdue or pid not in asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if overdue else signal.SIGTERM)
        asked |= set(pids)
        time.sleep(0.05)


def supervise(parent: int, argv: list[str]) -> int:
    """Runs `argv`; ends it and all its descendants when told to (SIGTERM), when standard input closes or `parent` dies.

    Returns the exit code of `argv`, or 143 when stopped.
    """
    stop = False

    def ask_to_stop(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    os.set_blocking(0, False)
    if os.getppid() != parent:
        return 143
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        try:
            os.execvp(argv[0], argv)
        except OSError as error:
            print(f"{argv[0]}: {error}", file=sys.stderr, flush=True)
            os._exit(127)
    code = None
    while not stop and code is None:
        code = _reap().get(child)
        with contextlib.suppress(BlockingIOError):
            stop = stop or os.read(0, 1) == b""
        time.sleep(0.05)
    _end_all(GRACE_SECONDS if code is None else 2.0)
    return 143 if code is None else code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(supervise(int(sys.argv[1]), sys.argv[2:]))
