"""What an evaluation leaves in its folder: its figures as JSON, as text, as tables and as a picture."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from int_verl.evaluate.benchmark import evaluation_table, figure_rows
from int_verl.evaluate.benchmark_text import evaluation_cells
from int_verl.evaluate.text import Cells
from int_verl.files import open_new, write_text
from int_verl.records import EVALUATED, FIGURE, write_rows
from int_verl.report.drawing import colours_of, pass_at_k_plot, png, style
from int_verl.run_files import EVALUATED_PROBLEMS, EVALUATION, EVALUATION_TEXT, FIGURES, PASS_AT_K


def write_evaluation(
    folder: Path, about: Mapping[str, Any], rows: Iterable[Mapping[str, Any]], k_by_source: Mapping[str, int]
) -> list[Cells]:
    """Write `problems.parquet`, `eval.json`, `eval.md`, `figures.parquet`, `figures.csv` and `pass_at_k.png`.

    Args:
        about: the model and how it was sampled; it stands in `eval.json` as it is.
        rows: `records.EVALUATED`.

    Returns:
        The tables of `eval.md`.
    """
    rows = list(rows)
    table = evaluation_table(rows, k_by_source)
    cells = evaluation_cells(table)
    figures = list(figure_rows(str(about["model"]), table))
    write_rows(folder / EVALUATED_PROBLEMS, EVALUATED, rows)
    write_rows(folder / f"{FIGURES}.parquet", FIGURE, figures)
    write_text(folder / f"{FIGURES}.csv", as_csv(FIGURE.names, figures))
    write_text(folder / EVALUATION_TEXT, as_markdown(f"Evaluation of {about['model']}", cells))
    curves = {one["set"]: one["pass_at"] for one in table["sets"]}
    with style():
        write_picture(folder / PASS_AT_K, png(pass_at_k_plot(curves, colours_of(curves))))
    content = {**about, "k_by_source": dict(k_by_source), **table}
    write_text(folder / EVALUATION, json.dumps(content, indent=2) + "\n")  # last: it says that all is there
    return cells


def as_markdown(title: str, cells: Iterable[Cells]) -> str:
    return "\n\n".join([f"# {title}", *(f"## {one.title}\n\n{one.markdown()}" for one in cells)]) + "\n"


def as_csv(names: list[str], rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_picture(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    with open_new(partial) as file:
        file.write(content)
    partial.replace(path)
