"""Likelihoods by part from scores written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from int_verl.evaluate.likelihood import TokenScores
from int_verl.evaluate.likelihood_table import ScoredRow, likelihood_table, shift_of_probability
from int_verl.evaluate.likelihood_text import likelihood_cells


def row(problem: str, parts: dict[str, int], probabilities: list[float], model: str = "base") -> ScoredRow:
    scores = TokenScores(np.log(probabilities), np.arange(len(probabilities), dtype=float))
    return ScoredRow(model, "interventions", problem, parts, scores)


ROWS = [
    row("p", {"prefix": 2, "intervention": 1}, [0.5, 0.25, 0.125]),
    row("p", {"prefix": 1, "intervention": 2}, [1.0, 0.5, 0.5]),
    row("q", {"intervention": 2, "suffix": 1}, [0.25, 0.25, 1.0]),
]


def test_by_part() -> None:
    (entry,) = likelihood_table(ROWS)
    assert (entry["rows"], entry["problems"]) == (3, 2)
    two = math.log(2)
    sums = {"all": (9, 12 * two), "prefix": (3, 3 * two), "intervention": (5, 9 * two), "suffix": (1, 0)}
    for part, (tokens, nll) in sums.items():
        assert entry["parts"][part]["tokens"] == tokens
        assert entry["parts"][part]["nll"]["value"] == pytest.approx(nll / tokens)
    assert entry["parts"]["intervention"]["probability"]["value"] == pytest.approx((0.125 + 1 + 0.5) / 5)
    assert entry["parts"]["prefix"]["entropy"]["value"] == pytest.approx((0 + 1 + 0) / 3)
    assert entry["nll_row"]["value"] == pytest.approx(12 * two / 3)


def test_the_shift_is_of_the_same_tokens() -> None:
    after = [
        row("p", {"prefix": 2, "intervention": 1}, [0.1, 0.1, 0.625], "InT SFT"),
        row("p", {"prefix": 1, "intervention": 2}, [0.1, 1.0, 0.5], "InT SFT"),
        row("q", {"intervention": 2, "suffix": 1}, [0.75, 0.25, 0.1], "InT SFT"),
    ]
    shift = shift_of_probability(ROWS, after)
    assert shift is not None
    assert shift["before"]["value"] == pytest.approx(1.625 / 5)
    assert shift["after"]["value"] == pytest.approx(3.125 / 5)
    assert shift["change"]["value"] == pytest.approx(0.3)
    whole = row("p", {"solution": 1}, [0.5])
    assert shift_of_probability([whole], [whole]) is None
    table = {
        "confidence": 0.95,
        "data": likelihood_table(ROWS),
        "rollouts": [],
        "shift": {"train": shift, "test": None},
    }
    likelihoods, probabilities = likelihood_cells(table)
    assert likelihoods.heads == ["data", "under", "rows", "all", "prefix", "intervention", "suffix", "a row", "paper"]
    assert likelihoods.rows[0][-1] == "0.4"
    assert probabilities.rows[0][-1] == "0.166 → 0.407"
