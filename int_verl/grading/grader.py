"""`Grader`: is this answer the gold answer?"""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from int_verl.grading.inline import Turnstile, is_small, judge_small, warm_up
from int_verl.grading.pool import STILL_IMPORTING, PoolError, WorkerPool
from int_verl.maths.boxes import extract_answer
from int_verl.maths.brackets import nesting
from int_verl.maths.normal_form import normalise
from int_verl.maths.quantities import quantity
from int_verl.maths.quick_comparison import as_plain_integer, decide
from int_verl.maths.size_limits import MAX_ANSWER_CHARS, MAX_NESTING

VERDICTS = ("correct", "incorrect", "no_answer", "timeout", "too_large", "gold_unparsable", "error")
_CACHE_SIZE = 65_536


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
    """How it was decided: ``exact``, ``engine``, ``math-verify``, or a reason such as ``deadline``."""

    @property
    def correct(self) -> bool:
        """Whether the verdict is ``correct``."""
        return self.verdict == "correct"


class Grader:
    """Grades answers; safe to share among threads, and free until the first answer that needs a worker process.

    Plain numbers, identical strings and, for a caller that is alone, short arithmetic are decided in the calling
    thread. Everything else goes to a pool of worker processes with a wall-clock limit. It never raises on any answer or
    gold, and never hangs.

    Args:
        workers: most worker processes at a time; default: the number of CPU cores, at most 4.
        timeout: wall-clock seconds that one comparison may take.
        unboxed: also read an answer stated in words where a response has no box.
        memory_mb: address space of one worker process.

    Example:
        >>> with Grader() as grader:
        ...     grader.grade_response("... so \\\\boxed{0.5}", "\\\\frac12").verdict
        'correct'
    """

    def __init__(
        self, workers: int | None = None, timeout: float = 2.0, *, unboxed: bool = False, memory_mb: int = 2048
    ) -> None:
        if workers is not None and workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        if not timeout > 0:
            raise ValueError(f"timeout must be positive, not {timeout}")
        self._unboxed = unboxed
        self._pool = WorkerPool(workers or min(4, os.cpu_count() or 1), timeout, memory_mb)
        self._turnstile = Turnstile()
        self._verdicts: dict[tuple[str, str], tuple[str, str]] = {}
        self._timed_out: set[tuple[str, str]] = set()

    def __enter__(self) -> Grader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes."""
        self._pool.close()

    def warm(self) -> None:
        """Do all imports and start a worker process now, rather than at the first answer that needs them."""
        warm_up()
        self._pool.warm()

    def grade(self, answer: Any, gold: Any) -> Grade:
        """Compare two answers, boxed or bare.

        Args:
            answer: the answer to judge; anything but a string is read as ``str(answer)``, None as no answer.
            gold: the gold answer; a list of one element is that element, a longer one is the set of its elements.
        """
        text = _as_text(answer)
        if text is None or not text.strip():
            return Grade("no_answer", None)
        return self._grade(text, gold)

    def grade_response(self, response: Any, gold: Any) -> Grade:
        """Extract the answer of a whole response (see `extract`), then compare it."""
        if not isinstance(response, str):
            return Grade("no_answer", None)
        answer = extract_answer(response, unboxed=self._unboxed)
        if answer is None:
            return Grade("no_answer", None)
        return self._grade(answer, gold)

    def check_gold(self, gold: Any) -> str | None:
        """Why a gold answer cannot be graded against; None if it can.

        Stricter than ``grade(gold, gold)``, which accepts any two equal strings: the gold must be understood.
        """
        text = _as_text(gold)
        normal = normalise(text) if text else ""
        if not normal:
            return "it is empty"
        if len(normal) > MAX_ANSWER_CHARS or nesting(normal) > MAX_NESTING:
            return "too large (length or nesting)"
        if quantity(normal) is not None:
            return None
        try:
            verdict, reason = self._pool.ask(normal, None)
        except PoolError as problem:
            return str(problem)
        if verdict == "usable":
            return None
        return "it takes longer than the time limit" if verdict == "timeout" else reason

    async def agrade_response(self, response: Any, gold: Any) -> Grade:
        """`grade_response` for asyncio: only what needs a worker process leaves the event loop's thread."""
        if not isinstance(response, str):
            return Grade("no_answer", None)
        answer = extract_answer(response, unboxed=self._unboxed)
        if answer is None:
            return Grade("no_answer", None)
        grade, pair = self._quick(answer, gold)
        if grade is None:
            grade = await asyncio.to_thread(self._ask, answer, pair)
        return grade

    def _grade(self, answer: str, gold: Any) -> Grade:
        grade, pair = self._quick(answer, gold)
        return self._ask(answer, pair) if grade is None else grade

    def _quick(self, answer: str, gold: Any) -> tuple[Grade | None, tuple[str, str]]:
        """The grade if it can be had without a worker, else the normalised pair to ask about."""
        none = ("", "")
        if type(gold) is str:
            number = as_plain_integer(answer)
            if number is not None:
                wanted = as_plain_integer(gold)
                if wanted is not None:
                    return Grade("correct" if wanted == number else "incorrect", answer), none
            wanted_text: str | None = gold
        else:
            wanted_text = _as_text(gold)
        if wanted_text is None or not wanted_text.strip():
            return Grade("gold_unparsable", answer), none
        normal_gold, normal_answer = normalise(wanted_text), normalise(answer)
        if not normal_gold:
            return Grade("gold_unparsable", answer), none
        if not normal_answer:
            return Grade("no_answer", None), none
        if normal_gold == normal_answer:
            return Grade("correct", answer), none
        if len(normal_gold) > MAX_ANSWER_CHARS or len(normal_answer) > MAX_ANSWER_CHARS:
            return Grade("too_large", answer, "length"), none
        pair = (normal_gold, normal_answer)
        known = self._verdicts.get(pair)
        if known is not None:
            return Grade(known[0], answer, known[1]), none
        same = decide(normal_gold, normal_answer)
        if same is not None:
            return Grade("correct" if same else "incorrect", answer), none
        if nesting(normal_answer) > MAX_NESTING or nesting(normal_gold) > MAX_NESTING:
            return Grade("too_large", answer, "nesting"), none
        return None, pair

    def _ask(self, answer: str, pair: tuple[str, str]) -> Grade:
        with self._turnstile.pass_through() as alone:
            judged = judge_small(*pair) if alone and is_small(*pair) else None
            try:
                verdict, means = judged or self._pool.ask(*pair)
            except PoolError as problem:
                return Grade("error", answer, str(problem))
        if means == STILL_IMPORTING:
            return Grade(verdict, answer, means)
        # A timeout may be the machine's fault, so it takes two to be remembered.
        if verdict != "timeout" or pair in self._timed_out:
            if len(self._verdicts) >= _CACHE_SIZE:
                self._verdicts.clear()
            self._verdicts[pair] = (verdict, means)
        else:
            if len(self._timed_out) >= _CACHE_SIZE:
                self._timed_out.clear()
            self._timed_out.add(pair)
        return Grade(verdict, answer, means)


def _as_text(value: Any) -> str | None:
    """A gold or answer of any type as text; None where there is nothing to read."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (list, tuple, set, frozenset)) or type(value).__name__ == "ndarray":
        parts = [_as_text(part) for part in list(value)]
        if not parts or any(part is None for part in parts):
            return None
        return parts[0] if len(parts) == 1 else "\\{" + ", ".join(part for part in parts if part) + "\\}"
    try:
        return str(value)
    except Exception:
        return None


_shared: dict[tuple[Any, ...], Grader] = {}
_shared_lock = threading.Lock()


def shared_grader(**settings: Any) -> Grader:
    """The process's grader with these settings, made on first use; what reward functions call."""
    setting = tuple(sorted(settings.items()))
    grader = _shared.get(setting)
    if grader is None:
        with _shared_lock:
            grader = _shared.setdefault(setting, Grader(**settings))
    return grader


def _after_fork() -> None:
    global _shared_lock
    _shared_lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
