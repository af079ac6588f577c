"""A reward function found, loaded and called; what the workers of a `RewardFunction` do."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import resource
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.grading.nursery import Answer, Task


def path_and_name(option: str, text: str) -> tuple[str, str]:
    """The parts of ``FILE.py:NAME`` or ``pkg://MODULE:NAME``, as an option of a command gives it.

    Raises:
        UserError: it is neither.
    """
    path, _, name = text.rpartition(":")
    if not path or not name.isidentifier():
        raise UserError(f"{option} {text}: write FILE.py:NAME or pkg://MODULE:NAME")
    return path, name


def load_function(path: str, name: str) -> Callable[..., Any]:
    """The function `name` of ``FILE.py`` or ``pkg://MODULE``.

    Raises:
        UserError: it cannot be loaded; the message is the reason alone.
    """
    if not path.startswith("pkg://") and not Path(path).is_file():
        raise UserError(f"no such file: {path}")
    try:
        if path.startswith("pkg://"):
            module = importlib.import_module(path[len("pkg://") :])
        else:
            found = importlib.util.spec_from_file_location("checked_reward_function", path)
            if found is None or found.loader is None:
                raise UserError(f"{path} is not a Python file")
            module = importlib.util.module_from_spec(found)
            found.loader.exec_module(module)
    except UserError:
        raise
    except (Exception, SystemExit) as problem:
        raise UserError(f"importing it raised {type(problem).__name__}: {problem}") from problem
    function: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(function):
        raise UserError(f"{path} has no function {name!r}")
    return function


def call(function: Callable[..., Any], /, *arguments: Any, **more: Any) -> Any:
    """What a function returns, or, if it is asynchronous, what it comes to."""
    result = function(*arguments, **more)
    return asyncio.run(result) if inspect.iscoroutine(result) else result


class FunctionCalls(Task):
    """A request is the keyword arguments of a call, a reply has `result` and `fault`.

    The function is loaded by each worker: it is the user's code, and the threads that it may start cannot be forked.

    Args:
        path, name: what `load_function` takes.
        settings: more keyword arguments.
        memory_gb: what a worker may allocate; each process that it starts, too.
    """

    def __init__(self, path: str, name: str, settings: dict[str, Any], memory_gb: float | None = None) -> None:
        self._path, self._name, self._settings, self._memory_gb = path, name, settings, memory_gb

    def begin(self) -> Answer:
        if self._memory_gb is not None:
            # Of data, not of address space: GPU libraries reserve much more of that than they use.
            limit = int(self._memory_gb * 2**30)
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        function, worker = load_function(self._path, self._name), os.getpid()

        def answer(arguments: dict[str, Any]) -> Any:
            result, fault = None, None
            try:
                result = _plain(call(function, **arguments, **self._settings))
            except (Exception, SystemExit) as error:
                fault = f"it raised {type(error).__name__}: {error}"[:300]
            if os.getpid() != worker:
                os._exit(0)  # a child that the function forked must not answer in its parent's place
            try:
                json.dumps(result)
            except (TypeError, ValueError):
                result, fault = None, f"it returned {type(result).__name__}, which is no score"
            return "done", {"result": result, "fault": fault}

        return answer


def _plain(value: Any) -> Any:
    """Numbers of numpy and torch as Python's, in a dict, too."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return value.item() if hasattr(value, "item") and not isinstance(value, str) else value
