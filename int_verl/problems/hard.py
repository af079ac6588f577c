"""Problems by how often sampled attempts solve them, and those that are hard enough to be worth an intervention.

The paper trains on problems that none of 64 attempts solves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from int_verl.errors import UserError
from int_verl.records import PROBLEM, read_rows
from int_verl.run_files import TRAIN_PROBLEMS

Truncated = Literal["failure", "excluded"]
UNGRADED = frozenset(("timeout", "too_large", "gold_unparsable", "error"))
"Outcomes that say nothing about the attempt."
BANDS = (0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"Upper ends of the bands of pass rates; 0 and 1 are bands of their own."

HARD_PROBLEM = pa.schema([*PROBLEM, *(pa.field(name, pa.int32()) for name in ("attempts", "correct", "truncated"))])
"`attempts` are those that count; `truncated` counts them whether they do or not."


@dataclass(slots=True)
class Tally:
    """The attempts at one problem."""

    correct: int = 0
    wrong: int = 0
    truncated: int = 0
    ungraded: int = 0

    def counted(self, truncated: Truncated) -> int:
        """Attempts that count."""
        return self.correct + self.wrong + (self.truncated if truncated == "failure" else 0)


def problems_of(attempts_file: Path, named: Path | None) -> Path:
    """The file of problems that is named, or else that of the run which drew the attempts.

    Raises:
        UserError: no such file, or it is not parquet.
    """
    file = named or attempts_file.parent.parent / TRAIN_PROBLEMS
    if not file.is_file():
        raise UserError(f"{file}: no such file; say --problems FILE, the problem set that the attempts are of")
    if file.suffix != ".parquet":
        raise UserError(f"--problems {file}: expected parquet; `int-verl problems check --write` makes it of others")
    return file


def tally_attempts(file: Path) -> dict[str, Tally]:
    """Problem id -> its attempts, from a file with columns problem_id, correct and, if it has it, outcome.

    Raises:
        UserError: no such file, or a column is missing.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file; give a run folder with sampled attempts or an attempts.parquet")
    try:
        names = pq.read_schema(file).names
    except pa.ArrowInvalid as error:
        raise UserError(f"{file}: not a parquet file ({error})") from error
    for name in ("problem_id", "correct"):
        if name not in names:
            raise UserError(f"{file}: no column {name!r}; it has {', '.join(names)}")
    tallies: dict[str, Tally] = defaultdict(Tally)
    for row in read_rows(file, [name for name in ("problem_id", "correct", "outcome") if name in names]):
        tally, outcome = tallies[row["problem_id"]], row.get("outcome")
        if row["correct"]:
            tally.correct += 1
        elif outcome == "truncated":
            tally.truncated += 1
        elif outcome in UNGRADED:
            tally.ungraded += 1
        else:
            tally.wrong += 1
    return dict(tallies)


def band_of(rate: float) -> int:
    """Index of a pass rate's band: 0 for no success, ``len(BANDS)`` for nothing but successes."""
    return len(BANDS) if rate == 1 else next(i for i, end in enumerate(BANDS) if rate <= end)


def band_names() -> list[str]:
    """One a band, for example ``above 0.25, up to 0.5``."""
    inner = [f"above {low:.3g}, up to {high:.3g}" for low, high in pairwise(BANDS[:-1])]
    return ["0", *inner, f"above {BANDS[-2]:.3g}, below 1", "1"]


def count_bands(rates: Iterable[float]) -> dict[str, int]:
    """Name of each band -> how many pass rates lie in it."""
    numbers = Counter(map(band_of, rates))
    return {name: numbers[band] for band, name in enumerate(band_names())}


def select_hard(
    problems: Iterable[Mapping[str, Any]],
    tallies: Mapping[str, Tally],
    max_pass_rate: float,
    min_attempts: int,
    truncated: Truncated,
) -> Iterator[dict[str, Any]]:
    """`HARD_PROBLEM` rows of the problems with at least `min_attempts` attempts that count and a pass rate of at most
    `max_pass_rate`, in the order of `problems`."""
    for problem in problems:
        tally = tallies.get(problem["id"])
        attempts = tally.counted(truncated) if tally else 0
        if tally and attempts >= max(min_attempts, 1) and tally.correct <= max_pass_rate * attempts:
            yield {**problem, "attempts": attempts, "correct": tally.correct, "truncated": tally.truncated}
