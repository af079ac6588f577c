"""What a trainer waits for before its first step, told by what it has said so far."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from int_verl.trainers.growing_file import GrowingFile

Phase = tuple[str, str]
"Words of the trainer's log, and what is waited for once they were said; the first phase has none."

SFT_PHASES: tuple[Phase, ...] = (("", "verl and the model to be loaded"),)
RL_PHASES: tuple[Phase, ...] = (
    ("", "Python and verl to be loaded"),
    ("ray init kwargs", "Ray to start, or to be joined"),  # verl/trainer/main_ppo.py:73
    ("local Ray instance", "Ray's workers, which load verl"),
    ("Connecting to existing Ray", "Ray's workers, which load verl"),
    ("create worker group", "the model to be loaded for training"),  # verl/trainer/ppo/v1/trainer_base.py:317
    ("model engine initialized", "the processes of the reward"),  # :330
    ("reward loop manager initialized", "the rollout servers, which load the model"),  # :351
    ("ready to fit", "the first validation and the first step"),  # :394
    ("Initial validation metrics", "the first step"),  # :444
)


class Waiting:
    """Where in its phases one start of a trainer is.

    Args:
        log_start: where in the log, in bytes, this start begins.
    """

    def __init__(self, phases: Sequence[Phase], log: Path, log_start: int) -> None:
        self._phases, self._log, self._at = tuple(phases), GrowingFile(log, log_start), 0

    def look(self) -> str | None:
        """What is waited for now; None where no phases are known."""
        said = self._log.new_lines().decode(errors="replace")
        reached = [number for number, (words, _) in enumerate(self._phases) if words and words in said]
        self._at = max([self._at, *reached])
        return self._phases[self._at][1] if self._phases else None
