"""How long the texts of a problem set are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


class LengthMeter:
    """Lengths of one column's texts that are not empty.

    Args:
        tokens: text -> its number of tokens.
    """

    def __init__(self, column: str, tokens: Callable[[str], int] | None) -> None:
        self._column = column
        self._measures: dict[str, Callable[[str], int]] = {"characters": len} | ({"tokens": tokens} if tokens else {})
        self._lengths: dict[str, list[int]] = {unit: [] for unit in self._measures}

    def add(self, text: str) -> None:
        if text:
            for unit, measure in self._measures.items():
                self._lengths[unit].append(measure(text))

    def summaries(self) -> Iterator[Lengths]:
        """One a unit; none if all texts were empty."""
        for unit, lengths in self._lengths.items():
            if lengths:
                yield self._summary(unit, np.array(lengths))

    def _summary(self, unit: str, lengths: np.ndarray) -> Lengths:
        points = np.percentile(lengths, PERCENTILES, method="inverted_cdf")
        top = max(float(np.percentile(lengths, 99)), 1.0)
        bins, edges = np.histogram(np.minimum(lengths, top), bins=min(BINS, int(top)), range=(0, top))
        return Lengths(
            self._column,
            unit,
            {str(percent): int(point) for percent, point in zip(PERCENTILES, points, strict=True)},
            round(float(lengths.mean()), 1),
            bins.tolist(),
            float(edges[1]),
        )
