# ruff: noqa: E501
"""The worker processes: deadlines, deaths, forks, and that nothing is left behind."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from int_verl.grading import Grader

pytestmark = pytest.mark.slow

SLOW = r"\int_0^{\infty} \frac{\sin(x^2) e^{-x^3} \cos(x^5)}{1+x^7+\sin(x)^2} dx"
"""An answer that math-verify works on for more than a second."""


def descendants(pid: int) -> set[int]:
    """Live processes below ``pid``; zombies count."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
    found: set[int] = set()
    frontier = {pid}
    while frontier:
        frontier = {child for child, parent in parents.items() if parent in frontier} - found
        found |= frontier
    return found


def wait_gone(pids: set[int], seconds: float = 10.0) -> set[int]:
    """Those of ``pids`` that still exist after waiting up to ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pids = {pid for pid in pids if Path(f"/proc/{pid}").exists()}
        if not pids:
            break
        time.sleep(0.05)
    return pids


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=1, timeout=0.4) as made:
        made.warm()
        yield made


def works(grader: Grader) -> bool:
    """A comparison that needs a worker, never the same twice."""
    k = time.monotonic_ns() % 10**9
    return grader.grade(rf"{k}+\sum_{{j=1}}^{{2}}\sqrt{{8}}", rf"4\sqrt2+{k}").correct


def test_deadline_and_the_next_call(grader: Grader) -> None:
    assert works(grader)
    start = time.monotonic()
    verdict = grader.grade(SLOW, "5").verdict
    assert verdict == "timeout"
    assert time.monotonic() - start < 5
    assert works(grader)


def test_timeouts_from_many_threads(grader: Grader) -> None:
    verdicts: list[str] = []
    threads = [
        threading.Thread(target=lambda k=k: verdicts.append(grader.grade(SLOW, str(k)).verdict)) for k in (5, 6, 7)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == ["timeout"] * 3
    assert works(grader)


def test_dead_worker_is_replaced(grader: Grader) -> None:
    assert works(grader)
    nursery, worker = grader._pool.pids()
    os.kill(worker, signal.SIGKILL)
    assert works(grader)
    assert grader._pool.pids()[0] == nursery


def test_dead_nursery_is_replaced(grader: Grader) -> None:
    assert works(grader)
    nursery, worker = grader._pool.pids()
    os.kill(nursery, signal.SIGKILL)
    assert not wait_gone({worker})
    assert works(grader)
    assert grader._pool.pids()[0] != nursery


def test_close_leaves_nothing() -> None:
    before = descendants(os.getpid())
    grader = Grader(workers=2)
    grader.warm()
    assert works(grader)
    started = descendants(os.getpid()) - before
    assert len(started) >= 2
    grader.close()
    assert not wait_gone(started)
    assert grader.grade(r"\sum_{k=1}^3 k^2", "14").verdict == "error"
    assert grader.grade("5", "5").correct


def test_memory_is_bounded() -> None:
    with Grader(workers=1, timeout=20, memory_mb=700) as grader:
        grader.warm()
        assert works(grader)
        nursery, worker = grader._pool.pids()
        limits = Path(f"/proc/{worker}/limits").read_text()
        assert f"{700 << 20}" in next(line for line in limits.splitlines() if line.startswith("Max address space"))
        del nursery


def test_forked_child_has_its_own_pool(grader: Grader) -> None:
    assert works(grader)
    pid = os.fork()
    if pid == 0:
        ok = False
        with contextlib.suppress(BaseException):
            ok = works(grader)
            grader.close()
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert works(grader)


def _grade_in_child(answers: multiprocessing.SimpleQueue[bool]) -> None:
    with Grader(workers=1) as grader:
        answers.put(works(grader))


def test_daemonic_process() -> None:
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    process = context.Process(target=_grade_in_child, args=(answers,), daemon=True)
    process.start()
    process.join(30)
    assert not answers.empty()
    assert answers.get()


SCRIPT = """
import os, sys, time
from int_verl.grading import Grader
grader = Grader(workers=2)
assert grader.grade(r"\\sum_{k=1}^3 k^2", "14").correct
print(*grader._pool.pids(), flush=True)
if sys.argv[1] == "wait":
    time.sleep(60)
if sys.argv[1] == "raise":
    raise RuntimeError
if sys.argv[1] == "_exit":
    os._exit(3)
"""


@pytest.mark.parametrize("way", ["return", "raise", "_exit", "wait"])
def test_nothing_outlives_the_owner(way: str) -> None:
    """Without a main guard, without close(): normal end, exception, os._exit and SIGKILL."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, way], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    pids = {int(pid) for pid in process.stdout.readline().split()}
    assert len(pids) == 2
    if way == "wait":
        process.kill()
    process.wait(30)
    process.stdout.close()
    assert not wait_gone(pids)


def test_asyncio(grader: Grader) -> None:
    import asyncio

    async def main() -> list[bool]:
        grades = await asyncio.gather(
            *(
                grader.agrade_response(rf"\boxed{{{k}+\sum_{{j=1}}^{{2}}\sqrt{{8}}}}", rf"4\sqrt2+{k}")
                for k in range(6)
            ),
            grader.agrade_response(r"\boxed{7}", "7"),
        )
        return [grade.correct for grade in grades]

    assert all(asyncio.run(main()))


@pytest.mark.parametrize(
    "answer", ['__import__("os").system("touch {0}")', r'__import__("os").system("touch {0}")*\pi']
)
@pytest.mark.parametrize("gold", ["5", r"\begin{pmatrix}1\\2\end{pmatrix}", r"\pi"])
def test_nothing_is_evaluated(tmp_path: Path, grader: Grader, gold: str, answer: str) -> None:
    mark = tmp_path / "mark"
    assert not grader.grade(answer.format(mark), gold).correct
    assert not grader.grade("[" + answer.format(mark) + "]", gold).correct
    assert not mark.exists()


def test_math_verify_cannot_reach_eval() -> None:
    from int_verl.maths import ask_math_verify as symbolic

    code = (
        "from int_verl.maths import ask_math_verify as symbolic\n"
        "from sympy.parsing.sympy_parser import parse_expr\n"
        "from sympy import sympify\n"
        "symbolic.warm_up()\n"
        "for f in (parse_expr, sympify):\n"
        "    try: f('__import__(\"os\").getpid()')\n"
        "    except Exception as problem: assert 'never evaluated' in repr(problem) + repr(problem.__cause__), problem\n"
        "    else: raise SystemExit('evaluated')\n"
    )
    assert symbolic.__doc__
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
