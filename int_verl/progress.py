"""Progress: a live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from int_verl.console import SafeConsole
from int_verl.heartbeat import Heartbeat
from int_verl.terminal import visible

_SECONDS_BETWEEN_PLAIN_LINES = 10.0
_SECONDS_BETWEEN_WAITING_LINES = 30.0


class StageProgress:
    """Shows how far a stage is. `advance` to a position, `count` events, `note` a phrase for the end of the line.

    Args:
        console: where to show it; on a terminal as a live bar, else as plain lines.
        stage: the stage's name.
        total: positions, or None where it is not known.
        lead: the event whose count is the position, if the stage counts events.
        status: the file in which other shells find how far it is (see `Heartbeat`); None: there is none.
    """

    def __init__(
        self,
        console: SafeConsole,
        stage: str,
        total: int | None = None,
        lead: str | None = None,
        status: Path | None = None,
    ) -> None:
        self.console, self.stage, self.total, self.lead = console, stage, total, lead
        self.counts: Counter[str] = Counter()
        self._position = 0
        self._note = self._waited_for = ""
        self._started = time.monotonic()
        self._last_line = self._started
        self._last_live = 0.0
        self._bar: Progress | None = None
        self._heartbeat = None if status is None else Heartbeat(status, self.state)
        self.more: Callable[[], Mapping[str, Any]] = dict
        "What else another shell wants to know; `totals` in it are numbers that grow."

    def __enter__(self) -> StageProgress:
        if self.console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", style="bold", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}", markup=False),
                console=self.console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(visible(self.stage), total=self.total, note="")
        if self._heartbeat is not None:
            self._heartbeat.__enter__()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._heartbeat is not None:
            self._heartbeat.__exit__(exc_type, exc, traceback)

    @property
    def position(self) -> int:
        return self.counts[self.lead] if self.lead else self._position

    def state(self) -> dict[str, Any]:
        """All that is known now, for `int-verl status`."""
        more = dict(self.more())
        return {
            "stage": self.stage,
            "position": self.position,
            "total": self.total,
            "note": self._note,
            "counts": {what: number for what, number in dict(self.counts).items() if what != self.lead},
            **more,
            "totals": {"positions": self.position, **more.get("totals", {})},
        }

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] += number
        self._show()

    def warn(self, sentence: str) -> None:
        """Say now, on a line that stays, what the user would want to know before the end."""
        self.console.print(f"{self.stage}: ! {sentence}", style="yellow")

    def advance(self, position: int, note: str = "") -> None:
        self._position, self._note = position, note
        self._show()

    def wait_for(self, what: str) -> None:
        """Say what the stage waits for before its first position, and how long it has; called again and again.

        Where there is no terminal, a line for each thing that is waited for, and another every half a minute.
        """
        now, phrase = time.monotonic(), f"waiting for {what}"
        is_new, self._waited_for, self._note = phrase != self._waited_for, phrase, phrase
        if self._bar is not None:
            self._show()
        elif is_new or now - self._last_line > _SECONDS_BETWEEN_WAITING_LINES:
            self._last_line = now
            self.console.print(f"{self.stage}: {now - self._started:.0f} s, {phrase}", soft_wrap=True)

    def _show(self) -> None:
        now = time.monotonic()
        position = self.position
        if self._bar is not None:
            if now - self._last_live > 0.1 or position == self.total:
                self._last_live = now
                self._bar.update(self._task, completed=position, note=visible(self._phrase()))
        elif now - self._last_line > _SECONDS_BETWEEN_PLAIN_LINES:
            self._last_line = now
            of = f"/{self.total}" if self.total is not None else ""
            seconds = now - self._started
            self.console.print(f"{self.stage}: {position}{of}, {seconds:.0f} s, {self._phrase()}", soft_wrap=True)

    def _phrase(self) -> str:
        if self._note:
            return self._note
        events = (f"{what} {number}" for what, number in self.counts.items() if what != self.lead)
        return ", ".join(list(events)[:8])
