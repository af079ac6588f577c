"""Whether what a trainer says is new: other words than before, or the same words with a count that has grown."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

from int_verl.trainers.failures import plain

_DIGITS = re.compile(r"\d+")
_SPEAKER = re.compile(r"(?:\bpid=|\brank[ =]?)(\d+)", re.IGNORECASE)
"The process that a line is of, as Ray, vLLM and torch write it."
_NO_COUNT = re.compile(
    r"""
      \d{4}-\d\d-\d\d | \b\d\d-\d\d(?=[ ]\d\d:) | \d+(?::\d\d)+(?:[.,]\d+)?                        # a day, a clock
    | \d+(?:\.\d+)?[ ]?(?:[munµ]?s|m|h|d|(?:milli)?sec(?:ond)?s?|min(?:ute)?s?|h(?:ou)?rs?|days?)\b   # a duration
    | \d+(?:\.\d+)?[ ]?(?:[kmgt]i?b|bytes)\b                                                          # memory
    | \b(?:attempts?|retry|retries|tries|try|elapsed|uptime|time|timestamp|pid|rank)\W{0,3}\d+
    | \brepeated[ ]\d+x                                                                                # Ray's
    | \d{10,}                                                                                          # since 1970
    """,
    re.VERBOSE | re.IGNORECASE,
)
"What grows while nothing happens, or says who speaks."
_COUNT = re.compile(r"(?<![\w.])\d+(?!\.\d|\w)")
"A whole number that stands by itself: of `3/30`, `finished: 7` and `10%`, and not of `cuda0`, `fsdp2` or `0.5`."
_REMEMBERED = 8


class News:
    """What has been said so far.

    A line is news if its words, numbers aside, were not said before, or if one of its counts is larger than when the
    same process last said these words. So verl's ``pending: 5, running: 3, finished: 40`` is news as long as something
    finishes. The same counts for ever are not, whether one process says them or some take turns; nor are the seconds
    that a hung weight update has been waited for.
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._counts: dict[tuple[int, str], deque[list[int]]] = {}
        self.last = ""
        "The latest of the news."

    def any(self, lines: Iterable[str]) -> bool:
        """Whether any of these lines is news; all are remembered."""
        found = False
        for line in lines:
            if self._is_new(line):
                found, self.last = True, plain(line)[:200] or self.last
        return found

    def _is_new(self, line: str) -> bool:
        words = hash(_DIGITS.sub("", line))
        counts = [int(count) for count in _COUNT.findall(_NO_COUNT.sub(" ", plain(line)))]
        speaker = " ".join(_SPEAKER.findall(line))
        said = self._counts.setdefault((words, speaker), deque(maxlen=_REMEMBERED))
        grew = counts not in said and any(
            now > then for then, now in zip(said[-1] if said else (), counts, strict=False)
        )
        said.append(counts)
        is_first = words not in self._known
        self._known.add(words)
        return is_first or grew
