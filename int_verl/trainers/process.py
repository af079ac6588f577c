"""Runs one of verl's stock trainers as a child that cannot be left behind.

    command = plan(...)  # int_verl.trainers.sft, int_verl.trainers.rl
    run(command, on_progress=lambda p: print(p.step, p.total, p.metrics))

Between this process and the trainer stands a supervisor (`python -m int_verl.trainers.process`). It is the reaper of
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

from int_verl.errors import TrainerError
from int_verl.trainers.failures import explain, plain

TRACKER = "latest_checkpointed_iteration.txt"
"verl's record of the last complete checkpoint, in the output folder."
HANG_SECONDS = 3600.0
GRACE_SECONDS = 3.0
POLL_SECONDS = 0.25
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class TrainerCommand:
    """A stock trainer, ready to run.

    Example: ``TrainerCommand(["torchrun", ..., "-m", "verl.trainer.sft_trainer", ...], {"OMP_NUM_THREADS": "1"},
    Path("out"), 24, Path("base"), "huggingface")``
    """

    argv: list[str]
    env: dict[str, str]
    "Added to this process's environment."
    output_dir: Path
    "verl's checkpoints; also the home of the log and the metrics."
    expected_step: int
    "The stage is done when `latest_checkpointed_iteration.txt` says this."
    start_model: Path
    "The model that it trains."
    model_in_checkpoint: str
    "Where in `global_step_N` the trained model lies, in Hugging Face format."

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
        hang_seconds: no step and nothing new in the log for so long means hung. A line that was there before, but for
            its numbers, is nothing new: in a hung weight update the waiting side goes on to say that it waits.

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
            [sys.executable, "-m", "int_verl.trainers.process", str(os.getpid()), *command.argv],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
    try:
        code = _watch(supervisor, command, metrics_path, on_progress, hang_seconds, start)
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
    log_start: int,
) -> int:
    """Reports progress until the supervisor ends; returns the trainer's exit code."""
    seen, last_step, news, moved = 0, 0, News(command.log_path, log_start), time.monotonic()
    while True:
        code = supervisor.poll()
        content = metrics_path.read_bytes() if metrics_path.exists() else b""
        complete = content[: content.rfind(b"\n") + 1]
        for step, metrics in _parse_metrics(complete[seen:]):
            last_step = step
            if on_progress is not None:
                on_progress(Progress(step, command.expected_step, metrics))
        stepped, seen = len(complete) > seen, len(complete)
        if code is not None:
            return code
        if news.any() or stepped:
            moved = time.monotonic()
        elif time.monotonic() - moved > hang_seconds:
            raise TrainerError(
                f"after step {last_step} of {command.expected_step} the trainer said nothing new for "
                f"{hang_seconds / 60:.3g} min and was stopped, as hung (its last words: {news.last or 'none'}); see "
                f"{command.log_path}"
            )
        time.sleep(POLL_SECONDS)


class News:
    """Lines of a growing log that were not there before, numbers aside."""

    def __init__(self, path: Path, start: int) -> None:
        self._path, self._offset = path, start
        self._known: set[int] = set()
        self.last = ""
        "The latest of them."

    def any(self) -> bool:
        """Whether there are any since the last call."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        text = text[: max(text.rfind(b"\n"), text.rfind(b"\r")) + 1]
        self._offset += len(text)
        before = len(self._known)
        for line in text.decode(errors="replace").splitlines():
            if (words := hash(_DIGITS.sub("", line))) not in self._known:
                self._known.add(words)
                self.last = plain(line)[:200] or self.last
        return len(self._known) > before


def _stop(supervisor: subprocess.Popen[bytes]) -> None:
    """Asks the supervisor to end everything, then insists."""
    if supervisor.stdin is not None:
        supervisor.stdin.close()
    try:
        supervisor.wait(GRACE_SECONDS + 10)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()


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
