"""When a trainer counts as hung: it has finished no step and said nothing new for too long."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from int_verl.trainers.growing_file import GrowingFile
from int_verl.trainers.news import News


@dataclass(frozen=True, slots=True)
class SettingUp:
    """What holds while a trainer sets itself up, where that may hang for causes of its own."""

    seconds: float
    "It may say nothing new for so long."
    done: str
    "What it says when it is through with it."
    cause: str
    "Why it hangs there as a rule, and what to do."


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a trainer may say nothing new: ``Patience(3600)``."""

    seconds: float
    setting_up: SettingUp | None = None
    "Until it has said that it is done; None: no other limit."


class HangGuard:
    """Watches the log of one start of a trainer.

    Args:
        log_start: where in the log, in bytes, this start begins.
        now: seconds of any clock, as in `look`.
    """

    def __init__(self, patience: Patience, log_path: Path, log_start: int, now: float) -> None:
        self._patience, self._setting_up = patience.seconds, patience.setting_up
        self._log, self._news, self._moved = GrowingFile(log_path, log_start), News(), now

    def look(self, now: float, stepped: bool) -> str | None:
        """What to say of a trainer that hangs; None: it does not.

        Args:
            stepped: whether it has logged metrics since the last look.
        """
        lines = self._log.new_lines().decode(errors="replace").splitlines()
        is_news = self._news.any(lines)
        start = self._setting_up
        if start is not None and (stepped or any(start.done in line for line in lines)):
            start = self._setting_up = None
        if is_news or stepped:
            self._moved = now
        limit = self._patience if start is None else min(start.seconds, self._patience)
        if now - self._moved <= limit:
            return None
        words = f"(its last words: {self._news.last or 'none'})"
        stopped = f"the trainer said nothing new for {limit / 60:.3g} min and was stopped, as hung {words}"
        return stopped if start is None else f"{stopped}, before it was set up: {start.cause}"
