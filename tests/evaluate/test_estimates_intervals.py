"""Intervals that cover, have a width, and repeat."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from int_verl.evaluate.estimates import bootstrap, bootstrap_average


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(0, 3))
@settings(deadline=None, max_examples=50)
def test_bootstrap_holds_the_mean_and_repeats(values, seed):
    estimate = bootstrap(values, resamples=200, seed=seed)
    assert estimate["value"] == pytest.approx(np.mean(values), abs=1e-12)
    assert -1e-9 <= estimate["low"] <= estimate["high"] <= 1 + 1e-9
    assert estimate == bootstrap(values, resamples=200, seed=seed)


def test_bootstrap_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    skill_R_P = rng.beta(0.5, 1.5, size=(300, 80))  # mean .25, very uneven between problems
    rates_R_P = rng.binomial(8, skill_R_P) / 8
    estimates = [bootstrap(rates_P, resamples=400) for rates_P in rates_R_P]
    covered = np.mean([e["low"] <= 0.25 <= e["high"] for e in estimates])
    assert 0.90 <= covered <= 0.99


def test_bootstrap_has_a_width_where_nothing_or_everything_succeeded():
    z2 = 1.959964**2
    assert bootstrap(np.zeros(200))["high"] == pytest.approx(z2 / (200 + z2), rel=1e-4)
    assert bootstrap(np.ones(200)) == {"value": 1.0, "low": pytest.approx(1 - z2 / (200 + z2)), "high": 1.0}
    same = bootstrap(np.zeros(10), signed=True)
    assert same["low"] == -same["high"] < 0


def test_bootstrap_of_a_ratio_resamples_problems_not_rollouts():
    right, drawn = np.array([8, 0, 0, 0]), np.array([8, 8, 8, 2])
    estimate = bootstrap(right, drawn)
    assert estimate["value"] == pytest.approx(8 / 26)
    assert estimate["high"] - estimate["low"] > 0.5


def test_a_few_problems_with_many_resamples_go_in_chunks():
    assert bootstrap(np.linspace(0, 1, 1_500_000), resamples=3)["value"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("numerator", "denominator"), [([], None), ([[1, 2]], None), ([1, 2], [1]), ([1], [0]), ([math.nan], None)]
)
def test_bootstrap_refuses_what_has_no_mean(numerator, denominator):
    with pytest.raises(ValueError, match=r"problem|finite"):
        bootstrap(numerator, denominator)


def test_lengths_have_no_upper_end():
    estimate = bootstrap([10, 20, 30], [1, 1, 1], share=False)
    assert estimate["value"] == 20
    assert 10 <= estimate["low"] < 20 < estimate["high"] <= 30
    assert bootstrap([4, 4], share=False) == {"value": 4, "low": 4, "high": 4}


def test_an_average_counts_every_set_the_same_and_covers_the_truth():
    assert bootstrap_average([[1, 1, 1, 1, 1, 0], [0]])["value"] == pytest.approx(5 / 12)
    rng = np.random.default_rng(2)
    sets_R = [[rng.binomial(8, p, 40) / 8, rng.binomial(8, q, 15) / 8] for p, q in [(0.2, 0.6)] * 200]
    estimates = [bootstrap_average(sets, resamples=400) for sets in sets_R]
    assert 0.88 <= np.mean([e["low"] <= 0.4 <= e["high"] for e in estimates]) <= 0.99
    assert bootstrap_average([[0, 0], [0]])["high"] == bootstrap([0, 0, 0])["high"]


@pytest.mark.parametrize("sets", [[], [[]], [[1], []], [[math.inf]]])
def test_an_average_of_nothing_is_refused(sets):
    with pytest.raises(ValueError, match="at least one set"):
        bootstrap_average(sets)
