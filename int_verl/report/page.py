"""The report of a run's folder: `report.html`, everything in one file, and beside it `report.md` and `report.json`.

int-verl report runs/quickstart
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from int_verl.files import private, write_text
from int_verl.report.contents import Contents, contents, duration
from int_verl.report.mathematics import is_available
from int_verl.report.run_reader import RunReader
from int_verl.report.texts import as_json, as_markdown, change_cells
from int_verl.report.viewer_data import ROWS_A_BLOCK, viewer_data
from int_verl.report.words import WORDS
from int_verl.run_files import REPORT, REPORT_FIGURES, REPORT_JSON, REPORT_TEXT

_HERE = Path(__file__).parent
_SCRIPTS = ("page.js", "viewer.js")


def write_report(run_dir: Path) -> Path:
    """Write `run_dir`/report.html, .md and .json and the figures' files from whatever the run has so far.

    Missing stages are said to be missing; damaged files are named in the report. A UserError if
    `run_dir` is not a folder.

    Returns:
        The path of report.html.
    """
    folder = RunReader(Path(run_dir))
    found = contents(folder)
    written = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    path = folder.path / REPORT
    with private():
        figures = {name: plot.write(folder.path / REPORT_FIGURES) for name, plot in found.plots.items()}
        write_text(folder.path / REPORT_TEXT, as_markdown(found, written))
        write_text(folder.path / REPORT_JSON, as_json(found, written))
        write_text(path, _page(found, figures, written))
    return path


def _page(found: Contents, figures: Mapping[str, Markup], written: str) -> str:
    script = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=duration, estimate=estimate, data_url=data_url)
    return environment.get_template("page.html.jinja").render(
        report=found,
        figures=figures,
        written=written,
        total_seconds=sum(stage.seconds or 0 for stage in found.stages),
        changes=[change_cells(rates) for rates in found.rates],
        figures_folder=REPORT_FIGURES,
        viewer=viewer_data(found.rows),
        rows_a_block=ROWS_A_BLOCK,
        statuses=sorted({row.status.replace("_", " ") for row in found.rows}),
        renders_mathematics=is_available(),
        words=WORDS,
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def estimate(cell: str) -> Markup:
    """An estimate with its interval set small; other cells as they are.

    >>> estimate("41.2 % [36.0, 46.5]")
    Markup('41.2 % <small>36.0 – 46.5</small>')
    """
    match = re.fullmatch(r"(.+) \[([+-]?[\d.,]+), ([+-]?[\d.,]+)\]", cell)
    if match is None:
        return Markup.escape("–" if cell == "-" else cell)
    return Markup("{} <small>{} – {}</small>").format(*match.groups())


def data_url(csv: str) -> str:
    """A CSV that a link saves without network."""
    return "data:text/csv;charset=utf-8," + quote(csv)
