"""A reward function of the user's own in worker processes: every call comes to a result or a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from int_verl.errors import UserError
from int_verl.grading.pool import CannotBegin, PoolError, WorkerKind, WorkerPool


class CallFault(Exception):
    """A call that came to nothing.

    Example: ``CallFault("raised", "it raised KeyError: 'answer'")``
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail
        "`reason`: ``timeout``, ``raised`` or ``died``."


class FunctionPool:
    """Calls a function, as many at a time as there are workers; a call that hangs ends with all that it started.

    Args:
        path: ``path/to/file.py`` or ``pkg://module``.
        name: the function's name there.
        settings: more keyword arguments (verl's ``reward_kwargs``).
        workers: processes, and so calls at a time.
        timeout: seconds that one call may take; neither the import of the file nor waiting for a worker is counted.
        memory_gb: what one process may allocate; None: no limit.
    """

    def __init__(
        self, path: str, name: str, settings: Mapping[str, Any], workers: int, timeout: float, memory_gb: float | None
    ) -> None:
        task = {"path": path, "name": name, "settings": as_json(settings), "memory_gb": memory_gb}
        self._timeout = timeout
        self._pool = WorkerPool(WorkerKind("int_verl.grading.function_calls:FunctionCalls", task), workers, timeout)

    def close(self) -> None:
        """End the processes, whatever they are doing."""
        self._pool.close()

    def load(self) -> None:
        """Have one worker load the function now.

        Raises:
            UserError: it cannot be loaded.
        """
        try:
            self._pool.warm()
        except CannotBegin as problem:
            raise UserError(str(problem)) from None

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """What the function returns, as JSON has it.

        Raises:
            CallFault: it raised, hung, ended its process, or returned what JSON cannot say.
            UserError: it cannot be loaded.
        """
        try:
            reply = self._pool.ask(as_json(arguments))
        except CannotBegin as problem:
            raise UserError(str(problem)) from None
        except TimeoutError:
            raise CallFault("timeout", f"no result after {self._timeout:g} s") from None
        except PoolError as problem:
            raise CallFault("died", str(problem)) from None
        if reply["fault"]:
            raise CallFault("raised", reply["fault"])
        return reply["result"]


def as_json(value: Any) -> Any:
    """Arguments as JSON has them: arrays and sequences as lists, numbers as Python's, what is nothing of it as text."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if hasattr(value, "tolist"):  # numpy's and torch's
        return as_json(value.tolist())
    return list(map(as_json, value)) if isinstance(value, (Sequence, set, frozenset)) else str(value)
