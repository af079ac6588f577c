"""Several evaluations side by side, and how much better one is than another on the problems that both have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from int_verl.evaluate.benchmark import (
    OUTSIDE,
    Row,
    average,
    by_column,
    grouped,
    pass_values,
    powers_of_two_and,
    set_figures,
)
from int_verl.evaluate.estimates import CONFIDENCE, bootstrap

Sides = dict[str, list[Row]]
"Entry -> its rows of the problems that all of these entries have, in one order."


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of a run, or an evaluation."""

    name: str
    "What it is called here, unlike every other entry."
    rows: Sequence[Row]
    "`records.EVALUATED` rows."
    against: str | None = None
    "The entry that it is compared with; None: it is one that others are compared with."


def comparison_table(entries: Sequence[Entry], k_by_source: Mapping[str, int]) -> dict[str, Any]:
    """Figures side by side, and paired differences: one resampled set of problems in both.

    Of each set or source count the problems that all entries with that set or source have.

    Args:
        k_by_source: see `evaluation_table`; a source without samples for its k is in `left_out`.

    Returns:
        ``{"confidence": .95, "entries": ["a", "b"], "sets": [{"set": "amo", "problems": 39, "figures": {"a": as in
        `evaluation_table`, ...}, "differences": [{"entry": "b", "against": "a", "pass_at": {"1": estimate, ...}}]}],
        "columns": [{"source": "AMO-Bench", "k": 8, "problems": 39, "pass_at_k": {"a": estimate, ...}, "differences":
        [{"entry", "against", "pass_at_k": estimate}]}], "average": the same, over the columns that all entries have
        but those `OUTSIDE`; null without any, "left_out": ["Apex"]}``

    Raises:
        ValueError: two entries have different problems under one id.
    """
    pairs = [(entry.name, entry.against) for entry in entries if entry.against is not None]
    columns: list[dict[str, Any]] = []
    values: list[dict[str, list[float]]] = []
    left_out = []
    for source, sides in _aligned(entries, by_column).items():
        k = k_by_source.get(source, 1)
        both = [rows for rows in zip(*sides.values(), strict=True) if _fewest([rows]) >= k]
        if not both:
            left_out.append(source)
            continue
        of_entries = {name: pass_values(rows, k) for name, rows in zip(sides, zip(*both, strict=True), strict=True)}
        if source not in OUTSIDE and len(sides) == len(entries):
            values.append(of_entries)
        columns.append({"source": source, "k": k, "problems": len(both), **_column(of_entries, pairs)})
    return {
        "confidence": CONFIDENCE,
        "entries": [entry.name for entry in entries],
        "sets": [{"set": name, **_set(sides, pairs)} for name, sides in _aligned(entries, _by_set).items()],
        "columns": columns,
        "average": _average(values, pairs) if values else None,
        "left_out": left_out,
    }


def _by_set(rows: Iterable[Row]) -> dict[str, list[Row]]:
    return grouped(rows, "problem_set")


def _aligned(
    entries: Sequence[Entry], group: Callable[[Iterable[Row]], Mapping[str, Sequence[Row]]]
) -> dict[str, Sides]:
    """Group -> the rows of every entry that has it; a group without a common problem is left out."""
    found: dict[str, dict[str, dict[tuple[str, str], Row]]] = {}
    for entry in entries:
        for name, rows in group(entry.rows).items():
            problems = {(row["problem_set"], row["problem_id"]): row for row in rows}
            found.setdefault(name, {})[entry.name] = problems
    aligned = {}
    for name, having in found.items():
        if common := _common(having):
            aligned[name] = {entry: [problems[problem] for problem in common] for entry, problems in having.items()}
    return aligned


def _common(having: Mapping[str, Mapping[tuple[str, str], Row]]) -> list[tuple[str, str]]:
    common = sorted(set.intersection(*(set(problems) for problems in having.values())))
    for problem in common:
        texts = {name: text for name, rows in having.items() if (text := rows[problem]["text_hash"]) is not None}
        if len(set(texts.values())) > 1:
            raise ValueError(f"problem {problem[1]} of {problem[0]} is not the same one in {' and '.join(texts)}")
    return common


def _fewest(sides: Iterable[Sequence[Row]]) -> int:
    return min(int(row["samples"]) for rows in sides for row in rows)


def _set(sides: Sides, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    differences = []
    for entry, against in _present(pairs, sides):
        ours, theirs = sides[entry], sides[against]
        gains = {
            str(k): bootstrap(_gains(pass_values(ours, k), pass_values(theirs, k)), signed=True)
            for k in powers_of_two_and(_fewest((ours, theirs)))
        }
        differences.append({"entry": entry, "against": against, "pass_at": gains})
    problems = len(next(iter(sides.values())))
    figures = {name: set_figures(rows) for name, rows in sides.items()}
    return {"problems": problems, "figures": figures, "differences": differences}


def _column(values: Mapping[str, list[float]], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "pass_at_k": {name: bootstrap(of_entry) for name, of_entry in values.items()},
        "differences": [
            {"entry": a, "against": b, "pass_at_k": bootstrap(_gains(values[a], values[b]), signed=True)}
            for a, b in _present(pairs, values)
        ],
    }


def _average(columns: Sequence[Mapping[str, list[float]]], pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {
        "pass_at_k": {name: average([column[name] for column in columns]) for name in columns[0]},
        "differences": [
            {
                "entry": a,
                "against": b,
                "pass_at_k": average([_gains(column[a], column[b]) for column in columns], signed=True),
            }
            for a, b in _present(pairs, columns[0])
        ],
    }


def _present(pairs: Iterable[tuple[str, str]], entries: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(a, b) for a, b in pairs if a in entries and b in entries]


def _gains(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(ours, theirs, strict=True)]
