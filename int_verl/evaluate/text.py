"""The tables as text: as markdown, on a terminal, or cell by cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, overload

from rich.table import Table
from rich.text import Text

from int_verl.evaluate.ending import rise_in_words
from int_verl.evaluate.estimates import Estimate
from int_verl.evaluate.tables import HARD, HELDOUT


@dataclass(frozen=True, slots=True)
class Cells:
    """What stands in a table, whatever draws it."""

    title: str
    heads: list[str]
    rows: list[list[str]]
    notes: list[str]
    "A sentence each, to stand below."

    def markdown(self) -> str:
        escaped = [[cell.replace("|", "\\|") for cell in row] for row in [self.heads, *self.rows]]
        lines = [f"| {' | '.join(row)} |" for row in escaped]
        lines.insert(1, f"|{'---|' * len(self.heads)}")
        return "\n".join(lines) + "".join(f"\n\n{note}" for note in self.notes)

    def rich(self) -> Table:
        """For a terminal."""
        table = Table(title=self.title, caption="\n".join(self.notes) or None, caption_justify="left")
        for i, head in enumerate(self.heads):
            table.add_column(Text(head), justify="left" if i == 0 else "right")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table


def table_cells(table: Mapping[str, Any]) -> Cells:
    """What a function of `int_verl.evaluate` returned that makes a table, as text."""
    for key, cells in _CELLS.items():
        if key in table:
            return cells(table)
    raise ValueError("not a table of int_verl.evaluate")


@overload
def format_table(table: Mapping[str, Any], style: Literal["markdown"] = ...) -> str: ...
@overload
def format_table(table: Mapping[str, Any], style: Literal["rich"]) -> Table: ...
def format_table(table: Mapping[str, Any], style: str = "markdown") -> str | Table:
    """The same as markdown text or as a table for rich."""
    cells = table_cells(table)
    if style == "markdown":
        return cells.markdown()
    if style == "rich":
        return cells.rich()
    raise ValueError(f"style must be markdown or rich, not {style!r}")


def _final_cells(table: Mapping[str, Any]) -> Cells:
    k = table["k"]
    ks = ["1", str(k)] if k > 1 else ["1"]
    rows = []
    for entry in table["models"]:
        scores, on_hard = entry["sets"].get(HELDOUT), entry["sets"].get(HARD)
        ratio = on_hard and on_hard["zero_advantage_ratio"]
        rows.append(
            [
                entry["model"],
                *(percent(scores and scores["pass_at"][k]) for k in ks),
                f"{ratio['value']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]" if ratio else "-",
                f"{scores['truncated'] * 100:.1f} %" if scores else "-",
            ]
        )
    notes = []
    if on_heldout := [sets[HELDOUT] for entry in table["models"] if HELDOUT in (sets := entry["sets"])]:
        sizes = sorted({scores["problems"] for scores in on_heldout})
        notes.append(
            f"{'/'.join(map(str, sizes))} held-out problems, {min(scores['samples'] for scores in on_heldout)} samples "
            f"each; {table['confidence'] * 100:.0f} % intervals over problems; groups of {table['group']}."
        )
    for entry in table["differences"][:1]:
        gain = entry["pass_at_1"]
        notes.append(
            f"{entry['model']} minus {entry['against']}, pass@1: {gain['value'] * 100:+.1f} points "
            f"[{gain['low'] * 100:+.1f}, {gain['high'] * 100:+.1f}], paired over {entry['problems']} problems."
        )
    heads = ["model", *(f"held-out pass@{k}" for k in ks), "zero-advantage ratio (hard)", "truncated"]
    return Cells("Final table", heads, rows, notes)


def _conditioning_cells(table: Mapping[str, Any]) -> Cells:
    names = {
        "problem": "nothing: the problem alone",
        "hint": "nothing: the problem with a hint",
        "wrong_step": "prefix + original wrong step",
        "prefix": "prefix",
        "intervention": "prefix + intervention",
        "hint_and_intervention": "hint, and prefix + intervention",
    }
    heads = ["continued from", "accuracy", "coverage", "problems solved", "rollouts", "truncated"]
    rows = [
        [
            names.get(entry["condition"], entry["condition"].replace("intervention by", "prefix + intervention by")),
            percent(entry["accuracy"], digits=2),
            percent(entry["coverage"]),
            f"{entry['solved']} of {table['problems']}",
            f"{entry['rollouts']:,}",
            f"{entry['truncated']:,}",
        ]
        for entry in table["conditions"]
    ]
    notes = [f"The same {table['attempts']} incorrect attempts of {table['problems']} problems in every row."]
    if table["times"]:
        notes.append(
            f"From the intervention {table['times']:.1f} times as accurate as from the wrong step"
            f"{times_in_words(table['times_interval'])}."
        )
    if table["uncounted"]:
        notes.append(
            f"{table['uncounted']:,} rollouts of later waves, drawn where the first had no success, do not count."
        )
    if not table["equal_rollouts"]:
        notes.append("Conditions differ in rollouts; coverage is the expected one at the smaller number.")
    return Cells("Continuing an incorrect attempt", heads, rows, notes)


def _skills_cells(table: Mapping[str, Any]) -> Cells:
    models = list(dict.fromkeys(model for entry in table["groups"] for model in entry["pass_at_1"]))
    rows = [
        [entry["group"], str(entry["problems"]), *(percent(entry["pass_at_1"].get(model)) for model in models)]
        for entry in table["groups"]
    ]
    return Cells(f"pass@1 by kind of problem ({table['set']})", ["kind of problem", "problems", *models], rows, [])


def _ending_cells(table: Mapping[str, Any]) -> Cells:
    rows = [
        [
            entry["model"],
            f"{entry['answers']:,}",
            percent(entry["truncated"]),
            percent(entry["end_probability"], digits=2),
        ]
        for entry in table["endings"]
    ]
    notes = [
        f"{table['problems']} held-out problems; {table['confidence'] * 100:.0f} % intervals over problems.",
        f"Behind {table['right_answers']} right answers that the base ended by itself, one a problem.",
    ]
    if table["rise"]:
        notes.insert(1, f"{rise_in_words(table)}, paired.")
    heads = ["model", "answers", "truncated", "probability of the end token"]
    return Cells("Does the model still end its answers?", heads, rows, notes)


def times_in_words(interval: Mapping[str, float | None] | None) -> str:
    """The interval of how many times as accurate: `` (95 % interval 12 to 310)``."""
    if not interval:
        return ""
    low, high = interval["low"], interval["high"]
    return f" (95 % interval {low:.0f} {'and more' if high is None else f'to {high:.0f}'})"


def percent(estimate: Estimate | None, digits: int = 1) -> str:
    """An estimate of a share as a cell has it: ``41.2 % [36.0, 46.5]``."""
    if not estimate:
        return "-"
    value, low, high = (f"{estimate[key] * 100:.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} % [{low}, {high}]"


_CELLS = {
    "models": _final_cells,
    "conditions": _conditioning_cells,
    "groups": _skills_cells,
    "endings": _ending_cells,
}
"Key that a table of that kind has -> what writes it."
