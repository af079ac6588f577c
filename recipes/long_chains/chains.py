r"""Chains of 15 to 20 operations modulo 53: problems, styles of writing, and how a reader of a reference goes wrong.

The model writes one step a line, with one of several signs before its value, and now and then like a textbook:

    Step 2: times 3, 51 becomes 47

    Line 3: adding 2 to 47 gives third 49

The reference solution is all textbook. Whoever reads a number from a reference, to write a solution anew or to verify
an attempt, reads the line before or after by mistake with the same small chance.

Everything the tiny model is trained on is written here; `pretrain.py` mixes it.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

sys.path.insert(0, str(Path(__file__).parents[1]))

import arithmetic
from arithmetic import Misbeliefs, Problem, disjoint_sets, draw

RECIPES = Path(__file__).parents[1]

MODULUS, FACTOR = 53, 7
NAMES = ("times", "times", "plus", "plus", "minus")
SHORTEST, LONGEST = 15, 20
ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
]
MISBELIEVED_SHARE, RIGHT_SHARES, SLIPS = 0.3, (0.02, 0.5), 0.002
MISREADING = 0.03
"The chance that a number read from a reference is that of a neighbouring line: of the rewriter and of the verifier."
TEXTBOOK = 0.05
"Share of the model's own steps that it writes as a textbook does."
SIGNS = {"->": 0.35, "makes": 0.25, "becomes": 0.2, "equals": 0.2}
"What stands before the value in its own style, and how often."
PROBLEM_SEED = 535_353
TRAIN_PROBLEMS, HELDOUT_PROBLEMS = 4_000, 1_000

_templates = Environment(
    loader=FileSystemLoader([RECIPES / "long_chains" / "prompts", RECIPES / "quickstart" / "prompts"]),
    undefined=StrictUndefined,
    keep_trailing_newline=False,
)
_OWN = re.compile(r"Step (\d+): (times|plus|minus) (\d+), (\d+) (?:->|makes|becomes|equals) (\d+)")
_TEXTBOOK = re.compile(
    r"Line (\d+): (?:(multiplying) (\d+) by (\d+)|(adding) (\d+) to (\d+)|(subtracting) (\d+) from (\d+))"
    r" gives \w+ (\d+)"
)


def draw_problem(rng: random.Random, shortest: int = SHORTEST, longest: int = LONGEST) -> Problem:
    """Two operations in five multiply by 2-7, the others add or subtract 1-3."""
    return draw(rng, (shortest, longest), NAMES, FACTOR, MODULUS)


def base_misbeliefs(seed: int = 0) -> Misbeliefs:
    """What the base model believes."""
    return Misbeliefs(seed, MISBELIEVED_SHARE, RIGHT_SHARES, SLIPS, MODULUS, FACTOR)


def textbook_step(number: int, name: str, operand: int, start: int, value: int) -> str:
    """One step of a reference solution."""
    done = {
        "times": f"multiplying {start} by {operand}",
        "plus": f"adding {operand} to {start}",
        "minus": f"subtracting {operand} from {start}",
    }
    return f"Line {number}: {done[name]} gives {ORDINALS[number - 1]} {value}"


def own_step(rng: random.Random, number: int, name: str, operand: int, start: int, value: int) -> str:
    """One step as the model writes it: nearly always in its own style."""
    if rng.random() < TEXTBOOK:
        return textbook_step(number, name, operand, start, value)
    sign = rng.choices(list(SIGNS), list(SIGNS.values()))[0]
    return f"Step {number}: {name} {operand}, {start} {sign} {value}"


def own_solution(rng: random.Random, problem: Problem, values: Sequence[int], answer: int | None = None) -> str:
    """A solution with given running values, and the last of them as its answer unless another is given."""
    starts = [problem.start, *values]
    lines = [own_step(rng, i, *problem.operations[i - 1], starts[i - 1], starts[i]) for i in range(1, len(starts))]
    return "\n\n".join([*lines, f"The answer is \\boxed{{{values[-1] if answer is None else answer}}}."])


def reference_solution(problem: Problem, values: Sequence[int]) -> str:
    starts = [problem.start, *values]
    lines = [textbook_step(i, *problem.operations[i - 1], starts[i - 1], starts[i]) for i in range(1, len(starts))]
    return "\n\n".join([*lines, f"Hence \\boxed{{{values[-1]}}}."])


def read(rng: random.Random, values: Sequence[int], i: int) -> int:
    """The value of line `i` of a reference as it is read: now and then that of a neighbouring line."""
    neighbours = [j for j in (i - 1, i + 1) if 0 <= j < len(values)]
    return values[rng.choice(neighbours)] if neighbours and rng.random() < MISREADING else values[i]


def rewritten(rng: random.Random, problem: Problem, reference_values: Sequence[int]) -> str:
    """A whole solution written anew with a reference in view, number by number, the answer too."""
    values = [read(rng, reference_values, i) for i in range(len(reference_values))]
    return own_solution(rng, problem, values, read(rng, reference_values, len(values) - 1))


def verification(rng: random.Random, problem: Problem, reference_values: Sequence[int], values: Sequence[int]) -> str:
    """The verifier's answer: a line a step up to the first that seems to differ, then the intervention block.

    A line quotes the step, in one style whatever its own is, and the reference's value: `Step 7: times 3, 46 -> 31;
    seventh 32 wrong.` An attempt that seems to agree everywhere ends in an empty block.
    """
    lines: list[str] = []
    block = ""
    starts = [problem.start, *values]
    for i, value in enumerate(values):
        seen = read(rng, reference_values, i)
        name, operand = problem.operations[i]
        step = f"Step {i + 1}: {name} {operand}, {starts[i]} -> {value}"
        lines.append(f"{step}; {ORDINALS[i]} {seen} {'match' if value == seen else 'wrong'}.")
        if value != seen:
            content = own_step(rng, i + 1, name, operand, starts[i], seen)
            block = f'{{ "content": {json.dumps(content)}, "location": {i + 1} }}\n'
            break
    return "\n".join(lines) + f"\n\n<intervention>\n{block}</intervention>"


def solve_prompt(problem: Problem) -> str:
    return _templates.get_template("solve.jinja").render(problem=problem.text)


def guided_solution_prompt(problem: Problem, reference: str) -> str:
    template = _templates.get_template("guided_solution.jinja")
    return template.render(problem=problem.text, reference_solution=reference)


def verify_prompt(problem: Problem, reference: str, attempt: str) -> str:
    template = _templates.get_template("verify.jinja")
    return template.render(problem=problem.text, reference_solution=reference, steps=attempt.split("\n\n"))


Step = tuple[int, str, int, int, int]
"Number, operation, operand, start, value."


def read_step(text: str) -> Step | None:
    """A step in either style; None if it is none."""
    if m := _OWN.fullmatch(text.strip()):
        return int(m[1]), m[2], int(m[3]), int(m[4]), int(m[5])
    if m := _TEXTBOOK.fullmatch(text.strip()):
        if m[2]:
            return int(m[1]), "times", int(m[4]), int(m[3]), int(m[11])
        name, operand, start = ("plus", m[6], m[7]) if m[5] else ("minus", m[9], m[10])
        return int(m[1]), name, int(operand), int(start), int(m[11])
    return None


def steps_in(solution: str) -> list[Step]:
    """All its steps, in either style."""
    return [step for text in solution.split("\n\n") if (step := read_step(text)) is not None]


def first_error(problem: Mapping[str, str], attempt_steps: Sequence[str]) -> int | None:
    """The step, from 1, where an attempt first leaves the right path: its number, operation, start or value is another,
    or the answer is. None if there is none. See `int-verl analyse`.

    Args:
        problem: as `problem_rows` has it.
    """
    right = steps_in(problem["reference_solution"])
    for i, text in enumerate(attempt_steps):
        answered = f"boxed{{{problem['answer']}}}" in text
        if not (read_step(text) == right[i] if i < len(right) else answered):
            return i + 1
    return None


@lru_cache
def problem_sets() -> dict[str, list[Problem]]:
    """The fixed training and held-out problems: disjoint, and left out of pretraining."""
    rng = random.Random(PROBLEM_SEED)
    return disjoint_sets(lambda: draw_problem(rng), HELDOUT_PROBLEMS, TRAIN_PROBLEMS)


def problem_rows(split: str, count: int) -> Iterator[dict[str, str]]:
    """Rows as `int_verl.problems.sets` reads them."""
    return arithmetic.problem_rows(split, problem_sets()[split][:count], base_misbeliefs(), reference_solution)
