"""`Grader` as its callers see it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from int_verl.grading import Grade, Grader


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=2) as shared:
        yield shared


@pytest.mark.parametrize(
    ("answer", "gold", "verdict"),
    [
        ("42", "42", "correct"),
        ("042", "42", "correct"),
        ("42.0", "42", "correct"),
        ("43", "42", "incorrect"),
        ("-0", "0", "correct"),
        (r"\boxed{42}", "42", "correct"),
        ("42", r"$\boxed{42}$.", "correct"),
        ("1,234,567", "1234567", "correct"),
        (r"\dfrac{1}{2}", "0.5", "correct"),
        ("x = 5", "5", "correct"),
        (r"50\%", r"\frac12", "correct"),
        ("0.6", r"\frac23", "incorrect"),
        ("", "5", "no_answer"),
        (None, "5", "no_answer"),
        ("5", None, "gold_unparsable"),
        ("5", "", "gold_unparsable"),
        (5, 5, "correct"),
        (r"\frac12", 0.5, "correct"),
        ("5", ["5"], "correct"),
        ("5", ["5", "6"], "incorrect"),
    ],
)
def test_verdicts(grader: Grader, answer: object, gold: object, verdict: str) -> None:
    assert grader.grade(answer, gold).verdict == verdict


def test_response(grader: Grader) -> None:
    grade = grader.grade_response(r"First \boxed{1}, no: it is \boxed{\sqrt{8}}.", r"2\sqrt2")
    assert grade == Grade("correct", r"\sqrt{8}", grade.means)
    assert grade.correct
    assert grader.grade_response("I do not know", "5") == Grade("no_answer", None)


def test_threads(grader: Grader) -> None:
    wrong: list[str] = []

    def work(seed: int) -> None:
        for i in range(10):
            if not grader.grade(rf"{seed}+\sqrt{{{i + 2}}}", rf"\sqrt{{{i + 2}}}+{seed}").correct:
                wrong.append(f"{seed}, {i}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_plain_numbers_start_nothing() -> None:
    code = (
        "import sys\n"
        "from int_verl.grading import Grader\n"
        "with Grader() as g:\n"
        "    assert g.grade_response('so \\\\boxed{12}', '12').correct\n"
        "    assert not g.grade_response('so \\\\boxed{13}', '12').correct\n"
        "    assert g.grade('0.5', '1/2').correct\n"
        "    assert g._pool.pids() == []\n"
        "heavy = {'math_verify', 'sympy', 'torch', 'verl', 'transformers'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
