"""What each stage took: completions, tokens and time, each stage of the generator's stream by its own share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from int_verl.evaluate import Cells
from int_verl.report.curves import metric_log
from int_verl.report.run_reader import RunReader, StageRecord
from int_verl.run_files import ATTEMPTS, ENDING_ANSWERS, GUIDED_ROLLOUTS, GUIDED_SOLUTIONS, PROPOSALS

STREAM = {"sample": (ATTEMPTS,), "propose": (GUIDED_SOLUTIONS, PROPOSALS), "guide": (GUIDED_ROLLOUTS,)}
"Stage of the generator -> the tables of its completions."
_LOGGED = {"sft": "train/global_tokens", "rl": "perf/total_num_tokens", "rl_baseline": "perf/total_num_tokens"}
"Trainer -> its metric of the tokens of a step."


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one stage; None: not known."""

    stage: str
    title: str
    completions: int | None
    read: int | None
    "Tokens of prompts."
    tokens: int | None
    "New tokens; of a trainer all tokens of its steps."
    seconds: float | None
    shared: bool = False
    "`seconds` is the stage's part of the stream's time, by its part of the new tokens."


def costs(folder: RunReader, stages: Sequence[StageRecord]) -> list[Cost]:
    """Of the stages that have done something."""
    records = {stage.name: stage for stage in stages}
    drawn = {name: _drawn(folder, files) for name, files in STREAM.items()}
    new_tokens = sum(tokens for _, _, tokens in drawn.values())
    of_stream = sum(records[name].seconds or 0 for name in STREAM if name in records)
    found = []
    for stage in stages:
        if stage.name in drawn:
            completions, read, tokens = drawn[stage.name]
            seconds = of_stream * tokens / new_tokens if new_tokens and of_stream else None
            if completions:
                found.append(Cost(stage.name, stage.title, completions, read, tokens, seconds, shared=True))
        elif stage.name == "ending":
            completions, read, tokens = _drawn(folder, (ENDING_ANSWERS,))
            if completions:
                found.append(Cost(stage.name, stage.title, completions, read, tokens, stage.seconds))
        elif stage.seconds:
            found.append(Cost(stage.name, stage.title, None, None, _trained(folder, stage.name), stage.seconds))
    return found


def _drawn(folder: RunReader, files: Iterable[str]) -> tuple[int, int, int]:
    """Completions, tokens of their prompts, new tokens."""
    completions = read = tokens = 0
    for file in files:
        for row in folder.rows(file, [], ["prompt_tokens", "completion_tokens"]):
            if row.get("completion_tokens"):
                completions += 1
                read += row.get("prompt_tokens") or 0
                tokens += row["completion_tokens"]
    return completions, read, tokens


def _trained(folder: RunReader, stage: str) -> int | None:
    metric = _LOGGED.get(stage)
    values = [data[metric] for data in metric_log(folder, stage).values() if metric in data] if metric else []
    return round(sum(values)) if values else None


def cost_cells(found: Sequence[Cost], duration: Mapping[str, str]) -> Cells:
    """A row a stage; `duration`: stage -> its time in words."""
    heads = ["stage", "completions", "tokens read", "new tokens", "time"]
    rows = [
        [
            cost.title,
            *("-" if number is None else f"{number:,}" for number in (cost.completions, cost.read, cost.tokens)),
            ("about " if cost.shared else "") + duration.get(cost.stage, "-"),
        ]
        for cost in found
    ]
    notes = ["Of a trainer: all tokens of its steps, prompts and responses."]
    if any(cost.shared for cost in found):
        notes.insert(0, "Sample, propose and guide run as one stream; its time is divided by their new tokens.")
    return Cells("Time and tokens", heads, rows, notes)
