"""Answers a second, ours against the graders it replaces, in one run.

    python benchmarks/grading.py                 # all sets, all graders
    python benchmarks/grading.py --sets D1,D3 --graders ours,math-verify --seconds 10

Three sets, as a sequential caller meets them (``ours-1-worker``, ``ours-2-workers``: two threads, so that the worker
processes do what the caller of ``ours`` does itself):

- D1: whole responses of 1,500 characters with mixed answers, eight to a gold, as rollouts come.
- D2: distinct pairs that need symbolic work, and no two alike.
- D3: whole responses of 4,000 characters with a boxed integer at the end.

D1 and D2 are made from the labelled pairs, if `--pairs` (or ``INT_VERL_SHARED``) finds them; otherwise from templates.
Rivals: math-verify in process as its README has it, verl's ``math_verify`` reward, and a forked process for every
answer (written here), the design of several published recipes. Every grader gets the same inputs; a slow one stops
after `--seconds` and its rate is that of what it finished. Each figure is the best of `--rounds` passes; in each round
every grader has its turn, so that a machine's slow minute is nobody's alone. ``first call`` is a new process's first
answer that plain comparison does not decide, imports and all.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from int_verl.grading import Grader

Pair = tuple[str, str]
"""(gold, response)"""
GradeFunction = Callable[[str, str], bool]

FILLER = (
    "Let us consider the quantity $f(n) = n^2 + 3n$ and see how it changes from one case to the next. "
    "We get $x=1$ from the first equation, and substituting it into the second leaves $y = 2x + 1 = 3$. "
)


def response(answer: str, characters: int) -> str:
    """A response of about ``characters`` that ends in ``answer``, boxed."""
    body = FILLER * (characters // len(FILLER) + 1)
    return body[: max(characters - len(answer) - 40, 0)] + f"\n\nThus the answer is $\\boxed{{{answer}}}$."


def load_pairs(path: Path | None) -> list[dict[str, Any]]:
    """The labelled pairs, if they can be found."""
    candidates = [path] if path else [
        Path(os.environ.get("INT_VERL_SHARED", "")) / "data/grading/pairs.jsonl",
        Path(__file__).resolve().parents[2] / "shared/data/grading/pairs.jsonl",
    ]  # fmt: skip
    for candidate in candidates:
        if candidate and candidate.is_file():
            return [json.loads(line) for line in candidate.read_text().splitlines()]
    return []


def mixed(pairs: list[dict[str, Any]], rng: random.Random) -> list[Pair]:
    """D1: 800 responses to 100 problems."""
    real = [(row["gold"], row["pred"]) for row in pairs if row["source"].startswith("real")]
    if not real:
        golds = [r"\frac{1}{2}", "42", r"2\sqrt{3}", "1,234", r"\frac{n(n+1)}{2}", "x=5", r"50\%", r"\frac{7}{3}"]
        real = [(rng.choice(golds), rng.choice([*golds, "7", r"\dfrac{1}{2}", "0.5", "UNSURE"])) for _ in range(800)]
    rng.shuffle(real)
    # One group after the other, as a trainer grades; the groups in no order, so that a part of them is a fair sample.
    order = {gold: rng.random() for gold, _ in real}
    real = sorted(real[:800], key=lambda pair: order[pair[0]])
    return [(gold, response(answer, 1_500)) for gold, answer in real]


def is_plain_expression(text: str) -> bool:
    """Whether arithmetic can be done with an answer, and takes more than a fraction."""
    other = ("text", "mathrm", "$", "=", ",", "<", "cup", "pm", "circ", "le", "[", "%")
    symbols = ("sqrt", "frac{", "^", "pi")
    return len(text) < 80 and any(c in text for c in symbols) and not any(c in text for c in other)


def symbolic(pairs: list[dict[str, Any]], rng: random.Random) -> list[Pair]:
    """D2: 600 distinct pairs of expressions that no comparison of strings decides."""
    expressions = sorted({row["gold"] for row in pairs if row["label"] and is_plain_expression(row["gold"])}) or [
        rf"\frac{{{a}\sqrt{{{b}}}+{c}}}{{{d}}}"
        for a in range(2, 6)
        for b in (2, 3, 5)
        for c in range(5)
        for d in range(2, 7)
    ]
    made: list[Pair] = []
    while len(made) < 600:
        base = rng.choice(expressions)
        k = rng.randrange(2, 99)
        made.append(
            rng.choice(
                [
                    (rf"{base}+{k}", rf"{k}+({base})"),
                    (rf"{k}({base})", rf"({base})\cdot {k}"),
                    (rf"\frac{{{base}}}{{{k}}}", rf"\frac{{2({base})}}{{{2 * k}}}"),
                    (rf"{base}-{k}", rf"{base}-{k + 1}"),
                    (rf"\sqrt{{{k}}}({base})", rf"({base})\sqrt{{{k}}}"),
                    (base, rng.choice(expressions)),
                ]
            )
        )
    return [(gold, f"so it is $\\boxed{{{answer}}}$.") for gold, answer in made]


def integers(rng: random.Random) -> list[Pair]:
    """D3: 600 responses of 4,000 characters."""
    made = []
    for _ in range(600):
        gold = rng.randrange(10_000)
        made.append((str(gold), response(str(gold if rng.random() < 0.5 else gold + 1), 4_000)))
    return made


def data_sets(pairs: Path | None) -> dict[str, list[Pair]]:
    """Name -> pairs, the same in every process."""
    rng = random.Random(0)
    labelled = load_pairs(pairs)
    return {"D1": mixed(labelled, rng), "D2": symbolic(labelled, rng), "D3": integers(rng)}


@contextmanager
def ours(workers: int) -> Iterator[GradeFunction]:
    """`Grader`; its caches are new for each pass."""
    with Grader(workers=workers) as grader:
        grader.warm()
        yield lambda gold, text: grader.grade_response(text, gold).correct


@contextmanager
def math_verify_in_process() -> Iterator[GradeFunction]:
    """math-verify at its defaults, in the main thread."""
    from math_verify import parse, verify

    logging.disable(logging.WARNING)

    def grade(gold: str, text: str) -> bool:
        return bool(verify(parse(f"${gold}$"), parse(text)))

    yield grade


@contextmanager
def verl_math_verify() -> Iterator[GradeFunction]:
    """verl's ``reward_score/math_verify.py``: math-verify in its process pool."""
    from verl.utils.reward_score.math_verify import compute_score

    yield lambda gold, text: bool(compute_score(text, gold))


def _graded_in_child(gold: str, text: str, answers: Any) -> None:
    from math_verify import parse, verify

    answers.put(bool(verify(parse(f"${gold}$"), parse(text))))


@contextmanager
def process_per_answer() -> Iterator[GradeFunction]:
    """A forked process for each answer, joined with a time limit; the parent has imported math-verify and used it."""
    from math_verify import parse, verify

    verify(parse("$1$"), parse(r"so $\boxed{\frac{1}{1}}$"))
    context = multiprocessing.get_context("fork")

    def grade(gold: str, text: str) -> bool:
        answers = context.Queue()
        process = context.Process(target=_graded_in_child, args=(gold, text, answers))
        process.start()
        try:
            return bool(answers.get(timeout=10))
        except Exception:
            return False
        finally:
            process.kill()
            process.join()

    yield grade


GRADERS: dict[str, tuple[Callable[[], Any], int]] = {
    "ours": (lambda: ours(1), 1),
    "ours-1-worker": (lambda: ours(1), 2),
    "ours-2-workers": (lambda: ours(2), 2),
    "math-verify": (math_verify_in_process, 1),
    "verl": (verl_math_verify, 1),
    "process-per-answer": (process_per_answer, 1),
}
"""Name -> (how to make it, threads that call it)."""


def measure(name: str, part: str, options: argparse.Namespace) -> float:
    """Answers a second of one grader without its start, in a process of its own: nothing is cached from before.

    The process is killed with all that it started: verl's pool would keep it from ending.
    """
    command = [sys.executable, __file__, "--only", name, "--sets", part, "--seconds", str(options.seconds)]
    command += ["--pairs", str(options.pairs)] if options.pairs else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        os.killpg(process.pid, signal.SIGKILL)
    return float(line)


def first_call() -> float:
    """Seconds from a new process's call to its answer."""
    code = (
        "import time; from int_verl.grading import Grader; start = time.perf_counter(); "
        r"assert Grader(workers=1).grade_response(r'so \boxed{\frac{\sqrt{8}}{2}}', r'\sqrt{2}').correct; "
        "print(time.perf_counter() - start)"
    )
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def rate(grade: GradeFunction, pairs: list[Pair], seconds: float, threads: int) -> float:
    """Answers a second over ``pairs``, or over as many as fit into ``seconds``."""
    start = time.perf_counter()
    if threads > 1:
        with ThreadPoolExecutor(threads) as executor:
            list(executor.map(lambda pair: grade(*pair), pairs))
        return len(pairs) / (time.perf_counter() - start)
    done = 0
    for gold, text in pairs:
        grade(gold, text)
        done += 1
        if time.perf_counter() - start > seconds:
            break
    return done / (time.perf_counter() - start)


def main() -> None:
    """Run the chosen graders on the chosen sets and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--pairs", type=Path)
    arguments.add_argument("--sets", default="D1,D2,D3")
    arguments.add_argument("--graders", default=",".join(GRADERS))
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--rounds", type=int, default=2)
    arguments.add_argument("--json", type=Path)
    arguments.add_argument("--only", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.only:
        make, threads = GRADERS[options.only]
        with make() as grade:
            print(rate(grade, data_sets(options.pairs)[options.sets], options.seconds, threads), flush=True)
        return
    rates: dict[str, dict[str, float]] = {name: {} for name in options.graders.split(",")}
    for _ in range(options.rounds):
        for part in options.sets.split(","):
            for name, best in rates.items():
                best[part] = max(best.get(part, 0.0), measure(name, part, options))
                print(f"{name:20} {part}  {best[part]:10.1f} /s", flush=True)
    for rival in rates if "ours" in rates else []:
        if rival != "ours":
            ratios = (f"{part} {rates['ours'][part] / rates[rival][part]:.1f}" for part in options.sets.split(","))
            print(f"ours / {rival}: {', '.join(ratios)}")
    print(f"first call: {min(first_call() for _ in range(3)):.2f} s")
    if options.json:
        options.json.write_text(json.dumps(rates, indent=1))


if __name__ == "__main__":
    main()
