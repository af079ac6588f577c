"""A reward function in the grader's place: what it may do, and what that amounts to."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from int_verl.cli import main
from int_verl.errors import UserError
from int_verl.grading.reward_function import TRIED_GOLDS, RewardFunction
from int_verl.grading.reward_result import read_result
from int_verl.records import read_rows
from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets

FUNCTION = r"""
import os, subprocess, time
import numpy

def odd(data_source, solution_str, ground_truth, extra_info=None, **settings):
    print("noise")
    if solution_str == "hang":
        open(ground_truth, "w").write(str(os.getpid()))
        time.sleep(3600)
    if solution_str == "start and hang":
        sleeper = subprocess.Popen(["sleep", "3600"])
        open(ground_truth, "w").write(f"{os.getpid()} {sleeper.pid}")
        time.sleep(3600)
    if solution_str == "exit":
        os._exit(1)
    return {
        "settings": settings, "none": None, "object": object(), "text": "right", "nan": float("nan"),
        "numpy": numpy.float32(0.75), "numpy dict": {"score": numpy.float64(1), "acc": numpy.bool_(True)}, "yes": True,
    }[solution_str]

async def awaited(data_source, solution_str, ground_truth, extra_info=None):
    return float(solution_str == ground_truth)

def picky(data_source, solution_str, ground_truth, extra_info=None):
    return int(ground_truth) * 0.0

def broken(data_source, solution_str, ground_truth, extra_info=None):
    raise KeyError("everything")
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "fn.py"
    path.write_text(FUNCTION)
    return str(path)


@pytest.fixture
def odd(file: str) -> Iterator[RewardFunction]:
    with RewardFunction(file, "odd", {"score": 0.5}, timeout=20.0) as function:
        yield function


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (1, "correct"),
        (True, "correct"),
        (0.5, "correct"),
        (0.49, "incorrect"),
        ({"score": 0.2, "acc": 1.0}, "correct"),
        ({"score": 1.1, "acc": 0.0}, "incorrect"),
        ({"score": 0.0, "verdict": "timeout"}, "timeout"),
        ({"score": 0.0, "verdict": "correct"}, "incorrect"),
        ({"score": 1.0, "verdict": "incorrect"}, "correct"),
        ({"score": 0.0, "verdict": ["odd"]}, "incorrect"),
    ],
)
def test_a_result_is_correct_by_its_acc_or_else_its_score(result: Any, verdict: str) -> None:
    grade = read_result(result)
    assert not isinstance(grade, str)
    assert (grade.verdict, grade.correct) == (verdict, verdict == "correct")


@pytest.mark.parametrize(
    "result",
    [None, "1", [1.0], {}, {"acc": 1}, {"score": None}, {"score": float("nan")}, {"score": 1, "acc": "yes"}],
)
def test_what_is_no_score_is_said_to_be_none(result: Any) -> None:
    assert isinstance(read_result(result), str)


@pytest.mark.parametrize(
    ("response", "verdict"),
    [
        ("settings", "correct"),
        ("yes", "correct"),
        ("numpy", "correct"),
        ("numpy dict", "correct"),
        ("none", "error"),
        ("object", "error"),
        ("text", "error"),
        ("nan", "error"),
        ("a KeyError", "error"),
        ("exit", "error"),
    ],
)
def test_whatever_a_function_does_is_a_verdict(odd: RewardFunction, response: str, verdict: str) -> None:
    assert odd.grade_response(response, "7").verdict == verdict
    assert odd.grade_response("yes", "7").correct


def test_an_async_function_is_awaited(file: str) -> None:
    with RewardFunction(file, "awaited") as function:
        assert function.grade_response("7", "7").correct
        assert not function.grade_response("8", "7").correct


def test_calls_that_hang_neither_block_the_loop_nor_outlive_the_grader(file: str, tmp_path: Path) -> None:
    pid_files = [tmp_path / "0", tmp_path / "1"]
    function = RewardFunction(file, "odd", workers=2, timeout=3600.0)

    async def wait_for_both() -> None:
        for pid_file in pid_files:
            while not pid_file.is_file() or not pid_file.read_text():
                await asyncio.sleep(0.01)

    async def hang() -> None:
        calls = [asyncio.create_task(function.agrade_response("hang", str(pid_file))) for pid_file in pid_files]
        await wait_for_both()  # would not go on if a call held the loop
        function.close()
        assert [grade.verdict for grade in await asyncio.gather(*calls)] == ["error", "error"]

    asyncio.run(hang())
    assert not any(is_alive(int(pid_file.read_text())) for pid_file in pid_files)


def test_what_a_hanging_call_has_started_ends_with_it(file: str, tmp_path: Path) -> None:
    pid_file = tmp_path / "pids"
    with RewardFunction(file, "odd", timeout=5.0) as function:
        assert function.grade_response("start and hang", str(pid_file)).verdict == "timeout"
        pids = [int(pid) for pid in pid_file.read_text().split()]
        assert len(pids) == 2
        wait(lambda: not any(map(is_alive, pids)))
        assert function.grade_response("yes", "7").correct


def is_alive(pid: int) -> bool:
    """Whether there is such a process; one that nobody has waited for yet is dead all the same."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_hanging_function_ends_with_a_killed_run(file: str, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    program = (
        "import sys; from int_verl.grading.reward_function import RewardFunction; "
        "RewardFunction(sys.argv[1], 'odd', timeout=3600).grade_response('hang', sys.argv[2])"
    )
    run = subprocess.Popen([sys.executable, "-c", program, file, str(pid_file)])
    wait(lambda: pid_file.is_file() and bool(pid_file.read_text()))
    run.send_signal(signal.SIGKILL)
    run.wait()
    wait(lambda: not is_alive(int(pid_file.read_text())))


def wait(condition: Callable[[], bool]) -> None:
    async def until() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(until(), 60))


@pytest.mark.parametrize(
    ("path", "name", "message"),
    [
        ("nowhere.py", "f", "grader.reward_path=nowhere.py: no such file"),
        ("fn.py", "absent", "has no function 'absent'"),
        ("bad.py", "f", "importing it raised ZeroDivisionError"),
        ("exits.py", "f", "importing it ended the process"),
        ("pkg://int_verl.no_such_module", "f", "importing it raised ModuleNotFoundError"),
    ],
)
@pytest.mark.usefixtures("file")
def test_a_function_that_cannot_be_loaded_is_the_users_error(
    tmp_path: Path, path: str, name: str, message: str
) -> None:
    (tmp_path / "bad.py").write_text("1 / 0")
    (tmp_path / "exits.py").write_text("import os; os._exit(0)")
    where = path if path.startswith("pkg") or path == "nowhere.py" else str(tmp_path / path)
    with pytest.raises(UserError, match=message), RewardFunction(where, name) as function:
        function.grade_response("7", "7")


def test_golds_are_tried_before_a_run(file: str) -> None:
    with RewardFunction(file, "picky") as function:
        assert function.check_gold("7") is None
        assert "invalid literal" in str(function.check_gold("seven"))
        assert function.grade("seven", "seven").correct
    with RewardFunction("pkg://int_verl.reward_fns.math_answer", "compute_score", timeout=30.0) as function:
        assert function.check_gold("\\frac12") is None
        assert function.grade("0.5", "\\frac12").correct


def test_golds_that_all_fail_stop_the_run(file: str) -> None:
    with RewardFunction(file, "picky") as function:
        for number in range(TRIED_GOLDS - 1):
            assert "invalid literal" in str(function.check_gold(f"gold {number}"))
        with pytest.raises(UserError, match=f"first {2 * TRIED_GOLDS} calls failed"):
            function.check_gold("the last")


def test_golds_tried_side_by_side_are_all_counted(file: str) -> None:
    for _ in range(5):
        with (
            RewardFunction(file, "broken", workers=4) as function,
            ThreadPoolExecutor(4) as threads,
            pytest.raises(UserError, match=f"first {2 * TRIED_GOLDS} calls failed"),
        ):
            list(threads.map(function.check_gold, map(str, range(3 * TRIED_GOLDS))))


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [("picky", 0, ""), ("broken", 2, "each of its first 20 calls failed, the last: it raised KeyError")],
)
def test_a_run_grades_with_it(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, code: int, message: str
) -> None:
    write_problem_sets(tmp_path, train=12, heldout=3)
    overrides = {
        "run.dir": tmp_path / "run",
        "problems.train": tmp_path / "train.jsonl",
        "problems.heldout": tmp_path / "heldout.jsonl",
        "platform": "cpu",
        "engine.name": "scripted",
        "engine.script": f"{SCRIPT}:script",
        "grader.reward_path": file,
        "grader.reward_name": name,
    }
    with pytest.raises(SystemExit) as done:
        main(["sample", "--config", str(QUICKSTART / "quickstart.yaml"), *(f"{k}={v}" for k, v in overrides.items())])
    assert int(done.value.code or 0) == code
    assert message in capsys.readouterr().err
    if code == 0:
        outcomes = {row["outcome"] for row in read_rows(tmp_path / "run" / "sample" / "attempts.parquet")}
        assert outcomes == {"incorrect"}  # by the built-in grader some are correct


def test_its_arguments_are_on_no_command_line(file: str) -> None:
    """Everybody on the machine may read those of all processes."""
    with RewardFunction(file, "odd", {"judge_key": "made-up-by-the-test"}) as function:
        assert function.grade_response("yes", "1").correct
        shown = []
        for line in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has ended
                shown.append(line.read_bytes())
    assert any(b"int_verl.grading.function_calls" in line for line in shown)
    assert not any(b"made-up-by-the-test" in line for line in shown)
