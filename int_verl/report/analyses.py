"""What `int-verl analyse` tells of a run: tables, their files in the run's folder, their section of the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from int_verl.evaluate import CONDITIONING_COLUMNS, Cells, conditioning_table, lengths, localisation, table_cells
from int_verl.evaluate import yield_curve as curve
from int_verl.evaluate.analysis_text import length_cells, localisation_cells, yield_cells
from int_verl.evaluate.likelihood_text import likelihood_cells
from int_verl.evaluate.paper import TABLE1
from int_verl.files import file_hash, private, write_text
from int_verl.report.evaluation import as_markdown
from int_verl.report.run_reader import RunReader
from int_verl.run_files import (
    ANALYSIS,
    ATTEMPTS,
    GUIDED_ROLLOUTS,
    GUIDED_SOLUTIONS,
    INTERVENTIONS,
    KEPT,
    PROPOSALS,
)

Tables = dict[str, Any]
"Kind of table -> what its function of `int_verl.evaluate` returned."

INTERVENTIONS_OF_A_RUN, LIKELIHOOD = "interventions", "likelihood"
_MADE_FROM = "guide/manifest.json"


def intervention_tables(
    run: RunReader,
    proposers: Mapping[str, RunReader] | None = None,
    first_errors: Mapping[tuple[str, int], int] | None = None,
) -> Tables:
    """Everything that the generator's rows tell of a run's interventions.

    Args:
        proposers: name -> a run over the same attempts with that proposer.
        first_errors: problem and attempt -> the step of its true first error, where it is known.
    """
    proposers = proposers or {}
    guided = [_guided(run)]
    guided += [_from_interventions(_guided(other), f"intervention by {name}") for name, other in proposers.items()]
    return {
        "table1": conditioning_table(chain.from_iterable(guided)),
        "lengths": lengths.length_table(
            run.rows(ATTEMPTS, lengths.ATTEMPT_COLUMNS),
            run.rows(INTERVENTIONS, lengths.INTERVENTION_COLUMNS),
            run.rows(KEPT, lengths.SFT_COLUMNS),
        ),
        "yield": curve.yield_table(
            run.rows(ATTEMPTS, curve.ATTEMPT_COLUMNS),
            run.rows(GUIDED_SOLUTIONS, curve.SOLUTION_COLUMNS),
            run.rows(PROPOSALS, curve.PROPOSAL_COLUMNS),
            run.rows(GUIDED_ROLLOUTS, curve.GUIDED_COLUMNS),
            _tokens_per_second(run),
        ),
        "localisation": localisation.localisation_table(
            run.rows(ATTEMPTS, localisation.ATTEMPT_COLUMNS),
            run.rows(PROPOSALS, localisation.PROPOSAL_COLUMNS),
            run.rows(INTERVENTIONS, localisation.INTERVENTION_COLUMNS),
            {name: other.rows(PROPOSALS, localisation.PROPOSAL_COLUMNS) for name, other in proposers.items()},
            first_errors,
        ),
    }


def cells_of(tables: Mapping[str, Any]) -> list[Cells]:
    """The tables as text, in their order."""
    return [cells for kind, table in tables.items() if kind in _CELLS for cells in _CELLS[kind](table)]


def write_analysis(run: RunReader, name: str, tables: Mapping[str, Any]) -> list[Cells]:
    """Write `analysis/NAME.json` and `analysis/NAME.md` into the run's folder; return the tables to show."""
    cells = cells_of(tables)
    folder = run.path / ANALYSIS
    content = {"made_from": file_hash(run.path / _MADE_FROM), **tables}
    with private():
        write_text(folder / f"{name}.md", as_markdown(f"{run.path.resolve().name}: {name}", cells))
        write_text(folder / f"{name}.json", json.dumps(content, indent=2) + "\n")
    return cells


def report_tables(run: RunReader) -> Tables:
    """The tables of the report: what `int-verl analyse` has left of these rows, or else what the rows alone tell."""
    found = _left(run, INTERVENTIONS_OF_A_RUN)
    tables = _not_shown_elsewhere(found or (intervention_tables(run) if run.has(PROPOSALS) else {}))
    return {**tables, **(_left(run, LIKELIHOOD) or {})}


def _left(run: RunReader, name: str) -> Tables | None:
    """The tables of an earlier analysis; None if there is none of the rows as they are now."""
    found = run.json(f"{ANALYSIS}/{name}.json")
    return found if found and found.get("made_from") == file_hash(run.path / _MADE_FROM) else None


def _not_shown_elsewhere(tables: Tables) -> Tables:
    """The report has the run's own conditions in a section of their own."""
    conditions = [entry["condition"] for entry in tables.get("table1", {}).get("conditions", ())]
    others = any(condition.startswith("intervention by ") for condition in conditions)
    return {kind: table for kind, table in tables.items() if kind != "table1" or others}


def _guided(run: RunReader) -> Iterator[dict[str, Any]]:
    return run.rows(GUIDED_ROLLOUTS, CONDITIONING_COLUMNS)


def _from_interventions(rows: Iterable[dict[str, Any]], condition: str) -> Iterator[dict[str, Any]]:
    return ({**row, "condition": condition} for row in rows if row["condition"] == "intervention")


def _tokens_per_second(run: RunReader) -> float | None:
    """Of one GPU: what the settings say, or else what this run's own servers did; None where that is not known."""
    settings = run.settings
    said = settings.get("estimate.tokens_per_second", "null")
    if said not in ("null", "None"):
        return float(said)
    requests = ((run.json(_MADE_FROM) or {}).get("counts") or {}).get("requests") or {}
    if settings.get("engine.name") != "verl" or not requests.get("drawn_tokens") or not requests.get("seconds"):
        return None
    gpus = int(settings.get("engine.nnodes", 1)) * int(settings.get("engine.gpus_per_node", 1))
    return float(requests["drawn_tokens"] / requests["seconds"] / gpus)


def _table1(table: Mapping[str, Any]) -> Iterator[Cells]:
    if table["conditions"]:
        cells = table_cells(table)
        names = [entry["condition"] for entry in table["conditions"]]
        rows = [[*row, *TABLE1.get(name, ("-", "-"))] for row, name in zip(cells.rows, names, strict=True)]
        yield replace(cells, heads=[*cells.heads, "paper: accuracy", "paper: coverage"], rows=rows)


_CELLS: dict[str, Callable[[Mapping[str, Any]], Iterable[Cells]]] = {
    "table1": _table1,
    "lengths": lambda table: [length_cells(table)] if table["lengths"] else [],
    "yield": yield_cells,
    "localisation": localisation_cells,
    "likelihood": likelihood_cells,
}
