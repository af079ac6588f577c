"""`Grader`: is this answer the gold answer?"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, get_args

from int_verl.grading.base_grader import BaseGrader, Grade, remarks_on
from int_verl.grading.faults import tell, where
from int_verl.grading.pool import PoolError, WorkerKind, WorkerPool
from int_verl.grading.short_pairs import Turnstile, judge_short, warm_up
from int_verl.grading.tally import Tally
from int_verl.maths.boxes import extract_answer
from int_verl.maths.brackets import nesting
from int_verl.maths.decimals import Decimals, ruled_by
from int_verl.maths.normal_form import normalise
from int_verl.maths.quantities import quantity
from int_verl.maths.quick_comparison import as_plain_integer, by_numbers, same_text
from int_verl.maths.size_limits import MAX_ANSWER_CHARS, MAX_NESTING

_CACHE_SIZE = 65_536


class Grader(BaseGrader):
    """Grades answers; safe to share among threads, and free until the first answer that needs a worker process.

    Plain numbers, identical strings and, for a caller that is alone, short arithmetic are decided in the calling
    thread. Everything else goes to a pool of worker processes with a limit of time. It never raises on any answer or
    gold, and never hangs: what nobody foresaw is an ``error``, which is counted (`tally`) and logged once.

    Args:
        workers: most worker processes at a time; default: the number of CPU cores, at most 4.
        timeout: seconds that one comparison may take; imports, the queue for a worker, and the time in which that
            has no processor are not counted.
        unboxed: also read an answer stated in words where a response has no box.
        memory_mb: address space of one worker process.
        decimals: ``gold`` takes a decimal gold of three significant digits or more for a rounding, ``exact`` none,
            ``both`` a decimal answer to an exact gold as well.

    Example:
        >>> with Grader() as grader:
        ...     grader.grade_response("... so \\\\boxed{0.5}", "\\\\frac12").verdict
        'correct'
    """

    def __init__(
        self,
        workers: int | None = None,
        timeout: float = 2.0,
        *,
        unboxed: bool = False,
        memory_mb: int = 2048,
        decimals: Decimals = "gold",
    ) -> None:
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        if not timeout > 0:
            raise ValueError(f"timeout must be positive, not {timeout}")
        if decimals not in get_args(Decimals):
            raise ValueError(f"decimals must be one of {', '.join(get_args(Decimals))}, not {decimals}")
        self._unboxed = unboxed
        self._decimals = decimals
        kind = WorkerKind(
            "int_verl.grading.comparisons:Comparisons",
            {"memory_mb": memory_mb, "decimals": decimals},
            options=("-I", "-S"),
            environment={"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
            tries=2,
            forgiven=10,
            died="grading workers died under the same answer",
        )
        self._pool = WorkerPool(kind, workers or min(4, os.cpu_count() or 1), timeout)
        self._turnstile = Turnstile()
        self.tally = Tally()
        """How often it gave each verdict, and by which means."""
        self._verdicts: dict[tuple[str, str], tuple[str, str]] = {}
        self._timed_out: dict[tuple[str, str], tuple[str, str]] = {}

    def close(self) -> None:
        self._pool.close()

    def warm(self) -> None:
        """Do all imports and start a worker process now, rather than at the first answer that needs them."""
        warm_up()
        with contextlib.suppress(PoolError):  # the first answer will say it
            self._pool.warm()

    def grade(self, answer: Any, gold: Any) -> Grade:
        """Compare two answers, boxed or bare.

        Args:
            answer: the answer to judge; anything but a string is read as ``str(answer)``, None as no answer.
            gold: the gold answer; a list of one element is that element, a longer one is the set of its elements.
        """
        return self._counted(_bare, answer, gold)

    def grade_response(self, response: Any, gold: Any) -> Grade:
        """Extract the answer of a whole response (see `extract_answer`), then compare it."""
        return self._counted(self._extract, response, gold)

    async def agrade_response(
        self,
        response: Any,
        gold: Any,
        source: str = "",  # noqa: ARG002
        extra_info: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Grade:
        """`grade_response` for asyncio: only what needs a worker process leaves the event loop's thread."""
        answer = None
        try:
            answer = self._extract(response)
            found = self._quick(answer, gold)
            grade = found if isinstance(found, Grade) else await asyncio.to_thread(self._ask, answer, found)
        except Exception as problem:  # the net, see `_counted`
            grade = Grade("error", answer, where(problem))
        return self._noted(grade, gold)

    def _counted(self, find_answer: Callable[[Any], str | None], said: Any, gold: Any) -> Grade:
        """The grade of what `find_answer` finds in `said`; here ends every exception that nobody foresaw."""
        answer = None
        try:
            answer = find_answer(said)
            found = self._quick(answer, gold)
            grade = found if isinstance(found, Grade) else self._ask(answer, found)
        except Exception as problem:
            grade = Grade("error", answer, where(problem))
        return self._noted(grade, gold)

    def _noted(self, grade: Grade, gold: Any) -> Grade:
        """The same grade, counted; an error is logged, the first time with its texts."""
        self.tally.add(grade)
        if grade.verdict == "error":
            tell(f"not graded: {grade.means}", answer=grade.answer, gold=gold)
        return grade

    def check_gold(self, gold: Any) -> str | None:
        """Why a gold answer cannot be graded against; None if it can.

        Stricter than ``grade(gold, gold)``, which accepts any two equal strings: the gold must be understood.
        """
        try:
            return self._check_gold(as_text(gold) or "")
        except Exception as problem:  # the net, as in `_counted`
            tell(f"not checked: {where(problem)}", gold=gold)
            return f"the grader failed: {where(problem)}"

    def _check_gold(self, gold: str) -> str | None:
        normal = normalise(gold)
        if not normal:
            return "it is empty"
        if len(normal) > MAX_ANSWER_CHARS or nesting(normal) > MAX_NESTING:
            return "too large (length or nesting)"
        if quantity(normal) is not None:
            return None
        try:
            verdict, reason = self._pool.ask([normal, None])
        except TimeoutError:
            return "it takes longer than the time limit"
        except PoolError as problem:
            return str(problem)
        return None if verdict == "usable" else str(reason)

    def read_otherwise(self, golds: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any, str]]:
        """(row, gold, both readings) of those in which math-verify sees other numbers than we do.

        Either may be wrong. A gold that is misread is worse than one that cannot be read: it pays for wrong answers.
        """
        self.warm()
        return remarks_on(golds, self._other_reading)

    def _other_reading(self, gold: Any) -> str | None:
        normal = normalise(as_text(gold) or "")
        if not normal or len(normal) > MAX_ANSWER_CHARS:
            return None
        try:
            reading, both = self._pool.ask([None, normal])
        except (TimeoutError, PoolError):
            return None
        return both if reading == "other" else None

    def _extract(self, response: Any) -> str | None:
        return extract_answer(response, unboxed=self._unboxed) if isinstance(response, str) else None

    def _quick(self, answer: str | None, gold: Any) -> Grade | tuple[str, str]:
        """The grade if it can be had without a worker, else the normalised gold and answer to ask about."""
        if answer is None:
            return Grade("no_answer", None)
        wanted = as_text(gold)
        if wanted is None or not wanted.strip():
            return Grade("gold_unparsable", answer)
        number, wanted_number = as_plain_integer(answer), as_plain_integer(wanted)
        if number is not None and wanted_number is not None:
            return Grade("correct" if wanted_number == number else "incorrect", answer)
        normal_gold, normal_answer = normalise(wanted), normalise(answer)
        if not normal_gold:
            return Grade("gold_unparsable", answer)
        if not normal_answer:
            return Grade("no_answer", None)
        if normal_gold == normal_answer:
            return Grade("correct", answer, "text")
        if len(normal_gold) > MAX_ANSWER_CHARS or len(normal_answer) > MAX_ANSWER_CHARS:
            return Grade("too_large", answer, "length")
        pair = (normal_gold, normal_answer)
        known = self._verdicts.get(pair)
        if known is not None:
            return Grade(known[0], answer, known[1])
        if same_text(normal_gold, normal_answer):
            return Grade("correct", answer, "text")
        with ruled_by(self._decimals):
            same = by_numbers(normal_gold, normal_answer)
        if same is not None:
            return Grade("correct" if same else "incorrect", answer)
        if nesting(normal_answer) > MAX_NESTING or nesting(normal_gold) > MAX_NESTING:
            return Grade("too_large", answer, "nesting")
        return pair

    def _ask(self, answer: str | None, pair: tuple[str, str]) -> Grade:
        with self._turnstile.pass_through() as alone:
            with ruled_by(self._decimals):
                judged = judge_short(*pair) if alone else None
            try:
                verdict, means = judged or self._pool.ask(pair)
            except TimeoutError:
                verdict, means = "timeout", "deadline"
            except PoolError as problem:
                return Grade("error", answer, str(problem))
        # A timeout may be the machine's fault, so it takes two to be remembered.
        memory = self._timed_out if verdict == "timeout" and pair not in self._timed_out else self._verdicts
        if len(memory) >= _CACHE_SIZE:
            memory.clear()
        memory[pair] = (verdict, means)
        return Grade(verdict, answer, means)


def _bare(answer: Any) -> str | None:
    """An answer as text, None for a blank one."""
    text = as_text(answer)
    return text if text and text.strip() else None


def holds_several(value: Any) -> bool:
    """Whether a gold is a list of answers; pandas, with which verl's main_eval reads, makes arrays of lists."""
    return isinstance(value, (list, tuple, set, frozenset)) or type(value).__name__ == "ndarray"


def as_text(value: Any) -> str | None:
    """A gold or answer as text, several as a set; None where there is nothing to read."""
    if value is None or isinstance(value, str):
        return value
    if holds_several(value):
        parts = [as_text(part) for part in list(value)]
        if not parts or any(part is None for part in parts):
            return None
        return parts[0] if len(parts) == 1 else "\\{" + ", ".join(part for part in parts if part) + "\\}"
    try:
        return str(value)
    except Exception:
        return None


_shared: dict[tuple[Any, ...], Grader] = {}


def shared_grader(**settings: Any) -> Grader:
    """The process's grader with these settings, made on first use; what reward functions call."""
    setting = tuple(sorted(settings.items()))
    if setting not in _shared:
        _shared.setdefault(setting, Grader(**settings))  # atomic; a second thread's costs nothing and is dropped
    return _shared[setting]
