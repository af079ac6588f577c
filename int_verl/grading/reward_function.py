"""A reward function in verl's signature in the grader's place.

The function is the user's code: it may raise, hang, crash or return rubbish. So it runs in worker processes, and a call
that outlives the time limit ends with its process and all that this has started. The event loop never waits for a call.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.grading.base_grader import BaseGrader, Grade
from int_verl.grading.function_pool import CallFault, FunctionPool
from int_verl.grading.reward_result import read_result
from int_verl.redaction import redact

MAX_FAILURES = 100
"So many calls are made before a function that has failed in each of them stops the run."
NO_PROBLEM = {"id": "", "problem": "", "reference_solution": ""}
"The ``extra_info`` of a response that belongs to no problem."
TRIED_GOLDS = 10
"Golds that are tried before a run; a function that fails with each of them stops it there."


class RewardFunction(BaseGrader):
    """Grades responses with a reward function.

    A result is correct if its ``acc``, or without one its ``score``, is at least 0.5. ``pred`` becomes the answer and
    ``verdict`` the verdict of a response that is not correct, where the function gives them.

    Args:
        path: ``path/to/file.py`` or ``pkg://module``.
        name: the function's name there.
        settings: more keyword arguments (verl's ``reward_kwargs``).
        workers: processes, and so calls at a time.
        timeout: seconds that one call may take; the import of the file is not counted.
        memory_gb: what one process may allocate; None: no limit.
        warn: is told of the first call that failed.

    Raises:
        UserError: no such file; where responses are graded, the function cannot be loaded, or every call has failed.
    """

    def __init__(
        self,
        path: str,
        name: str,
        settings: Mapping[str, Any] | None = None,
        *,
        workers: int = 1,
        timeout: float = 5.0,
        memory_gb: float | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        if not path.startswith("pkg://") and not Path(path).is_file():
            raise UserError(f"grader.reward_path={path}: no such file; give path/to/file.py or pkg://module")
        self._label = f"grader.reward_path={path}"
        self._remedy = f"`int-verl reward check --fn {path}:{name}` shows more"
        self._warn = warn
        self._pool = FunctionPool(path, name, settings or {}, workers, timeout, memory_gb)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="reward")
        self._lock = threading.Lock()
        self._golds = itertools.count()
        self._answered = self._failed = self._finished_golds = 0

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        self._pool.close()
        self._threads.shutdown(cancel_futures=True)

    async def agrade_response(
        self, response: str, gold: str, source: str = "", extra_info: Mapping[str, Any] | None = None
    ) -> Grade:
        """`grade_response` with more of what the function is told in RL: its ``data_source`` and its ``extra_info``."""
        loop, extra = asyncio.get_running_loop(), dict(extra_info or NO_PROBLEM)
        return await loop.run_in_executor(self._threads, self._call, response, gold, source, extra)

    def grade_response(self, response: str, gold: str) -> Grade:
        """Grade a response that belongs to no problem."""
        return self._call(response, gold, "", dict(NO_PROBLEM))

    def grade(self, answer: str, gold: str) -> Grade:
        """Compare two answers: equal ones are equal, others are given to the function in a box."""
        return Grade("correct", answer) if answer == gold else self.grade_response(f"\\boxed{{{answer}}}", gold)

    def check_gold(self, gold: str) -> str | None:
        """Why the function cannot grade against a gold answer; None if it can.

        Only the first `TRIED_GOLDS` are tried, each as a response alone and in a box, because a call may be slow or
        cost something. Which of them is rewarded does not matter: the function may ask for a form of its own.

        Raises:
            UserError: all that were tried failed.
        """
        if next(self._golds) >= TRIED_GOLDS:
            return None
        grades = [self.grade_response(response, gold) for response in (f"\\boxed{{{gold}}}", gold)]
        failed = [grade.means for grade in grades if grade.means != "reward function"]
        with self._lock:
            self._finished_golds += 1
            last, calls, answered = self._finished_golds == TRIED_GOLDS, self._failed, self._answered
        if last and not answered:
            raise UserError(self._always(calls, failed[-1]))
        return f"{self._label}: {failed[0]}" if len(failed) == len(grades) else None

    def _always(self, calls: int, last: str) -> str:
        return f"{self._label}: each of its first {calls} calls failed, the last: {last}; {self._remedy}"

    def _call(self, response: str, gold: str, source: str, extra: dict[str, Any]) -> Grade:
        arguments = {"data_source": source, "solution_str": response, "ground_truth": gold, "extra_info": extra}
        try:
            grade = read_result(self._pool.call(arguments))
        except UserError as problem:
            raise UserError(f"{self._label}: {problem}") from None
        except CallFault as fault:
            return self._failure("timeout" if fault.reason == "timeout" else "error", fault.detail)
        if isinstance(grade, str):
            return self._failure("error", grade)
        with self._lock:
            self._answered += 1
        return grade

    def _failure(self, verdict: str, message: str) -> Grade:
        message = redact(message)  # it may quote the arguments
        with self._lock:
            self._failed += 1
            failed, answered = self._failed, self._answered
        if failed == 1:
            self._warn(f"{self._label}: {message}; such calls are counted as {verdict}, {self._remedy}")
        if not answered and failed >= MAX_FAILURES:
            raise UserError(self._always(failed, message))
        return Grade(verdict, None, message)
