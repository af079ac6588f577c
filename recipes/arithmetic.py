"""Chains of arithmetic modulo a prime, and a model's misbeliefs about products: what the tiny models' domains share."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field


def apply(name: str, value: int, operand: int, modulus: int) -> int:
    """The right result of one operation."""
    results = {"plus": value + operand, "minus": value - operand, "times": value * operand}
    return results[name] % modulus


@dataclass(frozen=True, slots=True)
class Problem:
    """A start value and operations, for example ``Problem(16, (("times", 8), ("minus", 2)))``."""

    start: int
    operations: tuple[tuple[str, int], ...]
    modulus: int = 23

    @property
    def text(self) -> str:
        lines = [f"Step {i}: {name} {operand}" for i, (name, operand) in enumerate(self.operations, 1)]
        return "\n".join([f"Work modulo {self.modulus}. Start with {self.start}.", *lines])

    @property
    def values(self) -> list[int]:
        """The right running values, one an operation."""
        value, values = self.start, []
        for name, operand in self.operations:
            value = apply(name, value, operand, self.modulus)
            values.append(value)
        return values

    @property
    def answer(self) -> int:
        return self.values[-1]


def draw(rng: random.Random, lengths: tuple[int, int], names: Sequence[str], factor: int, modulus: int) -> Problem:
    """A problem of `lengths` steps (least, most): it multiplies by 2 to `factor`, and adds or subtracts 1-3."""
    operations = []
    for _ in range(rng.randint(*lengths)):
        name = rng.choice(names)
        operations.append((name, rng.randint(2, factor) if name == "times" else rng.randint(1, 3)))
    return Problem(rng.randrange(1, modulus), tuple(operations), modulus)


def disjoint_sets(draw_one: Callable[[], Problem], heldout: int, train: int) -> dict[str, list[Problem]]:
    """The first so many different problems that are drawn."""
    problems: dict[Problem, None] = {}
    while len(problems) < heldout + train:
        problems.setdefault(draw_one())
    found = list(problems)
    return {"heldout": found[:heldout], "train": found[heldout:]}


@dataclass
class Misbeliefs:
    """The wrong products that pretraining teaches, and how often the right one shows through.

    ``wrong[(13, 9)] == (10, 0.02)``: asked for 13 times 9 the model says 10, and the right 2 in 2 % of cases.
    """

    seed: int = 0
    share: float = 0.5
    right_share_range: tuple[float, float] = (0.003, 0.15)
    slip_share: float = 0.015
    modulus: int = 23
    factor: int = 9
    wrong: dict[tuple[int, int], tuple[int, float]] = field(init=False)

    def __post_init__(self) -> None:
        rng = random.Random(1_000 + self.seed)
        low, high = self.right_share_range
        self.wrong = {}
        for value in range(1, self.modulus):
            for operand in range(2, self.factor + 1):
                if rng.random() < self.share:
                    right = apply("times", value, operand, self.modulus)
                    other = rng.choice([v for v in range(self.modulus) if v != right])
                    self.wrong[value, operand] = (other, math.exp(rng.uniform(math.log(low), math.log(high))))

    def believe(self, name: str, value: int, operand: int, rng: random.Random) -> int:
        """One draw of what the model writes for an operation."""
        result = apply(name, value, operand, self.modulus)
        if name == "times" and (value, operand) in self.wrong:
            other, right_share = self.wrong[value, operand]
            if rng.random() >= right_share:
                result = other
        return rng.randrange(self.modulus) if rng.random() < self.slip_share else result

    def run(self, problem: Problem, rng: random.Random) -> list[int]:
        """Running values as the model would write them."""
        value, values = problem.start, []
        for name, operand in problem.operations:
            value = self.believe(name, value, operand, rng)
            values.append(value)
        return values

    def expected(self, problem: Problem) -> list[int]:
        """The most likely running values."""
        value, values = problem.start, []
        for name, operand in problem.operations:
            right = apply(name, value, operand, self.modulus)
            other, right_share = self.wrong.get((value, operand), (right, 1.0)) if name == "times" else (right, 1.0)
            value = right if right_share > 0.5 else other
            values.append(value)
        return values

    def on_path(self, problem: Problem) -> int:
        """How many misbelieved products lie on the right path of a problem."""
        starts = [problem.start, *problem.values]
        return sum(
            name == "times" and (start, operand) in self.wrong
            for start, (name, operand) in zip(starts, problem.operations, strict=False)
        )


SOURCES = ("misbelieved-0", "misbelieved-1", "misbelieved-2", "misbelieved-3-or-more")
"Sources of problems, by how many misbelieved facts are on their right path."


def problem_rows(
    split: str, problems: Iterable[Problem], misbeliefs: Misbeliefs, reference: Callable[[Problem, list[int]], str]
) -> Iterator[dict[str, str]]:
    """Rows as `int_verl.problems.sets` reads them; `reference` writes the solution with these values."""
    for i, problem in enumerate(problems):
        yield {
            "id": f"{split}-{i:04d}",
            "problem": problem.text,
            "answer": str(problem.answer),
            "reference_solution": reference(problem, problem.values),
            "source": SOURCES[min(misbeliefs.on_path(problem), 3)],
        }
