"""Which share of the verification prompts does not fit, against prompts that are rendered and counted one by one."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from int_verl.generate.prompts import load_prompts
from int_verl.problems.sets import Problem
from int_verl.records import ATTEMPT, GUIDED_SOLUTION, write_rows
from int_verl.run_files import ATTEMPTS, GUIDED_SOLUTIONS
from int_verl.stages.fitting import Fit, assumed, counter, fit
from tests.quickstart_files import QUICKSTART

PROMPTS = load_prompts(solve="math/solve", guided_solution="math/guided_solution", verify="math/verify")
TOKENIZER = QUICKSTART / "model/tokenizer.json"
PROBLEMS = [
    Problem(str(number), f"What is {number}? " * 5, "1", "Because. " * number, source="x") for number in range(1, 41)
]


def share(folder: Path, context: int, two_turns: bool = True, mean: float = 700.0) -> Fit:
    return fit(PROBLEMS, len(PROBLEMS), PROMPTS, two_turns, folder, TOKENIZER, context, (1_600, 1_600, 1_600), mean)


def write_drawn(folder: Path, texts: list[list[str]], solutions: list[str]) -> None:
    """Attempts by their steps, of which one is cut off, and guided solutions."""
    count, _ = counter(TOKENIZER)
    empty = dict.fromkeys(ATTEMPT.names)
    rows = [
        empty | {"completion_tokens": count("\n\n".join(steps)), "steps": len(steps), "skipped": ""} for steps in texts
    ]
    write_rows(folder / ATTEMPTS, ATTEMPT, [*rows, rows[0] | {"completion_tokens": 10**6, "skipped": "truncated"}])
    empty = dict.fromkeys(GUIDED_SOLUTION.names)
    written = [empty | {"completion_tokens": count(text), "status": "written"} for text in solutions]
    write_rows(folder / GUIDED_SOLUTIONS, GUIDED_SOLUTION, written)


@pytest.mark.parametrize("two_turns", [True, False])
def test_what_is_drawn_is_counted_as_the_prompts_will_have_it(tmp_path: Path, two_turns: bool) -> None:
    random = Random(0)
    texts = [["So x = 3. " * random.randint(2, 40) for _ in range(random.randint(1, 12))] for _ in range(30)]
    solutions = ["Then y = 4. " * random.randint(5, 100) for _ in range(30)]
    write_drawn(tmp_path, texts, solutions)
    count, _ = counter(TOKENIZER)
    lengths = []
    for problem in PROBLEMS:
        for steps in texts:
            for solution in solutions if two_turns else [None]:
                verify = PROMPTS.verify(problem.problem, problem.reference_solution, steps, solution)
                first = PROMPTS.guided_solution(problem.problem, problem.reference_solution) if two_turns else ""
                lengths.append((first, solution or "", verify))
    sample = random.sample(lengths, 400)
    exact = np.array([sum(map(count, parts)) for parts in sample])
    for quantile in (0.25, 0.5, 0.75):
        context = int(np.quantile(exact, quantile)) + 1_600
        found = share(tmp_path, context, two_turns)
        assert found.too_long == pytest.approx(1 - quantile, abs=0.06)
    assert "assumed" not in found.how
    assert share(tmp_path, int(exact.max()) + 1_700, two_turns).too_long < 0.01


def test_a_longer_context_and_shorter_completions_fit_more(tmp_path: Path) -> None:
    shares = [share(tmp_path, context).too_long for context in (3_000, 4_000, 5_000, 8_000, 100_000)]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[-1]) == (1.0, 0.0)
    assert share(tmp_path, 5_000, mean=300.0).too_long < shares[2]
    assert share(tmp_path, 5_000, two_turns=False).too_long < shares[2]


def test_in_the_context_that_is_named_all_but_one_in_a_hundred_fit(tmp_path: Path) -> None:
    found = share(tmp_path, 4_000)
    assert f"engine.context_length={found.needed} would have 99 % fit" in str(found)
    assert "mean 700, deviation half of it" in str(found)
    assert share(tmp_path, found.needed).too_long <= 0.01
    assert share(tmp_path, found.needed - 2_000).too_long > 0.01
    assert "engine.context_length=" not in str(share(tmp_path, found.needed))


def test_assumed_lengths_have_their_mean_and_end_before_the_limit() -> None:
    whole = assumed(7_000, 10**6)
    assert whole.mean() == pytest.approx(7_000, rel=0.02)
    assert whole.std() == pytest.approx(3_500, rel=0.1)
    assert assumed(7_000, 16_384).max() < 16_384
    assert assumed(7_000, 2_000).max() < 2_000


def test_without_a_tokenizer_characters_are_counted(tmp_path: Path) -> None:
    count, by = counter(tmp_path / "tokenizer.json")
    assert count("abcdef") == 2
    assert "characters" in by
