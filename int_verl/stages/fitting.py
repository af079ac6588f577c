"""How many verification prompts do not fit into the context, before any is asked for.

A verification's prompt holds the problem, its reference solution, in two turns the model's own guided solution, and the
whole attempt. The first two are counted in tokens; of what is not drawn yet the length is assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from math import log
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from int_verl.generate.prompts import Prompts
from int_verl.problems.sets import Problem
from int_verl.records import read_rows
from int_verl.run_files import ATTEMPTS, GUIDED_SOLUTIONS

DEVIATION = 0.5
"Of assumed lengths, in units of their mean; they are log-normal, and those at max_tokens are not verified."
STEP_TOKENS = 100
"Of a step of an attempt that is not drawn yet, in the mean: its number is added to the prompt."
_CHARACTERS = 3.0
"A token of mathematical text, where the tokenizer is not on this machine."
_PROBLEMS, _LENGTHS = 100, 100
"How many problems are counted, and how many lengths stand for a distribution."

Lengths = npt.NDArray[np.float64]
"Tokens, in no order."


@dataclass(frozen=True, slots=True)
class Fit:
    """What fits into a context.

    Example: ``Fit(0.31, 32768, 47104, "...")``: 31 % do not, and in 47,104 tokens all but one in a hundred would.
    """

    too_long: float
    "Share of the verification prompts."
    context: int
    needed: int
    "The context in which 99 % of them fit."
    how: str
    "What was counted and what assumed."

    def __str__(self) -> str:
        remedy = f"; engine.context_length={self.needed} would have 99 % fit" if self.too_long > 0.01 else ""
        said = (
            f"{self.too_long:.1%} of the verification prompts do not fit into {self.context:,} tokens with the answer"
        )
        return f"{said}{remedy} ({self.how})."


def counter(tokenizer: Path) -> tuple[Callable[[str], int], str]:
    """How long a text is by a tokenizer.json, or by its characters where there is none; and that in words."""
    if not tokenizer.is_file():
        return (lambda text: round(len(text) / _CHARACTERS)), f"a token for {_CHARACTERS:g} characters"
    from tokenizers import Tokenizer

    loaded = Tokenizer.from_file(str(tokenizer))
    return (lambda text: len(loaded.encode(text, add_special_tokens=False).ids)), "the model's tokenizer"


def fit(
    problems: Iterable[Problem],
    number: int,
    prompts: Prompts,
    two_turns: bool,
    folder: Path,
    tokenizer: Path,
    context: int,
    max_tokens: tuple[int, int, int],
    mean_tokens: float,
) -> Fit:
    """The share of verification prompts that are too long.

    Args:
        number: of the problems.
        folder: the run's; lengths of attempts and guided solutions that it holds are taken from there.
        tokenizer: the proposer's tokenizer.json, which need not be there.
        context: prompt and completion tokens at most, of the proposer.
        max_tokens: of an attempt, a guided solution and a verification.
        mean_tokens: of a completion that is not drawn yet.
    """
    count, by = counter(tokenizer)
    chosen = islice(problems, 0, None, max(1, -(-number // _PROBLEMS)))
    fixed = np.array([_fixed(problem, prompts, two_turns, count) for problem in chosen], float)
    of_attempt, of_solution, of_answer = max_tokens
    mark = count("**Substep 10:** ")
    attempts, drawn = _drawn(folder / ATTEMPTS, "skipped", "")
    if drawn is None:
        attempts = assumed(mean_tokens, of_attempt)
        attempts = attempts + mark * attempts / STEP_TOKENS
    else:
        attempts = attempts + mark * drawn
    solutions, written = _drawn(folder / GUIDED_SOLUTIONS, "status", "written")
    if not two_turns:
        solutions = np.zeros(1)
    elif written is None:
        solutions = assumed(mean_tokens, of_solution)
    totals = np.sort((fixed[:, None, None] + attempts[None, :, None] + solutions[None, None, :]).ravel()) + of_answer
    guessed = [
        *(["attempts"] if drawn is None else []),
        *(["guided solutions"] if two_turns and written is None else []),
    ]
    of = f"; assumed of {' and '.join(guessed)}: log-normal, mean {mean_tokens:,.0f}, deviation half of it"
    return Fit(
        too_long=float(1 - np.searchsorted(totals, context, side="right") / len(totals)),
        context=context,
        needed=int(-(-np.quantile(totals, 0.99) // 1024) * 1024),
        how=f"problems and references of {len(fixed)} problems by {by}{of if guessed else ''}",
    )


def assumed(mean: float, most: int) -> Lengths:
    """Lengths of completions that ended before `most` tokens; in the mean no more than half of that."""
    variance = log(1 + DEVIATION**2)
    normal = NormalDist(log(min(mean, most / 2)) - variance / 2, variance**0.5)
    below = normal.cdf(log(most))
    places = (np.arange(_LENGTHS) + 0.5) / _LENGTHS * below
    return np.exp([normal.inv_cdf(place) for place in places])


def _fixed(problem: Problem, prompts: Prompts, two_turns: bool, count: Callable[[str], int]) -> int:
    """Tokens of a verification's prompt without attempt and guided solution."""
    reference = problem.reference_solution
    verify = prompts.verify(problem.problem, reference, [], "" if two_turns else None, [[]])
    first = prompts.guided_solution(problem.problem, reference) if two_turns else ""
    return count(first) + count(verify)


def _drawn(table: Path, where: str, equals: str) -> tuple[Lengths, Lengths | None]:
    """Tokens and steps of the rows in a table in which a column has that value; None where there are none."""
    if not table.is_file():
        return np.zeros(0), None
    steps = ["steps"] if where == "skipped" else []
    rows = [row for row in read_rows(table, ["completion_tokens", where, *steps]) if row[where] == equals]
    if not rows:
        return np.zeros(0), None
    lengths = np.array([(row["completion_tokens"] or 0, row.get("steps", 0)) for row in rows], float)
    few = lengths[:: max(1, len(lengths) // _LENGTHS)]
    return few[:, 0], few[:, 1]
