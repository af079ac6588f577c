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
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

sys.path.insert(0, str(Path(__file__).parents[1]))

import arithmetic
from arithmetic import Misbeliefs, Problem, disjoint_sets, draw

MODULUS = 23
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
PROBLEM_SEED = 424_242
TRAIN_PROBLEMS, HELDOUT_PROBLEMS = 4_000, 1_000

_REFERENCE_VALUE = re.compile(r": \w+ (\d+)\.")
_VALUE = re.compile(r"(?:-> |boxed\{)(\d+)\b")

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "prompts"), undefined=StrictUndefined, keep_trailing_newline=False
)


def draw_problem(rng: random.Random, shortest: int = 4, longest: int = 6) -> Problem:
    """Three operations in five multiply by 2-9, the others add or subtract 1-3."""
    return draw(rng, (shortest, longest), ("times", "times", "times", "plus", "minus"), 9, MODULUS)


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


def first_error(problem: Mapping[str, str], attempt_steps: Sequence[str]) -> int | None:
    """The first step of an attempt whose value is wrong, from 1; None if there is none. See `int-verl analyse`.

    Args:
        problem: as `problem_rows` has it.
    """
    right = _REFERENCE_VALUE.findall(problem["reference_solution"])
    for number, step in enumerate(attempt_steps, 1):
        value = _VALUE.search(step)
        if value is None or value[1] != [*right, problem["answer"]][min(number, len(right) + 1) - 1]:
            return number
    return None


def problem_sets() -> dict[str, list[Problem]]:
    """The fixed training and held-out problems: disjoint, and left out of pretraining."""
    rng = random.Random(PROBLEM_SEED)
    return disjoint_sets(lambda: draw_problem(rng), HELDOUT_PROBLEMS, TRAIN_PROBLEMS)


def problem_rows(split: str, count: int) -> Iterator[dict[str, str]]:
    """Rows as `int_verl.problems.sets` reads them."""
    return arithmetic.problem_rows(split, problem_sets()[split][:count], Misbeliefs(), reference_solution)
