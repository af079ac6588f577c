"""What a grader decided and by which means, counted."""

from __future__ import annotations

import os
import threading
import weakref
from collections import Counter, deque

from int_verl.grading.base_grader import Grade

_ADDED_UP_AT = 4_096


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
        self._new: deque[tuple[str, str]] = deque()
        self._lock = threading.Lock()
        _live.add(self)

    def add(self, grade: Grade) -> None:
        """Count one; appending needs no lock, and adding up comes later."""
        self._new.append((grade.verdict, grade.means))
        if len(self._new) >= _ADDED_UP_AT:
            self.counts()

    def counts(self) -> dict[tuple[str, str], int]:
        """(verdict, means) -> how often; see `Grade.means`."""
        with self._lock:
            for _ in range(len(self._new)):
                self._counts[self._new.popleft()] += 1
            return dict(self._counts)

    def abandon(self) -> None:
        """In a forked child: the lock may be held by a thread that is not here."""
        self._lock = threading.Lock()


_live: weakref.WeakSet[Tally] = weakref.WeakSet()


def _after_fork() -> None:
    for tally in list(_live):
        tally.abandon()


os.register_at_fork(after_in_child=_after_fork)
