"""Our grader and math-verify on the test suites of other projects, in one run.

    python benchmarks/grading_suites.py --math-verify ~/Math-Verify --latex2sympy ~/latex2sympy2_extended \\
        --inspect-ai ~/inspect_ai --areal ~/AReaL [--disagreements disagreements.jsonl]

Each flag takes the root of a checkout of that project; nothing of it is copied. Cases are read from the source of the
tests (literals alone, nothing runs), but for latex2sympy2_extended, whose expected values are sympy objects: there its
own tests run with `record_sympy_pairs.py` in the place of their comparison, and a case asks whether the LaTeX under
test equals the LaTeX that sympy prints of the expected value.

A case is right or wrong by the word of its suite, which is not always the last one: suites test a parser's habits as
well. So every case in which one of the two departs from the suite is printed, and a reader judges. Both graders see
the same texts: a box is read where there is one, an answer stated in words otherwise, and else the text itself.
"""

from __future__ import annotations

import argparse
import ast
import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from int_verl.grading import Grader
from int_verl.maths.boxes import extract_answer

PLUGIN = Path(__file__).with_name("record_sympy_pairs.py")


@dataclass(frozen=True)
class Case:
    """Whether ``answer`` is right, by the word of a suite; both may be a whole response."""

    suite: str
    where: str
    gold: str
    answer: str
    right: bool


@dataclass(frozen=True)
class Judged:
    """A case, and what the two graders say of it."""

    case: Case
    ours: bool
    math_verify: bool
    verdict: str
    means: str | None


def literal(node: ast.expr) -> object:
    """The value of a literal, None of anything else."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


Test = ast.FunctionDef | ast.AsyncFunctionDef


def parametrised(test: Test) -> Iterator[tuple[int, dict[str, object]]]:
    """Line and arguments of each literal row of a test's ``pytest.mark.parametrize``."""
    for mark in test.decorator_list:
        if not (isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.parametrize"):
            continue
        named = literal(mark.args[0])
        names = [name.strip() for name in named.split(",")] if isinstance(named, str) else named
        for row in mark.args[1].elts if isinstance(mark.args[1], ast.List) else ():
            values = literal(row)
            if isinstance(names, list | tuple) and isinstance(values, tuple) and len(values) == len(names):
                yield row.lineno, dict(zip(names, values, strict=True))


def tests_of(file: Path) -> Iterator[Test]:
    """The test functions of a file, in order."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, Test) and node.name.startswith("test"):
            yield node


def math_verify_cases(checkout: Path) -> Iterator[Case]:
    """Rows with a gold, a prediction and 0 or 1; those that ask for another option than its defaults are left out."""
    for file in sorted((checkout / "tests").glob("test_*.py")):
        for test in tests_of(file):
            for line, row in parametrised(test):
                gold, answer, right = row.get("gold"), row.get("pred"), row.get("expected", row.get("result"))
                if isinstance(gold, str) and isinstance(answer, str) and right in (0, 1) and len(row) == 3:
                    yield Case("Math-Verify", f"{file.name}:{line}", gold, answer, bool(right))


def inspect_ai_cases(checkout: Path) -> Iterator[Case]:
    """Its corpus of cases, and the rows of answer and target of tests that expect one status."""
    corpus = checkout / "tests/scorer/math_cases.json"
    for number, case in enumerate(json.loads(corpus.read_text(encoding="utf-8"))):
        yield Case("inspect_ai", f"{corpus.name}[{number}]", case["target"], case["output"], case["expected"] == "C")
    for test in tests_of(corpus.with_name("test_math.py")):
        expected = [status for status in ("correct", "incorrect") if f".status == {status!r}" in ast.unparse(test)]
        for line, row in parametrised(test) if len(expected) == 1 else ():
            answer, gold = row.get("answer"), row.get("target")
            if isinstance(gold, str) and isinstance(answer, str):
                yield Case("inspect_ai", f"test_math.py:{line}", gold, answer, expected == ["correct"])


def areal_cases(checkout: Path) -> Iterator[Case]:
    """Calls of a reward function whose result is asserted to be 1 or 0."""
    file = checkout / "tests/test_math_verify_reward.py"
    for test in tests_of(file):
        calls: dict[str, tuple[int, str, str]] = {}
        for node in test.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                given = {keyword.arg: literal(keyword.value) for keyword in node.value.keywords}
                gold, answer = given.get("answer"), given.get("completions")
                if isinstance(gold, str) and isinstance(answer, str):
                    calls[ast.unparse(node.targets[0])] = node.lineno, gold, answer
            if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
                call, right = calls.get(ast.unparse(node.test.left)), literal(node.test.comparators[0])
                if call and right in (0.0, 1.0):
                    yield Case("AReaL", f"{file.name}:{call[0]}", call[1], call[2], bool(right))


def latex2sympy_cases(checkout: Path) -> Iterator[Case]:
    """What its tests compare; those of its cases that it gets wrong itself are in as well."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl", encoding="utf-8") as pairs:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", PLUGIN.stem, "tests"]
        command += ["--override-ini", "python_files=*test*.py", f"--record-pairs={pairs.name}"]
        path = f"{PLUGIN.parent}:{checkout}"
        done = subprocess.run(
            command, cwd=checkout, env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=600
        )
        rows = [json.loads(line) for line in pairs]
    if not rows:
        raise SystemExit(f"{checkout}: its tests recorded nothing: {done.stdout[-500:]}{done.stderr[-500:]}")
    for row in rows:
        yield Case("latex2sympy2_extended", row["where"], row["expected"], row["latex"], True)


SUITES: dict[str, Callable[[Path], Iterator[Case]]] = {
    "math-verify": math_verify_cases,
    "latex2sympy": latex2sympy_cases,
    "inspect-ai": inspect_ai_cases,
    "areal": areal_cases,
}


def by_math_verify(case: Case) -> bool:
    """math-verify at its defaults; a text in which it finds nothing is given once more as LaTeX."""
    from math_verify import parse, verify

    def parsed(text: str) -> list[object]:
        return parse(text) or parse(f"${text}$")

    return bool(verify(parsed(case.gold), parsed(case.answer)))


def answer_of(text: str) -> str:
    return extract_answer(text, unboxed=True) or text


def judge(cases: list[Case]) -> Iterator[Judged]:
    """Ours and math-verify on each case."""
    with Grader() as grader:
        grader.warm()
        for case in cases:
            grade = grader.grade(answer_of(case.answer), answer_of(case.gold))
            yield Judged(case, grade.correct, by_math_verify(case), grade.verdict, grade.means)


def agreements(judged: list[Judged]) -> Table:
    """A row a suite: how many cases, and on how many each grader departs from it, both ways."""
    table = Table("suite", "cases", "ours: rejected, accepted", "math-verify: rejected, accepted")
    for suite in dict.fromkeys(one.case.suite for one in judged):
        of_suite = [one for one in judged if one.case.suite == suite]
        cells = [
            f"{sum(one.case.right and not says(one) for one in of_suite)}, "
            f"{sum(says(one) and not one.case.right for one in of_suite)}"
            for says in (lambda one: one.ours, lambda one: one.math_verify)
        ]
        table.add_row(suite, str(len(of_suite)), *cells)
    return table


def deciders(judged: list[Judged]) -> Table:
    """A row a means: how many verdicts it reached, and how many of them depart from the suite."""
    table = Table("decided by", "cases", "departs from the suite")
    for means in sorted({one.means or "plain comparison" for one in judged}):
        by = [one for one in judged if (one.means or "plain comparison") == means]
        table.add_row(means, str(len(by)), str(sum(one.ours != one.case.right for one in by)))
    return table


def main() -> None:
    """Read the suites that are given, judge, and print."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for name in SUITES:
        arguments.add_argument(f"--{name}", type=Path, metavar="CHECKOUT")
    arguments.add_argument("--disagreements", type=Path, help="also write them to this file, as JSON lines")
    options = arguments.parse_args()
    logging.disable(logging.WARNING)
    given = {name: getattr(options, name.replace("-", "_")) for name in SUITES}
    if not any(given.values()):
        arguments.error("give at least one checkout")
    cases = [case for name, read in SUITES.items() if given[name] for case in read(given[name].resolve())]
    judged = list(judge(list(dict.fromkeys(cases))))
    departing = [one for one in judged if not one.ours == one.math_verify == one.case.right]
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for one in departing:
        sides = {"suite": one.case.right, "ours": one.ours, "math-verify": one.math_verify}
        said = ", ".join(f"{name} {'right' if right else 'wrong'}" for name, right in sides.items())
        console.print(
            f"{one.case.suite} {one.case.where}: {said}\n  gold   {one.case.gold!r}\n  answer {one.case.answer!r}"
        )
    if options.disagreements:
        lines = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in departing)
        options.disagreements.write_text("".join(lines), encoding="utf-8")
    console.print(agreements(judged))
    console.print(deciders(judged))


if __name__ == "__main__":
    main()
