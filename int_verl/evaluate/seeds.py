"""Figures of several seeds: mean and spread, and whether their order is the paper's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from int_verl.evaluate.text import Cells

Values = Mapping[str, Mapping[int, float]]
"Model -> seed -> value; a seed that has not been run is left out."


def mean_and_spread(values: Mapping[int, float], scale: float = 1, digits: int = 3) -> str:
    """Mean ± standard deviation over seeds; of one seed the value alone.

    >>> mean_and_spread({0: 0.2, 1: 0.4}, 100, 1), mean_and_spread({0: 0.25}), mean_and_spread({})
    ('30.0 ± 14.1', '0.250', '-')
    """
    if not values:
        return "-"
    scaled = np.asarray(list(values.values())) * scale
    spread = f" ± {scaled.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{scaled.mean():.{digits}f}{spread}"


def order_against(paper: Mapping[str, float], ours: Values) -> str:
    """Which pairs stand, in the mean over the seeds that both have, in another order than in the paper.

    >>> order_against({"a": 1, "b": 2, "c": 3}, {"a": {0: 5.0}, "b": {0: 4.0}, "c": {0: 6.0}})
    "2 of 3 pairs in the paper's order; not so: a / b (in 1 of 1 seeds)"
    """
    models = [model for model in paper if model in ours]
    pairs = [(a, b) for i, a in enumerate(models) for b in models[i + 1 :] if paper[a] != paper[b]]
    turned = []
    for a, b in pairs:
        both = sorted(ours[a].keys() & ours[b].keys())
        gaps = [(ours[a][seed] - ours[b][seed]) * (paper[a] - paper[b]) for seed in both]
        if gaps and np.mean(gaps) <= 0:
            turned.append(f"{a} / {b} (in {sum(gap <= 0 for gap in gaps)} of {len(gaps)} seeds)")
    if not pairs:
        return "nothing to order yet"
    kept = f"{len(pairs) - len(turned)} of {len(pairs)} pairs in the paper's order"
    return f"{kept}; not so: {', '.join(turned)}" if turned else kept


def seed_cells(title: str, ours: Values, paper: Mapping[str, float]) -> Cells:
    """One figure of the models that the paper has, beside the paper's, and whether the models' order is the paper's."""
    rows = [[model, mean_and_spread(ours.get(model, {})), f"{value:g}"] for model, value in paper.items()]
    return Cells(title, ["model", "ours", "paper"], rows, [order_against(paper, ours)])
