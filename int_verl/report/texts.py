"""The report without a browser: `report.md` to read and to paste, `report.json` for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from int_verl.evaluate import Cells
from int_verl.report.contents import SHOWN_CHANGES, Contents
from int_verl.report.pass_rates import PassRates
from int_verl.report.words import WORDS
from int_verl.run_files import REPORT_FIGURES


def as_markdown(contents: Contents, written: str) -> str:
    """Headline, tables, funnel, and where the figures lie; no rows."""
    parts = [
        f"# {contents.name}",
        *contents.headline,
        _facts(contents),
        *(f"{command.does}\n\n```bash\n{command.line}\n```" for command in contents.commands[:1]),
        *(f"Could not be used: {remark}" for remark in contents.remarks),
        *_tables(contents),
        *_funnel(contents),
        *(f"RL's metrics warn: {alarm}" for alarm in contents.alarms),
        *_changes(contents),
        *_figures(contents),
        "## Words",
        "\n".join(f"- **{word}**: {meaning}" for word, meaning in WORDS.items()),
        f"Written {written} by int_verl. Intervals are 95 % percentile bootstrap intervals over problems.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(contents: Contents) -> str:
    stages = ", ".join(f"{stage.title} {stage.status}" for stage in contents.stages)
    lines = [*(f"- {name}: {value}" for name, value in contents.facts.items()), f"- stages: {stages}"]
    return "\n".join(line.replace("\n", " ") for line in lines)


def _tables(contents: Contents) -> Iterator[str]:
    for cells in (*filter(None, contents.tables.values()), *contents.analyses):
        yield f"## {cells.title}\n\n{cells.markdown()}"


def _funnel(contents: Contents) -> Iterator[str]:
    if contents.funnel:
        yield "## Generation funnel"
    for block in contents.funnel:
        rows = [
            [line.label, f"{line.count:,}", f"{line.count / block.total * 100:.1f} %", line.meaning]
            for line in block.lines
        ]
        yield Cells("", [f"{block.title}: {block.total:,}", "count", "share", "what it means"], rows, []).markdown()
    yield from contents.funnel_remarks


def _changes(contents: Contents) -> Iterator[str]:
    for rates in contents.rates:
        yield change_cells(rates).markdown()


def change_cells(rates: PassRates) -> Cells:
    """The problems gained and lost, some by their names."""
    rows = []
    for what, problems in (("gained", rates.gained), ("lost", rates.lost)):
        more = f", and {len(problems) - SHOWN_CHANGES} more" if len(problems) > SHOWN_CHANGES else ""
        rows.append([what, str(len(problems)), ", ".join(problems[:SHOWN_CHANGES]) + more])
    title = f"{rates.called.capitalize()} problems gained and lost: {rates.after} against {rates.before}"
    note = "Gained: solved at least once after, and never before. Lost: the other way round."
    return Cells(title, [title, "problems", "which"], rows, [note])


def _figures(contents: Contents) -> Iterator[str]:
    if contents.plots:
        yield "## Figures"
        yield "\n".join(
            f"- {plot.title}: `{REPORT_FIGURES}/{plot.name}.png`, `.csv`. {plot.text}"
            for plot in contents.plots.values()
        )


def as_json(contents: Contents, written: str) -> str:
    """Every number of the page by name; numbers as they are, not as cells. No rows, no texts of a model's."""
    found: dict[str, Any] = {
        "name": contents.name,
        "written": written,
        "headline": contents.headline,
        "facts": contents.facts,
        "commands": [asdict(command) for command in contents.commands],
        "stages": [
            {"stage": stage.name, "status": stage.status, "seconds": stage.seconds} for stage in contents.stages
        ],
        "costs": [asdict(cost) for cost in contents.costs],
        "final": contents.summary,
        "conditioning": contents.conditioning,
        "tables": {name: asdict(cells) for name, cells in contents.tables.items() if cells},
        "analyses": [asdict(cells) for cells in contents.analyses],
        "seeds": contents.seeds,
        "pass_rates": [{**asdict(rates), "gained": rates.gained, "lost": rates.lost} for rates in contents.rates],
        "funnel": [asdict(block) for block in contents.funnel],
        "alarms": contents.alarms,
        "figures": {
            plot.name: {"title": plot.title, "text": plot.text, "columns": plot.columns, "rows": plot.rows}
            for plot in contents.plots.values()
        },
        "interventions": contents.interventions,
        "versions": contents.versions,
        "settings": contents.settings,
        "remarks": contents.remarks,
    }
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
