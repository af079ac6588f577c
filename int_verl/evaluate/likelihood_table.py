"""Likelihood and entropy of token data under models, by part of a row: prefix, intervention, suffix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from int_verl.evaluate.estimates import Floats, bootstrap
from int_verl.evaluate.likelihood import TokenScores

PARTS = ("prefix", "intervention", "suffix", "solution")
"Of a row for SFT; a baseline's row is a whole solution."


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """One row of token data under one model."""

    model: str
    data: str
    problem: str
    parts: Mapping[str, int]
    "Part -> its number of tokens, in the order in which they stand in the row."
    scores: TokenScores
    "Of the tokens of all parts."


def likelihood_table(rows: Iterable[ScoredRow]) -> list[dict[str, Any]]:
    """Means over tokens, with bootstrap intervals over problems; one entry for each data and model.

    Returns:
        ``[{"data": "interventions", "model": "base", "rows": 29, "problems": 24, "parts": {"all": {"tokens": 1_031,
        "nll": estimate, nats a token, "probability": estimate, mean of the tokens' own, "entropy": estimate, nats},
        "prefix": {...}}, "nll_row": estimate, nats a row}]``
    """
    sums: dict[tuple[str, str], dict[str, dict[str, Floats]]] = defaultdict(lambda: defaultdict(dict))
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        key, start = (row.data, row.model), 0
        counts[key][row.problem] += 1
        for part, length in {**row.parts, "all": None}.items():
            of_part = slice(start, start + length) if length is not None else slice(None)
            start += length or 0
            log_probs, entropies = row.scores.log_probs_T[of_part], row.scores.entropies_T[of_part]
            found = np.array([len(log_probs), -log_probs.sum(), np.exp(log_probs).sum(), entropies.sum()])
            if len(log_probs):
                sums[key][part][row.problem] = sums[key][part].get(row.problem, np.zeros(4)) + found
    return [
        {
            "data": data,
            "model": model,
            "rows": sum(of_rows.values()),
            "problems": len(of_rows),
            "parts": {part: _means(sums[data, model][part]) for part in ("all", *PARTS) if sums[data, model].get(part)},
            "nll_row": bootstrap(
                [float(found[1]) for found in sums[data, model]["all"].values()],
                [of_rows[problem] for problem in sums[data, model]["all"]],
                share=False,
            )
            if sums[data, model].get("all")
            else None,
        }
        for (data, model), of_rows in counts.items()
    ]


def _means(of_problems: Mapping[str, Floats]) -> dict[str, Any]:
    sums_P_4 = np.stack(list(of_problems.values()))
    tokens_P = sums_P_4[:, 0]
    names = ("nll", "probability", "entropy")
    means = {name: bootstrap(sums_P_4[:, i], tokens_P, share=False) for i, name in enumerate(names, 1)}
    return {"tokens": int(tokens_P.sum()), **means}


def shift_of_probability(before: Iterable[ScoredRow], after: Iterable[ScoredRow]) -> dict[str, Any] | None:
    """The mean probability of the same intervention tokens under a model and under the one made of it, paired.

    Returns:
        ``{"rows": 29, "before": estimate, "after": estimate, "change": estimate}``; None without intervention tokens.
    """
    sums: dict[str, Floats] = defaultdict(lambda: np.zeros(3))
    rows = 0
    for old, new in zip(before, after, strict=True):
        start = old.parts.get("prefix", 0)
        of_part = slice(start, start + old.parts.get("intervention", 0))
        ours, theirs = (np.exp(row.scores.log_probs_T[of_part]) for row in (old, new))
        rows += 1
        if len(ours):
            sums[old.problem] = sums[old.problem] + [len(ours), ours.sum(), theirs.sum()]
    if not sums:
        return None
    tokens_P, before_P, after_P = np.stack(list(sums.values())).T
    means = {"before": before_P, "after": after_P, "change": after_P - before_P}
    return {"rows": rows, **{name: bootstrap(values, tokens_P, share=False) for name, values in means.items()}}
