"""A function called in a process of its own, which takes its memory, that of a GPU too, with it."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from int_verl.supervision.family import signal_when_parent_dies

T = TypeVar("T")


def call_apart(function: Callable[..., T], *arguments: Any) -> T:
    """What ``function(*arguments)`` returns; all of it must be picklable. The process ends when this one does.

    Raises:
        ChildProcessError: the function raised or its process died; with its words.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_answer, args=(theirs, function, arguments), daemon=True)
    child.start()
    theirs.close()
    try:
        value, fault = ours.recv()
    except EOFError:
        child.join()
        value, fault = None, f"its process ended with exit code {child.exitcode}"
    finally:
        child.kill()
        child.join()
    if fault is not None:
        raise ChildProcessError(fault)
    returned: T = value
    return returned


def _answer(to: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal_when_parent_dies(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller's affair
    answer: tuple[Any, str | None]
    try:
        answer = function(*arguments), None
    except Exception as error:
        answer = None, f"{type(error).__name__}: {error}"
    to.send(answer)
