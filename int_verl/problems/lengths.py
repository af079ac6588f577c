"""How long the texts of a problem set are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PERCENTILES = (0, 5, 25, 50, 75, 95, 99, 100)
BINS = 12


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long a column's texts are, in characters or tokens."""

    column: str
    unit: str
    percentiles: dict[str, int]
    "Percentile -> length; 0 is the shortest, 100 the longest."
    mean: float
    bins: list[int]
    "Texts in each of equally wide classes from 0 to the 99th percentile; longer ones are in the last."
    bin_width: float


def summary(column: str, unit: str, lengths: list[int]) -> Lengths:
    points = np.percentile(lengths, PERCENTILES, method="inverted_cdf")
    top = max(float(np.percentile(lengths, 99)), 1.0)
    bins, edges = np.histogram(np.minimum(lengths, top), bins=min(BINS, int(top)), range=(0, top))
    return Lengths(
        column,
        unit,
        {str(percent): int(point) for percent, point in zip(PERCENTILES, points, strict=True)},
        round(float(np.mean(lengths)), 1),
        bins.tolist(),
        float(edges[1]),
    )
