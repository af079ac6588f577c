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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from int_verl.grading import Grader
from int_verl.grading.pool import PoolError, WorkerKind, WorkerPool

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


def wait_gone(pids: set[int], seconds: float = 60.0) -> set[int]:
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


def mortals(folder: Path, *, workers: int = 1, timeout: float = 5.0, forgiven: int = 3, **arguments: Any) -> WorkerPool:
    kind = WorkerKind(
        "tests.grading.mortal:Mortal",
        {"folder": str(folder), **arguments},
        tries=2,
        forgiven=forgiven,
        died="they died",
    )
    return WorkerPool(kind, workers, timeout)


def asked(pool: WorkerPool, request: str, threads: int = 1) -> list[Any]:
    """What the pool says to so many threads at once: replies and exceptions."""

    def ask(_: int) -> Any:
        try:
            return pool.ask(request)
        except (PoolError, TimeoutError) as problem:
            return problem

    with ThreadPoolExecutor(threads) as executor:
        return list(executor.map(ask, range(threads)))


@contextlib.contextmanager
def killing(folder: Path, times: int) -> Iterator[None]:
    """Somebody who kills the first workers that have a request."""

    def kill() -> None:
        killed: set[str] = set()
        while len(killed) < times and not over.wait(0.02):
            for pid in {path.name for path in folder.iterdir()} - killed:
                killed.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)

    over = threading.Event()
    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_what_somebody_kills_is_done_again(tmp_path: Path) -> None:
    with contextlib.closing(mortals(tmp_path)) as pool, killing(tmp_path, 3):
        assert asked(pool, "wait") == ["wait"]
        assert len(list(tmp_path.iterdir())) == 4


def test_what_is_killed_again_and_again_ends(tmp_path: Path) -> None:
    with contextlib.closing(mortals(tmp_path)) as pool, killing(tmp_path, 99):
        assert [str(said) for said in asked(pool, "wait")] == ["they died, killed by somebody else"]


def test_what_kills_its_own_process_is_tried_twice(tmp_path: Path) -> None:
    with contextlib.closing(mortals(tmp_path)) as pool:
        assert [str(said) for said in asked(pool, "crash")] == ["they died"]
        assert len(list(tmp_path.iterdir())) == 2
        assert asked(pool, "anything") == ["anything"]


def test_what_was_killed_for_its_memory_is_not_done_again_and_again(tmp_path: Path) -> None:
    """What the kernel kills for want of memory may have been the cause of it."""
    with contextlib.closing(mortals(tmp_path, timeout=60)) as pool, killing(tmp_path, 99):
        assert [str(said) for said in asked(pool, "grow")] == ["they died"]


def test_the_memory_of_a_large_caller_is_not_taken_for_the_nurserys(tmp_path: Path) -> None:
    held = b"x" * (2 << 30)
    with contextlib.closing(mortals(tmp_path, timeout=60)) as pool, killing(tmp_path, 99):
        assert [str(said) for said in asked(pool, "grow")] == ["they died"]
    assert len(held) == 2 << 30


def test_imports_and_the_queue_have_no_part_in_the_deadline(tmp_path: Path) -> None:
    with contextlib.closing(mortals(tmp_path, timeout=1.5, warm_up_seconds=2.5)) as pool:
        assert asked(pool, "needs imports", threads=4) == ["needs imports"] * 4
        start = time.monotonic()
        assert asked(pool, "wait", threads=3) == ["wait"] * 3
        assert time.monotonic() - start > 2.9


def test_a_start_that_fails_is_the_end_for_all_who_wait(tmp_path: Path) -> None:
    with contextlib.closing(mortals(tmp_path, fails=True)) as pool:
        start = time.monotonic()
        assert {type(said) for said in asked(pool, "anything", threads=12)} == {PoolError}
        assert time.monotonic() - start < 20


def test_close_does_not_wait_for_imports(tmp_path: Path) -> None:
    pool = mortals(tmp_path, warm_up_seconds=60)
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(asked, pool, "needs imports")
        while not pool.pids():
            time.sleep(0.05)
        time.sleep(0.5)
        start = time.monotonic()
        pool.close()
        assert isinstance(waiting.result()[0], PoolError)
        assert time.monotonic() - start < 15


COLD = r"""
import sys, threading
from int_verl.reward_fns.math_answer import compute_score

def grade(first):
    for k in range(first, 40, 8):
        # Half of them need math-verify, none is decided in the caller's thread.
        answer, gold = [
            (rf"\int_0^1 {k + 2}x\,dx", rf"\frac{{{k + 2}}}{{2}}"), (rf"{k}+\sum_{{j=1}}^{{2}}\sqrt{{8}}", rf"4\sqrt2+{k}")
        ][k % 2]
        verdicts.append(compute_score("", rf"\boxed{{{answer}}}", gold, timeout=1.0)["verdict"])

verdicts = []
threads = [threading.Thread(target=grade, args=(first,)) for first in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(verdicts), *sorted(set(verdicts)))
"""


def test_a_cold_grader_under_load_rejects_nothing() -> None:
    """Two fresh processes of eight threads each, all of whose answers are right and need a worker."""
    command = [sys.executable, "-c", COLD]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=120)[0].split() for process in processes] == [["40", "correct"]] * 2


@pytest.fixture
def crowded() -> Iterator[int]:
    """A processor that four processes keep busy."""
    processor = min(os.sched_getaffinity(0))
    busy = [
        subprocess.Popen(["taskset", "-c", str(processor), sys.executable, "-c", "while True: pass"]) for _ in "1234"
    ]
    yield processor
    for process in busy:
        process.kill()
        process.wait()


@pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="the system does not say who waits for a processor"
)
def test_the_time_without_a_processor_is_not_counted(tmp_path: Path, crowded: int) -> None:
    with contextlib.closing(mortals(tmp_path, timeout=1.0)) as pool:
        pool.warm()
        for worker in pool.pids()[1:]:
            os.sched_setaffinity(worker, {crowded})
        start = time.monotonic()
        assert pool.ask("compute") == "compute"
        assert time.monotonic() - start > 1.0, "more than its limit"
        with pytest.raises(TimeoutError):
            pool.ask("compute for ever")
        assert time.monotonic() - start < 60


def test_a_request_that_only_sleeps_has_no_more_time_on_a_busy_machine(tmp_path: Path, crowded: int) -> None:
    with contextlib.closing(mortals(tmp_path, timeout=0.4)) as pool:
        pool.warm()
        for worker in pool.pids()[1:]:
            os.sched_setaffinity(worker, {crowded})
        with pytest.raises(TimeoutError):
            pool.ask("wait")
