"""What a grader decided and by which means, counted."""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter

from int_verl.grading.base_grader import Grade


class Tally:
    """Counts grades; threads may share it.

    Example:
        >>> tally = Tally()
        >>> tally.add(Grade("correct", "5"))
        >>> tally.counts()
        {('correct', 'exact'): 1}
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        _live.add(self)

    def add(self, grade: Grade) -> None:
        """Count one."""
        with self._lock:
            self._counts[grade.verdict, grade.means] += 1

    def counts(self) -> dict[tuple[str, str], int]:
        """(verdict, means) -> how often; see `Grade.means`."""
        with self._lock:
            return dict(self._counts)

    def abandon(self) -> None:
        """In a forked child: the lock may be held by a thread that is not here."""
        self._lock = threading.Lock()


_live: weakref.WeakSet[Tally] = weakref.WeakSet()


def _after_fork() -> None:
    for tally in list(_live):
        tally.abandon()


os.register_at_fork(after_in_child=_after_fork)
