"""A reward function in verl's signature in the grader's place.

The function is the user's code: it may raise, hang, crash or return rubbish. So it runs in processes of its own, one a
thread, each in its own process group, and a call that outlives the time limit ends with its process. The event loop
never waits for a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import inspect
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from int_verl.errors import UserError
from int_verl.grading.grader import VERDICTS, Grade, Grader
from int_verl.grading.reward_result import SOLVED_FROM
from int_verl.grading.nursery import receive, send

if TYPE_CHECKING:
    from int_verl.problems.sets import Problem

_BOOTSTRAP = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from int_verl.grading.reward_function import serve; serve(*sys.argv[2:])"
)
_START_SECONDS = 120.0
_PR_SET_PDEATHSIG = 1
MAX_FAILURES = 100
"So many calls are made before a function that has failed in each of them stops the run."
TRIED_GOLDS = 10
"Golds that are tried before a run; a function that fails with each of them stops it there."


class RewardFunction:
    """Grades responses with a reward function; the methods are those of `Grader` that a run uses.

    A result is correct if its ``acc``, or without one its ``score``, is at least 0.5. ``pred`` becomes the answer and
    ``verdict`` the verdict of a response that is not correct, where the function gives them.

    Args:
        path: ``path/to/file.py`` or ``pkg://module``.
        name: the function's name there.
        settings: more keyword arguments (verl's ``reward_kwargs``).
        workers: processes, and so calls at a time.
        timeout: seconds that one call may take; the import of the file is not counted.
        warn: is told of the first call that failed.

    Raises:
        UserError: no such file.
    """

    def __init__(
        self,
        path: str,
        name: str,
        settings: Mapping[str, Any] | None = None,
        *,
        workers: int = 1,
        timeout: float = 5.0,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        if not path.startswith("pkg://") and not Path(path).is_file():
            raise UserError(f"grader.reward_path={path}: no such file; give path/to/file.py or pkg://module")
        self.path, self.name, self.settings = path, name, dict(settings or {})
        self._timeout, self._warn = timeout, warn
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="reward")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._workers: set[_Worker] = set()
        self._closed = False
        self._answered = self._failed = self._tried_golds = self._finished_golds = 0

    def __enter__(self) -> RewardFunction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def warm(self) -> None:
        """Nothing to do: calls have a time limit from the moment at which the function is loaded."""

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        with self._lock:
            self._closed = True
            workers, self._workers = self._workers, set()
        for worker in workers:
            worker.kill()
        self._threads.shutdown(cancel_futures=True)

    async def agrade_response(
        self, response: str, gold: str, source: str = "", extra: Mapping[str, Any] | None = None
    ) -> Grade:
        """Grade a response.

        Args:
            source: the function's ``data_source``.
            extra: its ``extra_info``.

        Raises:
            UserError: the function cannot be loaded, or every call so far has failed.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._call, response, gold, source, extra)

    def grade_response(self, response: str, gold: str) -> Grade:
        """`agrade_response` without an event loop."""
        return self._threads.submit(self._call, response, gold, "", None).result()

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
        with self._lock:
            self._tried_golds += 1
            tried = self._tried_golds
        if tried > TRIED_GOLDS:
            return None
        grades = [self.grade_response(response, gold) for response in (f"\\boxed{{{gold}}}", gold)]
        failed = [grade.means for grade in grades if grade.means != "reward function"]
        with self._lock:
            self._finished_golds += 1
            last, calls, answered = self._finished_golds == TRIED_GOLDS, self._failed, self._answered
        if last and not answered:
            raise UserError(self._always(calls, failed[-1]))
        return f"{self._label}: {failed[0]}" if len(failed) == len(grades) else None

    @property
    def _label(self) -> str:
        return f"grader.reward_path={self.path}"

    @property
    def _remedy(self) -> str:
        return f"`int-verl reward check --fn {self.path}:{self.name}` shows more"

    def _always(self, calls: int, last: str) -> str:
        return f"{self._label}: each of its first {calls} calls failed, the last: {last}; {self._remedy}"

    # In a thread of its own

    def _call(self, response: str, gold: str, source: str, extra: Mapping[str, Any] | None) -> Grade:
        arguments = {
            "data_source": source,
            "solution_str": response,
            "ground_truth": gold,
            "extra_info": dict(extra or {}),
        }
        worker = self._worker()
        try:
            result, fault = worker.ask(arguments, self._timeout)
        except TimeoutError:
            self._discard(worker)
            return self._failure("timeout", f"no result after {self._timeout:g} s")
        except (OSError, EOFError):
            self._discard(worker)
            return self._failure("error", "its process died")
        if fault is not None:
            return self._failure("error", fault)
        grade = read_result(result)
        if isinstance(grade, str):
            return self._failure("error", grade)
        with self._lock:
            self._answered += 1
        return grade

    def _failure(self, verdict: str, message: str) -> Grade:
        with self._lock:
            self._failed += 1
            failed, answered = self._failed, self._answered
        if failed == 1:
            self._warn(f"{self._label}: {message}; such calls are counted as {verdict}, {self._remedy}")
        if not answered and failed >= MAX_FAILURES:
            raise UserError(self._always(failed, message))
        return Grade(verdict, None, message)

    def _worker(self) -> _Worker:
        """This thread's process."""
        worker: _Worker | None = getattr(self._own, "worker", None)
        if worker is None:
            worker = _Worker([self.path, self.name, json.dumps(self.settings)])
            with self._lock:
                if self._closed:
                    worker.kill()
                self._workers.add(worker)
            try:
                fault = worker.wait_until_loaded()
            except TimeoutError:
                fault = f"importing it did not end within {_START_SECONDS:g} s"
            except (OSError, EOFError):
                fault = "importing it ended the process"
            if fault is not None:
                self._discard(worker)
                raise UserError(f"{self._label}: {fault}")
            self._own.worker = worker
        return worker

    def _discard(self, worker: _Worker) -> None:
        self._own.worker = None
        with self._lock:
            self._workers.discard(worker)
        worker.kill()


async def grade_response_to(problem: Problem, response: str, grader: Grader | RewardFunction) -> Grade:
    """Grade a response; a reward function is told the problem's source and id, as in RL."""
    if isinstance(grader, RewardFunction):
        return await grader.agrade_response(response, problem.answer, problem.source, {"id": problem.id})
    return await grader.agrade_response(response, problem.answer)


def read_result(result: Any) -> Grade | str:
    """What a reward function returned as a grade, or why it is none.

    >>> read_result({"score": 1.0, "pred": "4"}).verdict, read_result(0.2).verdict, read_result({"acc": 1})
    ('correct', 'incorrect', "it returned a dict without score: {'acc': 1}")
    """
    values = result if isinstance(result, Mapping) else {"score": result}
    if "score" not in values:
        return f"it returned a dict without score: {str(result)[:100]}"
    for key in ("score", "acc"):
        value = values.get(key, 0.0)
        if not isinstance(value, int | float) or not math.isfinite(value):
            return f"it returned {key}={str(value)[:100]}, which is no number"
    correct = values["acc" if "acc" in values else "score"] >= SOLVED_FROM
    verdict = values.get("verdict")
    if correct or verdict not in VERDICTS or verdict == "correct":
        verdict = "correct" if correct else "incorrect"
    pred = values.get("pred")
    return Grade(str(verdict), None if pred in (None, "") else str(pred), "reward function")


class _Worker:
    """One process with the function loaded."""

    def __init__(self, function: list[str]) -> None:
        self._channel, theirs = socket.socketpair()
        path = [str(Path(__file__).resolve().parents[2]), *(entry for entry in sys.path if entry)]
        output = None if os.environ.get("INT_VERL_GRADING_DEBUG") else subprocess.DEVNULL
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOTSTRAP, json.dumps(path), str(theirs.fileno()), str(os.getpid()), *function],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def wait_until_loaded(self) -> str | None:
        """Why the function could not be loaded; None if it was."""
        self._channel.settimeout(_START_SECONDS)
        reply = receive(self._channel)
        if reply is None:
            raise EOFError
        return reply["fault"]

    def ask(self, arguments: dict[str, Any], timeout: float) -> tuple[Any, str | None]:
        """(result, None), or (None, what went wrong).

        Raises:
            TimeoutError: no result in time.
            EOFError: the process is gone.
        """
        deadline = time.monotonic() + timeout
        self._channel.settimeout(timeout)
        send(self._channel, arguments)
        self._channel.settimeout(max(deadline - time.monotonic(), 1e-3))
        reply = receive(self._channel)
        if reply is None:
            raise EOFError
        return reply["result"], reply["fault"]

    def kill(self) -> None:
        """End the process and all that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)


def serve(descriptor: str, owner: str, path: str, name: str, settings: str) -> None:
    """The process's life: load the function, then one call a message until the channel closes."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(owner):
        return
    from int_verl.grading.reward_contract import load_function

    channel = socket.socket(fileno=int(descriptor))
    spec = f"{path}:{name}"
    try:
        function = load_function(spec)
    except UserError as error:
        send(channel, {"fault": str(error).removeprefix(f"--fn {spec}: ")})
        return
    send(channel, {"fault": None})
    more = json.loads(settings)
    while (arguments := receive(channel)) is not None:
        result, fault = None, None
        try:
            result = function(**arguments, **more)
            if inspect.iscoroutine(result):
                result = asyncio.run(result)
            result = _plain(result)
        except Exception as error:
            fault = f"it raised {type(error).__name__}: {error}"[:300]
        try:
            send(channel, {"result": result, "fault": fault})
        except (TypeError, ValueError):
            send(channel, {"result": None, "fault": f"it returned {type(result).__name__}, which is no score"})


def _plain(value: Any) -> Any:
    """Numbers of numpy and torch as Python's, in a dict, too."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return value.item() if hasattr(value, "item") and not isinstance(value, str) else value
