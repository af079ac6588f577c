"""A reward that random weights earn in half of their rollouts, so that there is something to train on."""

from __future__ import annotations

import zlib
from typing import Any


def compute_score(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None, **_: Any) -> float:  # noqa: ARG001
    return float(zlib.crc32(solution_str.encode()) % 2)
