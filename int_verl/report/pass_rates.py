"""How often each problem is solved before and after: which were gained, and which lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from int_verl.evaluate.tables import HARD, HELDOUT

BEFORE = "base"
AFTER = ("InT SFT + RL", "InT SFT", "base + RL")
"The first of these that was evaluated."
CALLED = {HELDOUT: "held-out", HARD: "hard"}


@dataclass(frozen=True, slots=True)
class PassRates:
    """The problems of one set under two models."""

    problem_set: str
    before: str
    after: str
    rates: dict[str, tuple[float, float]]
    "Problem -> share of right samples before and after."

    @property
    def called(self) -> str:
        return CALLED.get(self.problem_set, self.problem_set)

    @property
    def gained(self) -> list[str]:
        """Solved at least once after, and never before."""
        return [problem for problem, (before, after) in self.rates.items() if after > before == 0]

    @property
    def lost(self) -> list[str]:
        """Solved at least once before, and never after."""
        return [problem for problem, (before, after) in self.rates.items() if before > after == 0]


def pass_rates(scores: Iterable[Mapping[str, Any]]) -> list[PassRates]:
    """From `records.SCORE` rows, for every problem set with both models; problems by their change, the best first."""
    shares: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in scores:
        if row["samples"]:
            shares[row["problem_set"]][row["model"]][row["problem_id"]] = row["correct"] / row["samples"]
    found = []
    for problem_set, models in sorted(shares.items(), key=lambda item: item[0] != HELDOUT):
        after = next((model for model in AFTER if model in models), None)
        if after and BEFORE in models:
            first, last = models[BEFORE], models[after]
            both = sorted(first.keys() & last.keys(), key=lambda problem: (first[problem] - last[problem], problem))
            rates = {problem: (first[problem], last[problem]) for problem in both}
            if rates:
                found.append(PassRates(problem_set, BEFORE, after, rates))
    return found
