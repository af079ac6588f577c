"""An evaluation of one model on any problem sets: every figure by set, and the paper's final table by source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from int_verl.evaluate.estimates import CONFIDENCE, Estimate, bootstrap, bootstrap_average, pass_at_k
from int_verl.evaluate.majority import majority_at_k
from int_verl.evaluate.tables import HARD

TRAIN = "D_train"
"The problem set of the training problems, as the paper calls it."
OUTSIDE = (TRAIN, HARD)
"Sets with a column of their own, whatever the sources of their problems, which no average counts."

Row = Mapping[str, Any]
Rows = Sequence[Row]
SHARES = ("truncated", "no_answer", "lost")


def evaluation_table(rows: Iterable[Row], k_by_source: Mapping[str, int]) -> dict[str, Any]:
    """All figures of an evaluation, from `records.EVALUATED` rows of one model.

    pass@k and maj@k for k = 1, 2, 4 ... and the number of samples; pass@1 is the mean. A figure is null where a row
    does not say what it needs.

    Args:
        k_by_source: k of a source's column, and of the sets `OUTSIDE`; 1 where it says nothing.

    Returns:
        ``{"confidence": .95, "sets": [{"set": "amo", "problems": 39, "samples": 64, "pass_at": {"1": estimate, ...},
        "majority_at": {"1": estimate, ...}, "truncated": estimate, "no_answer": estimate, "lost": estimate, "tokens":
        estimate}], "columns": [{"source": "AMO-Bench", "k": 8, "problems": 39, "pass_at_k": estimate}], "average":
        estimate}``, the average over all columns but those `OUTSIDE`, null without any.

    Raises:
        ValueError: no rows, or a k that no problem of the source has samples for.
    """
    rows = list(rows)
    if not rows:
        raise ValueError("no rows to make a table of")
    columns = [
        (source, k, with_samples(source, k, of_source))
        for source, of_source in by_column(rows).items()
        for k in (k_by_source.get(source, 1),)
    ]
    return {
        "confidence": CONFIDENCE,
        "sets": [{"set": name, **set_figures(of_set)} for name, of_set in grouped(rows, "problem_set").items()],
        "columns": [
            {"source": source, "k": k, "problems": len(column), "pass_at_k": bootstrap(pass_values(column, k))}
            for source, k, column in columns
        ],
        "average": average([pass_values(column, k) for source, k, column in columns if source not in OUTSIDE]),
    }


def average(values_of_columns: Sequence[Sequence[float]], *, signed: bool = False) -> Estimate | None:
    """The mean of the columns; None without any."""
    return bootstrap_average(values_of_columns, signed=signed) if values_of_columns else None


def grouped(rows: Iterable[Row], key: str) -> dict[str, list[Row]]:
    """Rows by a column, in the order in which its values come."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def by_column(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Source -> its rows; then the sets that stand `OUTSIDE`."""
    sets = grouped(rows, "problem_set")
    inside = [row for name, of_set in sets.items() if name not in OUTSIDE for row in of_set]
    return grouped(inside, "source") | {name: sets[name] for name in OUTSIDE if name in sets}


def with_samples(source: str, k: int, rows: Rows) -> Rows:
    """Those of a source that have samples enough for its k: where some were lost, it may be one less.

    Raises:
        ValueError: none has.
    """
    if found := [row for row in rows if row["samples"] >= k]:
        return found
    raise ValueError(f"pass@{k} of {source} needs {k} samples of a problem; draw more samples or lower k")


def set_figures(rows: Rows) -> dict[str, Any]:
    """The figures of one problem set."""
    fewest = min(row["samples"] for row in rows)
    samples = [row["samples"] for row in rows]
    ks = powers_of_two_and(fewest)
    asked = [row["samples"] + (row["lost"] or 0) for row in rows]
    voted = all(row["wrong_votes"] is not None for row in rows)
    return {
        "problems": len(rows),
        "samples": fewest,
        "pass_at": {str(k): bootstrap(pass_values(rows, k)) for k in ks},
        "majority_at": {str(k): bootstrap(majority_values(rows, k)) for k in ks} if voted else None,
        **{name: _ratio([row[name] for row in rows], samples) for name in ("truncated", "no_answer")},
        "lost": _ratio([row["lost"] for row in rows], asked),
        "tokens": _ratio([row["tokens"] for row in rows], samples, share=False),
    }


def pass_values(rows: Rows, k: int) -> list[float]:
    """pass@k of every problem."""
    return [pass_at_k(row["samples"], row["correct"], k) for row in rows]


def majority_values(rows: Rows, k: int) -> list[float]:
    """maj@k of every problem."""
    return [majority_at_k(row["samples"], row["correct"], row["wrong_votes"], k) for row in rows]


def powers_of_two_and(largest: int) -> list[int]:
    """
    >>> powers_of_two_and(8), powers_of_two_and(12)
    ([1, 2, 4, 8], [1, 2, 4, 8, 12])
    """
    powers = [1 << i for i in range(largest.bit_length())]
    return powers if powers[-1] == largest else [*powers, largest]


def figure_rows(model: str, table: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What `evaluation_table` returned as `records.FIGURE` rows; those by source have the source as their set."""

    def row(of: str, figure: str, k: int | None, estimate: Estimate | None, problems: int) -> dict[str, Any]:
        numbers = estimate or dict.fromkeys(("value", "low", "high"))
        return {"model": model, "problem_set": of, "figure": figure, "k": k, "problems": problems, **numbers}

    for one in table["sets"]:
        for figure in ("pass_at", "majority_at"):
            for k, estimate in (one[figure] or {}).items():
                yield row(one["set"], figure, int(k), estimate, one["problems"])
        for figure in (*SHARES, "tokens"):
            yield row(one["set"], figure, None, one[figure], one["problems"])
    for column in table["columns"]:
        yield row(column["source"], "column", column["k"], column["pass_at_k"], column["problems"])
    averaged = [column["problems"] for column in table["columns"] if column["source"] not in OUTSIDE]
    yield row("average", "column", None, table["average"], sum(averaged))


def _ratio(of: Sequence[float | None], samples: Sequence[int], *, share: bool = True) -> Estimate | None:
    known = [value for value in of if value is not None]
    return bootstrap(known, samples, share=share) if len(known) == len(samples) else None
