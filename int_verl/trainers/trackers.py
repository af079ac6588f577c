"""The trackers that the trainers' overrides name, for what is no trainer of verl's; in a process of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from int_verl.hydra_overrides import key_and_value
from int_verl.settings.environment import as_hydra_reads, resolved
from int_verl.trainers.trainer_log import TrainerLog

BETWEEN_RECORDS = 10.0
"Seconds between two records."
_LAST_WORDS_SECONDS = 60.0
"The trackers have so long to pass on what is left: a first import of verl takes ten of them."
_KEYS = ("trainer.logger", "trainer.project_name", "trainer.experiment_name")

Record = Callable[[], tuple[int, Mapping[str, float]]]
'Called in a thread for the step and the metrics of now: ``record() == (120, {"generator/tokens": 90_412})``.'


@dataclass(frozen=True, slots=True)
class Trackers:
    """Which of verl's trackers are told of something, under which names."""

    names: tuple[str, ...]
    project: str
    experiment: str

    def __str__(self) -> str:
        return f"trainer.logger=[{','.join(self.names)}]"

    @contextlib.contextmanager
    def follow(
        self, folder: Path, record: Record, say: Callable[[str], None], seconds: float = BETWEEN_RECORDS
    ) -> Iterator[None]:
        """Within the block the trackers get a record every so many seconds, and one at its end.

        A tracker that fails costs itself and a sentence, never the block.

        Args:
            folder: of the `file` tracker's jsonl, one for each start, and of the log of what the trackers print.
            say: called with the sentence.
        """
        if not self.names:
            yield
            return
        folder.mkdir(parents=True, exist_ok=True)
        file = folder.resolve() / f"{len(list(folder.glob('*.jsonl'))):03d}.jsonl"
        log, over = TrainerLog(folder / "trackers.log"), threading.Event()
        with log as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "int_verl.trainers.tracker_process", self.project, self.experiment, *self.names],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env={**os.environ, "VERL_FILE_LOGGER_PATH": str(file)},
                start_new_session=True,  # Ctrl-C is for the run, which then ends this
            )

        def send() -> None:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError), process.stdin as records:
                ends = False
                while not ends:
                    ends = over.wait(seconds)
                    step, data = record()
                    records.write(json.dumps({"step": step, "data": data}).encode() + b"\n")
                    records.flush()

        def listen() -> None:
            assert process.stdout is not None
            with process.stdout as faults:
                for line in faults:
                    say(line.decode(errors="replace").strip())
            if code := process.wait():
                say(f"{self} ended with exit code {code}; see {folder / 'trackers.log'}")

        threads = [threading.Thread(target=work, name="trackers", daemon=True) for work in (send, listen)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            try:
                process.wait(_LAST_WORDS_SECONDS)
            except subprocess.TimeoutExpired:
                say(f"{self} did not end within {_LAST_WORDS_SECONDS:.0f} s")
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                for thread in threads:
                    thread.join()
                log.wait()


def trackers_of(*trainers: Iterable[str]) -> Trackers:
    """The trackers that the overrides of some trainers name, the console aside; none where none names any.

    Where several give a value the last one's holds. The experiment is `generator`, after the trainers' name for theirs
    if they have one: in a tracker that goes by the name alone the two must not be one.

    >>> trackers_of(["trainer.logger=[console,wandb]"], ["trainer.experiment_name=seven"])
    Trackers(names=('wandb',), project='int_verl', experiment='seven-generator')
    """
    given = {
        key: as_hydra_reads(resolved(override))
        for overrides in trainers
        for override in overrides
        if (key := key_and_value(override)[0]) in _KEYS and not override.startswith("~")
    }
    loggers, project, experiment = map(given.get, _KEYS)
    named = loggers if isinstance(loggers, list) else [loggers] if loggers else []
    names = tuple(dict.fromkeys(str(name) for name in named if name != "console"))
    return Trackers(names, str(project or "int_verl"), f"{experiment}-generator" if experiment else "generator")
