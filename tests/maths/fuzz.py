"""Answers by the thousand through everything that reads them, with no net under it.

    python -m tests.maths.fuzz --pairs 50000 --seed 1            # 100,000 expressions
    python -m tests.maths.fuzz --pairs 500 --seed 1 --math-verify

Prints how many readings there were, each exception with the shortest pair that made it, and each property that did not
hold; exit code 1 if there was one. Without ``--math-verify`` what our own reader leaves to it counts as left. A reading
that takes longer than `SECONDS` is what a worker would be killed for, and counts as slow.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any

from int_verl.generate import filters
from int_verl.grading.faults import where
from int_verl.maths import thorough_comparison
from int_verl.maths.boxes import extract_answer
from int_verl.maths.brackets import closing_brace
from int_verl.maths.normal_form import normalise
from int_verl.maths.quick_comparison import decide
from tests.maths.grammar import Grammar

SECONDS = 2.0
AROUND = ["${}$", r"\displaystyle {}", "  {} ", r"\[{}\]", r"\({}\)", "{} .", r"\, {}", r"\boxed{{{}}}"]
"What may stand around a whole answer without changing it."
AROUND_AN_EXPRESSION = [r"\left( {} \right)", "{{{}}}", r"$\displaystyle{{{}}}$", *AROUND]


def compared(gold: str, answer: str) -> bool | None:
    """Whether two answers are the same, by our own reader; None where it does not say."""
    wanted, given = normalise(gold), normalise(answer)
    same = decide(wanted, given)
    if same is not None or not wanted or not given:
        return same
    judged = thorough_comparison.judge_by_engine(wanted, given)
    return judged[0] == "correct" if judged and judged[0] in ("correct", "incorrect") else None


def readings(gold: str, answer: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Everything that reads a pair of answers, by name."""
    yield "extraction", lambda: extract_answer(rf"so \boxed{{{gold}}} or \boxed {answer}", unboxed=True)
    wanted, given = normalise(gold), normalise(answer)
    for one, other in ((wanted, given), (given, wanted)):
        if one and other:
            yield "quick comparison", partial(decide, one, other)
            yield "comparison", partial(thorough_comparison.judge, one, other)
    if wanted:
        yield "inspection", lambda: thorough_comparison.inspect(wanted)
    yield "leak test", lambda: filters._leaks(f"So ${gold}$, {gold} = {answer}. The answer is {gold}.", answer)


def broken_properties(random: Random, gold: str) -> Iterator[tuple[str, str, str]]:
    """(property, gold, answer) for each property that does not hold of an answer, and of new expressions."""
    other_number = str(random.randrange(10**17, 10**18))
    for one, other in ((gold, other_number), (other_number, gold)):
        if compared(one, other):
            yield "another number is right", one, other
    exact = Grammar(random, exact=True)
    expression = exact.expression()
    for text, wrappers in ((gold, AROUND), (expression, AROUND_AN_EXPRESSION)):
        if closing_brace(f"{{{text}}}", 0) == len(text) + 1 and "$" not in text:
            wrapped = random.choice(wrappers).format(text)
            if False in (compared(text, wrapped), compared(wrapped, text)):
                yield "a wrapper changes the answer", text, wrapped
    for other in (exact.related(expression), exact.expression(2)):
        if {compared(expression, other), compared(other, expression)} == {True, False}:
            yield "equality goes one way", expression, other


class Found:
    """What the readings of a run came to."""

    def __init__(self) -> None:
        self.readings: Counter[str] = Counter()
        self.left = 0
        self.slow = 0
        self.faults: dict[str, tuple[int, str, str]] = {}
        """Fault -> how often, and the shortest pair."""

    def add(self, fault: str, gold: str, answer: str) -> None:
        """Count a fault, and keep its pair if it is the shortest."""
        times, earlier_gold, earlier_answer = self.faults.get(fault, (0, gold, answer))
        shortest = min((earlier_gold, earlier_answer), (gold, answer), key=lambda pair: len("".join(pair)))
        self.faults[fault] = (times + 1, *shortest)

    def read(self, name: str, reading: Callable[[], Any], gold: str, answer: str) -> None:
        """Do one reading."""
        self.readings[name] += 1
        try:
            reading()
        except thorough_comparison.Cold:
            self.left += 1
        except Exception as problem:
            self.add(f"{name}: {where(problem)}: {problem}", gold, answer)


class _TooSlow(BaseException):
    pass


@contextmanager
def _counted_if_slow(found: Found, seconds: float) -> Iterator[None]:
    """Ends what takes longer."""

    def stop(*_: Any) -> None:
        raise _TooSlow

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TooSlow:
        found.slow += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def try_pair(found: Found, random: Random) -> None:
    """Make a pair, read it in every way, and try the properties; in the main thread."""
    gold, answer = Grammar(random).pair()
    for name, reading in readings(gold, answer):
        with _counted_if_slow(found, SECONDS):
            found.read(name, reading, gold, answer)
    with _counted_if_slow(found, 5 * SECONDS):
        found.read("properties", lambda: _try_properties(found, random, gold), gold, answer)


def _try_properties(found: Found, random: Random, gold: str) -> None:
    for broken in broken_properties(random, gold):
        found.add(*broken)


def main() -> None:
    """Run and print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--pairs", type=int, default=50_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--math-verify", action="store_true")
    options = arguments.parse_args()
    sys.setrecursionlimit(5_000)  # as in a worker
    if options.math_verify:
        thorough_comparison.warm_up()
    start, found, random = time.monotonic(), Found(), Random(options.seed)
    for _ in range(options.pairs):
        try_pair(found, random)
    print(f"{2 * options.pairs:,} expressions with seed {options.seed} in {time.monotonic() - start:.0f} s")
    print(", ".join(f"{name} {times:,}" for name, times in found.readings.items()))
    print(f"left to math-verify {found.left:,}, slower than {SECONDS:g} s {found.slow:,}, faults {len(found.faults)}")
    for fault, (times, gold, answer) in sorted(found.faults.items()):
        print(f"{fault} ({times} times)\n    gold   {gold!r}\n    answer {answer!r}")
    sys.exit(bool(found.faults))


if __name__ == "__main__":
    main()
