"""The tables of `benchmark` and `comparison` as cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from int_verl.evaluate.benchmark import OUTSIDE
from int_verl.evaluate.estimates import Estimate
from int_verl.evaluate.text import Cells, percent

_KS_SHOWN = 8
"The larger ones stand in the files."


def evaluation_cells(table: Mapping[str, Any]) -> list[Cells]:
    """What `evaluation_table` returned: pass@k, maj@k, what else there is to say of the responses, and by source."""
    sets, interval = table["sets"], f"{table['confidence'] * 100:.0f} % intervals over problems, by the bootstrap."
    tables = [_by_k("pass@k", "pass_at", sets, [interval, "The mean of all samples is pass@1."])]
    if any(one["majority_at"] for one in sets):
        tables.append(_by_k("maj@k: most of k samples are right", "majority_at", sets, []))
    heads = ["problem set", "truncated", "no answer", "lost", "response tokens"]
    rows = [
        [one["set"], *(percent(one[share]) for share in ("truncated", "no_answer", "lost")), number(one["tokens"])]
        for one in sets
    ]
    return [*tables, Cells("Responses", heads, rows, []), source_cells(table)]


def source_cells(table: Mapping[str, Any]) -> Cells:
    """By source, each at its own k, and the average row."""
    rows = [
        [column["source"], str(column["problems"]), f"pass@{column['k']}", percent(column["pass_at_k"])]
        for column in table["columns"]
    ]
    outside = [row for row in rows if row[0] in OUTSIDE]
    averaged = [["average", "", "", percent(table["average"])]] if table["average"] else []
    inside = [row for row in rows if row[0] not in OUTSIDE]
    return Cells("By source", ["source", "problems", "figure", "solved"], [*inside, *averaged, *outside], [])


def comparison_cells(table: Mapping[str, Any]) -> list[Cells]:
    """What `comparison_table` returned: by source, then pass@k of every set and the differences."""
    found = [_columns_cells(table)]
    for one in table["sets"]:
        rows = [{"set": entry, **figures} for entry, figures in one["figures"].items()]
        title = f"{one['set']}: pass@k on the {one['problems']} problems in common"
        found.append(_by_k(title, "pass_at", rows, [], of="model"))
        if one["differences"]:
            found.append(_difference_cells(one))
    return found


def _columns_cells(table: Mapping[str, Any]) -> Cells:
    columns, average = table["columns"], table["average"]
    heads = ["model", *(f"{column['source']} pass@{column['k']}" for column in columns)]
    every = [*columns, average] if average else columns
    rows = [[entry, *(percent(column["pass_at_k"].get(entry)) for column in every)] for entry in table["entries"]]
    pairs = dict.fromkeys((one["entry"], one["against"]) for column in columns for one in column["differences"])
    for entry, against in pairs:
        gains = [
            next((one["pass_at_k"] for one in column["differences"] if one["entry"] == entry), None) for column in every
        ]
        rows.append([f"{entry} minus {against}", *map(points, gains)])
    sizes = ", ".join(f"{column['source']} {column['problems']}" for column in columns)
    confidence = f"{table['confidence'] * 100:.0f} % intervals over problems"
    notes = [f"Problems in common: {sizes}. Differences are in points, paired over them; {confidence}."]
    if table["left_out"]:
        notes.append(f"Left out, because there are fewer samples than their k: {', '.join(table['left_out'])}.")
    return Cells("By source", heads + (["average"] if average else []), rows, notes)


def _difference_cells(one: Mapping[str, Any]) -> Cells:
    ks = _ks(difference["pass_at"] for difference in one["differences"])
    rows = [
        [f"{entry['entry']} minus {entry['against']}", *(points(entry["pass_at"].get(k)) for k in ks)]
        for entry in one["differences"]
    ]
    return Cells(f"{one['set']}: differences in points", ["", *(f"pass@{k}" for k in ks)], rows, [])


def _by_k(
    title: str, figure: str, rows: Sequence[Mapping[str, Any]], notes: list[str], of: str = "problem set"
) -> Cells:
    ks = _ks(row[figure] or {} for row in rows)
    word = "maj" if figure == "majority_at" else "pass"
    cells = [
        [row["set"], f"{row['problems']} x {row['samples']}", *(percent((row[figure] or {}).get(k)) for k in ks)]
        for row in rows
    ]
    return Cells(title, [of, "problems x samples", *(f"{word}@{k}" for k in ks)], cells, notes)


def _ks(figures: Iterable[Mapping[str, Any]]) -> list[str]:
    """Those that a table has room for: the powers of two from 1 on, and the largest."""
    ks = sorted({k for of_row in figures for k in of_row}, key=int)
    return ks if len(ks) <= _KS_SHOWN else [*ks[: _KS_SHOWN - 1], ks[-1]]


def points(estimate: Estimate | None) -> str:
    """A difference of shares: ``+2.1 [-0.4, +4.6]``."""
    if not estimate:
        return "-"
    value, low, high = (f"{estimate[key] * 100:+.1f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def number(estimate: Estimate | None) -> str:
    """A number of any size: ``1,204 [1,180, 1,229]``."""
    if not estimate:
        return "-"
    value, low, high = (f"{estimate[key]:,.0f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
