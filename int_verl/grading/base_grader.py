"""What all graders have in common, and the grade that they give."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

VERDICTS = ("correct", "incorrect", "no_answer", "timeout", "too_large", "gold_unparsable", "error")


@dataclass(frozen=True, slots=True)
class Grade:
    """The outcome of one comparison.

    Example: ``Grade(verdict="correct", answer="0.5", means="exact")`` for ``... \\boxed{0.5}`` and the gold ``1/2``.
    """

    verdict: str
    """One of `VERDICTS`. Only ``correct`` earns a reward; a ``timeout`` is not an ``incorrect``."""
    answer: str | None = None
    """The answer that was graded, as it stands in the response; None where there is none."""
    means: str = "exact"
    """What decided: ``text`` (they are one text), ``exact`` (two numbers, or no comparison), ``engine`` (our own
    reading of them), ``math-verify`` (where that gives up), or a reason such as ``deadline``."""

    @property
    def correct(self) -> bool:
        """Whether the verdict is ``correct``."""
        return self.verdict == "correct"


class BaseGrader(ABC):
    """Grades answers and responses against gold answers; safe to share among threads, and to be closed after use."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """End the worker processes."""

    def warm(self) -> None:  # noqa: B027
        """Do now what the first answer would have to wait for, if there is such a thing."""

    @abstractmethod
    def grade(self, answer: Any, gold: Any) -> Grade:
        """Compare two answers."""

    @abstractmethod
    def grade_response(self, response: Any, gold: Any) -> Grade:
        """Grade a whole response."""

    @abstractmethod
    async def agrade_response(
        self, response: Any, gold: Any, source: str = "", extra_info: Mapping[str, Any] | None = None
    ) -> Grade:
        """`grade_response` for asyncio: the event loop does not wait for a worker process.

        Where the problem comes from, and what there is to know about it, may matter to a reward function.
        """

    @abstractmethod
    def check_gold(self, gold: Any) -> str | None:
        """Why a gold answer cannot be graded against; None if it can."""

    def gold_fault(self, gold: Any) -> str | None:
        """Why a gold answer cannot be used, or None: it must be understood, and grade equal to itself."""
        reason = self.check_gold(gold)
        if reason is None and not self.grade(gold, gold).correct:
            reason = "it does not grade equal to itself"
        return reason

    def unusable_golds(
        self, golds: Iterable[tuple[int, Any]], checked: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[int, Any, str]]:
        """(row, gold, `gold_fault`) of those that have one, in order; as many are checked at a time as there are cores.

        Args:
            checked: is called after each.
        """
        self.warm()
        return remarks_on(golds, self.gold_fault, checked)


def remarks_on(
    golds: Iterable[tuple[int, Any]], remark: Callable[[Any], str | None], checked: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, Any, str]]:
    """(row, gold, remark) of those on which there is one, in order; as many at a time as there are cores."""
    golds = list(golds)
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        remarks = threads.map(remark, (gold for _, gold in golds))
        for (row, gold), said in zip(golds, remarks, strict=True):
            checked()
            if said is not None:
                yield row, gold, said
