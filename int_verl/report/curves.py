"""Training curves from verl's `file` logger and its validation dumps."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from int_verl.evaluate import Estimate, bootstrap, zero_advantage_ratio
from int_verl.report.run_reader import RunReader
from int_verl.rl.alarms import AlarmWatch
from int_verl.trainers.verl_folder import read_metrics

MODELS = {"rl_baseline": "base + RL", "rl": "InT SFT + RL"}
"RL stage -> the model it makes."
MAX_POINTS = 300
# The first name that a log has is taken; a name may be an ending, because some carry the data source.
RL_METRICS = {
    "reward": ("critic/score/mean", "critic/rewards/mean"),
    "zero_advantage": ("zero_advantage_ratio",),
    "length": ("response_length/mean",),
    "entropy": ("actor/entropy",),
    "grad_norm": ("actor/grad_norm",),
    "kl": ("actor/ppo_kl",),
    "clipped": ("actor/pg_clipfrac",),
    "seconds": ("perf/time_per_step", "timing_s/step"),
    "tokens": ("perf/total_num_tokens",),
}
_SOURCE = "int/reward/"


@dataclass(frozen=True, slots=True)
class Curve:
    """Values over training steps, which are ascending and unique: ``Curve((1, 2, 3), (0.1, 0.2, 0.15))``."""

    steps: tuple[float, ...]
    values: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...] = ()
    "Confidence interval of each value, or empty."

    @classmethod
    def of(cls, points: Mapping[int, float]) -> Curve | None:
        """Through values by their step; none through none."""
        return cls(tuple(points), tuple(points.values())) if points else None


def metric_log(folder: RunReader, stage: str) -> dict[int, dict[str, float]]:
    """Metrics by step; of a step logged twice, as by a resumed run, the later line counts.

    A stage that is still running has its metrics beside its checkpoints, a file for each start.
    """
    log: dict[int, dict[str, float]] = {}
    if folder.has(f"{stage}/metrics.jsonl"):
        entries = ((row.get("step"), row.get("data")) for row in folder.json_lines(f"{stage}/metrics.jsonl"))
    else:
        entries = ((row.get("step"), row) for row in read_metrics(folder.path / stage / "checkpoints"))
    for step, data in entries:
        if isinstance(step, int) and isinstance(data, dict):
            finite = {k: float(v) for k, v in data.items() if isinstance(v, int | float) and math.isfinite(v)}
            log.setdefault(step, {}).update(finite)
    return log


def curve(log: dict[int, dict[str, float]], names: Iterable[str]) -> Curve | None:
    """The first of `names` that the log has."""
    for name in names:
        points = {}
        for step, data in sorted(log.items()):
            if (key := next((key for key in data if key == name or key.endswith("/" + name)), None)) is not None:
                points[step] = data[key]
        if points:
            return Curve.of(points)
    return None


def rl_curves(folder: RunReader) -> dict[str, dict[str, Curve]]:
    """Curves by what they show, then by model: ``{"reward": {"base + RL": Curve(...)}}``."""
    curves: dict[str, dict[str, Curve]] = defaultdict(dict)
    for stage, model in MODELS.items():
        log = metric_log(folder, stage)
        found = {what: curve(log, names) for what, names in RL_METRICS.items()}
        if not found["zero_advantage"]:
            dumped = _dumped_groups(folder, f"{stage}/rollouts")
            found["zero_advantage"] = Curve.of({step: zero_advantage_ratio(groups) for step, groups in dumped})
        found["validation"] = validation_curve(folder, stage, log)
        for what, of_model in found.items():
            if of_model:
                curves[what][model] = of_model
    return curves


def solved_curves(folder: RunReader, stage: str) -> dict[str, Curve]:
    """Shares of groups of which no rollout, some or all were right, by these words; nothing unless all are logged."""
    log = metric_log(folder, stage)
    found = {word: curve(log, [f"{word}_solved"]) for word in ("never", "sometimes", "always")}
    logged = {word: values for word, values in found.items() if values}
    return logged if len(logged) == len(found) and len({values.steps for values in logged.values()}) == 1 else {}


def source_curves(folder: RunReader, stage: str) -> dict[str, Curve]:
    """Mean reward by data source."""
    log = metric_log(folder, stage)
    sources = sorted({key[len(_SOURCE) :] for data in log.values() for key in data if key.startswith(_SOURCE)})
    found = {source: curve(log, [_SOURCE + source]) for source in sources}
    return {source: values for source, values in found.items() if values}


def rl_alarms(folder: RunReader) -> list[str]:
    """What was alarming in RL, a line each."""
    lines = []
    for stage, model in MODELS.items():
        watch = AlarmWatch()
        for step, data in sorted(metric_log(folder, stage).items()):
            lines += [f"{model}, {line}" for line in watch.look(step, data)]
    return lines


def validation_curve(folder: RunReader, stage: str, log: dict[int, dict[str, float]]) -> Curve | None:
    """pass@1 on the held-out problems over steps, with intervals over problems where verl dumped the samples."""
    estimates: dict[int, Estimate] = {
        step: bootstrap([np.mean([score > 0 for score in scores]) for scores in groups], resamples=1_000)
        for step, groups in _dumped_groups(folder, f"{stage}/validation", f"{stage}/heldout.parquet")
    }
    if estimates:
        values = tuple(estimate["value"] for estimate in estimates.values())
        return Curve(tuple(estimates), values, tuple((e["low"], e["high"]) for e in estimates.values()))
    logged = {
        step: value
        for step, data in sorted(log.items())
        for key, value in data.items()
        if key.startswith("val-core/") and "/mean@" in key
    }
    return Curve.of(logged)


def downsample(values: Curve, limit: int = MAX_POINTS) -> Curve:
    """At most `limit` points, each the mean of its neighbours."""
    if len(values.steps) <= limit:
        return values
    parts = np.array_split(np.arange(len(values.steps)), limit)
    steps, heights = np.asarray(values.steps, dtype=float), np.asarray(values.values)
    return Curve(tuple(float(steps[p].mean()) for p in parts), tuple(float(heights[p].mean()) for p in parts))


def smooth(values: Curve) -> Curve:
    """Centred moving average over a tenth of the curve; the window shrinks towards both ends."""
    half = len(values.steps) // 20
    heights = np.asarray(values.values)
    means = []
    for i in range(len(heights)):
        reach = min(half, i, len(heights) - 1 - i)
        means.append(float(heights[i - reach : i + reach + 1].mean()))
    return Curve(values.steps, tuple(means))


def _dumped_groups(folder: RunReader, relative: str, only: str | None = None) -> list[tuple[int, list[list[float]]]]:
    """Scores of the samples that verl dumped, grouped by their prompt, in the order of the steps.

    Those of the RL rows in the file `only` count; the trainer validates on the hard problems in the same breath.
    """
    directory = folder.path / relative
    files = sorted((int(file.stem), file) for file in directory.glob("*.jsonl") if file.stem.isdigit())
    messages = folder.rows(only, ["prompt"]) if files and only else ()
    prompts = {message["content"] for row in messages for message in row["prompt"]}
    steps = []
    for step, file in files:
        groups: dict[tuple[str, str], list[float]] = defaultdict(list)
        for row in folder.json_lines(str(file.relative_to(folder.path))):
            score = row.get("acc", row.get("score"))
            if isinstance(score, int | float) and math.isfinite(score):
                groups[str(row.get("input")), str(row.get("gts"))].append(float(score))
        kept = _of_prompts([prompt for prompt, _ in groups], prompts) if prompts else {prompt for prompt, _ in groups}
        if counted := [scores for (prompt, _), scores in groups.items() if prompt in kept]:
            steps.append((step, counted))
    return steps


def _of_prompts(inputs: list[str], prompts: set[str]) -> set[str]:
    """Those of verl's decoded inputs that hold one of `prompts` between what the chat template puts around it.

    >>> sorted(_of_prompts(["user\\na\\nassistant", "user\\nb\\nassistant"], {"a", "c"}))
    ['user\\na\\nassistant']
    """
    for text in inputs:
        if longest := max((prompt for prompt in prompts if prompt in text), key=len, default=""):
            before, _, after = text.partition(longest)
            return {t for t in inputs if t.startswith(before) and t[len(before) : len(t) - len(after)] in prompts}
    return set()
