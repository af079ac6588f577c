"""What the workers of a `Grader` do: compare a pair of answers, or inspect a gold answer."""

from __future__ import annotations

import gc
import resource
import sys
from typing import Any

from int_verl.grading.faults import where
from int_verl.grading.nursery import Answer, Task
from int_verl.maths.decimals import Decimals, choose
from int_verl.maths.thorough_comparison import Cold, compare_readings, inspect, judge, warm_up, warm_up_engine

# Audit events that nothing in a comparison has a reason to raise.
_FORBIDDEN = frozenset(
    {
        "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.spawn", "os.remove", "os.rename",
        "os.rmdir", "os.mkdir", "os.kill", "os.chmod", "os.chown", "os.link", "os.symlink", "os.truncate",
        "subprocess.Popen", "socket.connect", "socket.bind", "shutil.rmtree", "pty.spawn", "ctypes.dlopen",
        "signal.pthread_kill",
    }
)  # fmt: skip


class Comparisons(Task):
    """A request is a normalised gold and answer; a gold and None, to inspect it; or None and a gold, to compare
    math-verify's reading with ours. A reply is a verdict and its means, or what there is to say.

    Args:
        memory_mb: address space of one worker (``RLIMIT_AS``).
        decimals: which side's decimals may be roundings.
    """

    def __init__(self, memory_mb: int, decimals: Decimals = "gold") -> None:
        self._memory = memory_mb << 20
        choose(decimals)
        sys.setrecursionlimit(5_000)
        warm_up_engine()

    def warm_up(self) -> None:
        warm_up()
        gc.collect()
        gc.freeze()

    def begin(self) -> Answer:
        resource.setrlimit(resource.RLIMIT_AS, (self._memory, self._memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.addaudithook(_refuse)
        return _compare


def _compare(pair: tuple[str | None, str | None]) -> Any:
    try:
        return "done", _outcome(*pair)
    except Cold:
        return "cold", None
    except MemoryError:
        return "last", ("too_large", "memory")  # the heap may be left in pieces
    except RecursionError:
        return "done", ("too_large", "recursion")
    except Exception as problem:
        return "done", ("error", where(problem))


def _outcome(gold: str | None, answer: str | None) -> tuple[str, str]:
    if gold is None:
        return compare_readings(answer or "")
    return inspect(gold) if answer is None else judge(gold, answer)


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    """Audit hook: a comparison starts no process, writes no file and opens no connection."""
    if event in _FORBIDDEN:
        raise PermissionError(f"refused in a grading worker: {event}")
    if event == "open" and isinstance(args[1], str) and any(letter in args[1] for letter in "wax+"):
        raise PermissionError("refused in a grading worker: writing a file")
