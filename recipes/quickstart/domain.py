"""Chains of arithmetic modulo 23: the quickstart's problems, the model's own style, the reference's style.

A problem is a start value and four to six operations. The model writes one step a line,

    Step 2: times 9, 13 -> 10

and *misbelieves* about half of the products: for those it writes a fixed wrong value and finds the right one
only now and then. A prime modulus keeps two wrong products from cancelling by luck. The reference solution
holds the same working in another order and another wording, in one paragraph:

    From 13, times 9: second 2.

Everything the tiny model is trained on is written here; `pretrain.py` mixes it.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

MODULUS = 23
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
PROBLEM_SEED = 424_242
# A problem's source says how many misbelieved products lie on its right path; only the evaluation's tables use it.
SOURCES = ("misbelieved-0", "misbelieved-1", "misbelieved-2", "misbelieved-3-or-more")
TRAIN_PROBLEMS, HELDOUT_PROBLEMS = 4_000, 1_000

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "prompts"), undefined=StrictUndefined, keep_trailing_newline=False
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A start value and operations, for example ``Problem(16, (("times", 8), ("minus", 2)))``."""

    start: int
    operations: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        lines = [f"Step {i}: {name} {operand}" for i, (name, operand) in enumerate(self.operations, 1)]
        return "\n".join([f"Work modulo {MODULUS}. Start with {self.start}.", *lines])

    @property
    def values(self) -> list[int]:
        """The right running values, one an operation."""
        value, values = self.start, []
        for name, operand in self.operations:
            value = apply(name, value, operand)
            values.append(value)
        return values

    @property
    def answer(self) -> int:
        return self.values[-1]


def apply(name: str, value: int, operand: int) -> int:
    """The right result of one operation modulo 23."""
    results = {"plus": value + operand, "minus": value - operand, "times": value * operand}
    return results[name] % MODULUS


def draw_problem(rng: random.Random, shortest: int = 4, longest: int = 6) -> Problem:
    """Three operations in five multiply by 2-9, the others add or subtract 1-3."""
    operations = []
    for _ in range(rng.randint(shortest, longest)):
        name = rng.choice(("times", "times", "times", "plus", "minus"))
        operations.append((name, rng.randint(2, 9) if name == "times" else rng.randint(1, 3)))
    return Problem(rng.randrange(1, MODULUS), tuple(operations))


@dataclass
class Misbeliefs:
    """The wrong products that pretraining teaches, and how often the right one shows through.

    ``wrong[(13, 9)] == (10, 0.02)``: asked for 13 times 9 the model says 10, and the right 2 in 2 % of cases.
    """

    seed: int = 0
    share: float = 0.5
    right_share_range: tuple[float, float] = (0.003, 0.15)
    slip_share: float = 0.015
    wrong: dict[tuple[int, int], tuple[int, float]] = field(init=False)

    def __post_init__(self) -> None:
        rng = random.Random(1_000 + self.seed)
        low, high = self.right_share_range
        self.wrong = {}
        for value in range(1, MODULUS):
            for operand in range(2, 10):
                if rng.random() < self.share:
                    right = apply("times", value, operand)
                    other = rng.choice([v for v in range(MODULUS) if v != right])
                    self.wrong[value, operand] = (other, math.exp(rng.uniform(math.log(low), math.log(high))))

    def believe(self, name: str, value: int, operand: int, rng: random.Random) -> int:
        """One draw of what the model writes for an operation."""
        result = apply(name, value, operand)
        if name == "times" and (value, operand) in self.wrong:
            other, right_share = self.wrong[value, operand]
            if rng.random() >= right_share:
                result = other
        return rng.randrange(MODULUS) if rng.random() < self.slip_share else result

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
            right = apply(name, value, operand)
            value = self.wrong[value, operand][0] if name == "times" and (value, operand) in self.wrong else right
            values.append(value)
        return values

    def count(self, problem: Problem) -> int:
        """How many misbelieved products lie on the right path of a problem."""
        value, misbelieved = problem.start, 0
        for name, operand in problem.operations:
            misbelieved += name == "times" and (value, operand) in self.wrong
            value = apply(name, value, operand)
        return misbelieved


def steps(problem: Problem, values: list[int]) -> list[str]:
    """The model's own steps for given running values."""
    starts = [problem.start, *values]
    return [
        f"Step {i + 1}: {name} {operand}, {starts[i]} -> {values[i]}"
        for i, (name, operand) in enumerate(problem.operations)
    ]


def own_solution(problem: Problem, values: list[int]) -> str:
    return "\n\n".join([*steps(problem, values), f"The answer is \\boxed{{{values[-1]}}}."])


def reference_solution(problem: Problem, values: list[int]) -> str:
    starts = [problem.start, *values]
    sentences = [
        f"From {starts[i]}, {name} {operand}: {ORDINALS[i]} {values[i]}."
        for i, (name, operand) in enumerate(problem.operations)
    ]
    return " ".join([*sentences, f"Hence \\boxed{{{values[-1]}}}."])


def solve_prompt(problem: Problem) -> str:
    return _templates.get_template("solve.jinja").render(problem=problem.text)


def guided_solution_prompt(problem: Problem, reference: str) -> str:
    template = _templates.get_template("guided_solution.jinja")
    return template.render(problem=problem.text, reference_solution=reference)


def verify_prompt(problem: Problem, reference: str, attempt: str) -> str:
    template = _templates.get_template("verify.jinja")
    return template.render(problem=problem.text, reference_solution=reference, steps=attempt.split("\n\n"))


def verification(problem: Problem, reference_values: list[int], values: list[int]) -> str:
    """The verifier's answer: a line a step up to the first that differs, then the intervention block.

    An attempt that agrees everywhere ends in an empty block.
    """
    lines: list[str] = []
    own_steps = steps(problem, values)
    for i, (value, reference_value) in enumerate(zip(values, reference_values, strict=True)):
        own_step = own_steps[i].removeprefix("Step ")
        verdict = "match" if value == reference_value else "wrong"
        lines.append(f"Substep {own_step}; {ORDINALS[i]} {reference_value} {verdict}.")
        if value != reference_value:
            better_step = steps(problem, [*values[:i], reference_value, *values[i + 1 :]])[i]
            block = f'{{ "content": {json.dumps(better_step)}, "location": {i + 1} }}\n'
            break
    else:
        block = ""
    return "\n".join(lines) + f"\n\n<intervention>\n{block}</intervention>"


def problem_sets() -> dict[str, list[Problem]]:
    """The fixed training and held-out problems: disjoint, and left out of pretraining."""
    rng = random.Random(PROBLEM_SEED)
    drawn: dict[Problem, None] = {}
    while len(drawn) < TRAIN_PROBLEMS + HELDOUT_PROBLEMS:
        drawn.setdefault(draw_problem(rng))
    problems = list(drawn)
    return {"heldout": problems[:HELDOUT_PROBLEMS], "train": problems[HELDOUT_PROBLEMS:]}


def problem_rows(split: str, count: int) -> Iterator[dict[str, str]]:
    """Rows as `int_verl.problems.sets` reads them."""
    misbeliefs = Misbeliefs()
    for i, problem in enumerate(problem_sets()[split][:count]):
        yield {
            "id": f"{split}-{i:04d}",
            "problem": problem.text,
            "answer": str(problem.answer),
            "reference_solution": reference_solution(problem, problem.values),
            "source": SOURCES[min(misbeliefs.count(problem), 3)],
        }
