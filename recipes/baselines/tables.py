"""The paper's comparisons with our figures beside them, from the folders of `run_baselines.py`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from arms import ARMS, PAPER_ENTROPY, PAPER_FINAL, PAPER_NLL, PAPER_PASS_AT_K, PAPER_ZERO_ADVANTAGE
from comparison import CONFIG
from rich.console import Console, Group
from rich.table import Table
from transformers.utils.logging import disable_progress_bar

from int_verl.evaluate import summarise
from int_verl.evaluate.likelihood import token_statistics
from int_verl.files import write_text
from int_verl.records import read_rows
from int_verl.report.curves import metric_log
from int_verl.report.run_reader import RunReader
from int_verl.run.run import Run
from int_verl.settings.compose import compose
from int_verl.stages.assemble import Stages
from int_verl.stages.sft import sft_model

LAST_STEPS = 10
SAMPLES = 400  # responses of the held-out validation whose entropy is taken

Values = dict[str, dict[int, float]]
"Model -> seed -> value; a seed whose arm has not been run is left out."


def print_tables(out: Path, seeds: Iterable[int], settings: Callable[[int, str], list[str]]) -> None:
    """Print what there is, and write it to OUT/results.json."""
    disable_progress_bar()  # of loading a model, between the tables
    console = Console(width=140)
    figures: dict[str, Values] = {}
    for seed in seeds:
        for name, arm in ARMS.items():
            if (out / f"seed-{seed}" / name).is_dir():
                run = Run(compose(CONFIG, settings(seed, name)), console)
                for what, values in measure(run, arm.models).items():
                    for model, value in values.items():
                        figures.setdefault(what, {}).setdefault(model, {})[seed] = value
    if not figures:
        console.print("no arm has been evaluated yet")
        return
    write_text(out / "results.json", json.dumps(figures, indent=2) + "\n")
    console.print(final_table(figures))
    for model, values in figures.get("nll_row", {}).items():
        console.print(f"NLL of a whole row under base, {model}: {_mean(values, 1, 1)} nats")
    ks = sorted(int(what.removeprefix("held-out pass@")) for what in figures if what.startswith("held-out pass@"))
    for title, what, paper in (
        ("NLL of the SFT data under base, nats per token", "nll", PAPER_NLL),
        ("Next-token entropy after SFT, nats", "entropy", PAPER_ENTROPY),
        (f"Zero-advantage ratio, last {LAST_STEPS} steps (paper: step 400)", "zero_advantage", PAPER_ZERO_ADVANTAGE),
        *((f"Held-out pass@{k} after SFT", f"held-out pass@{k}", _pass_at(k)) for k in ks),
    ):
        console.print(comparison(title, {m: v for m, v in figures.get(what, {}).items() if m in paper}, paper))


def measure(run: Run, models: Mapping[tuple[str, str], str]) -> dict[str, dict[str, float]]:
    """Every figure of one arm and seed: what is measured -> model -> value; what has not been run is left out."""
    dumps = []
    found: dict[str, dict[str, float]] = {}
    for (stage, when), model in models.items():
        step = 0 if when == "before" else run.settings.rl.total_steps
        manifest = run.folder.manifest(stage)
        if manifest is None or manifest.status != "done":
            continue
        dumps.append((stage, step, model))
        if when == "after":
            log = metric_log(RunReader(run.folder.path), stage)
            last = [log[s]["int/zero_advantage_ratio"] for s in sorted(log) if "int/zero_advantage_ratio" in log[s]]
            found.setdefault("zero_advantage", {})[model] = float(np.mean(last[-LAST_STEPS:]))
        else:
            folder = run.model.folder if stage == "rl_baseline" else sft_model(run.folder)
            found.setdefault("entropy", {})[model] = entropy(run, stage, folder)
            if stage == "rl":
                found.setdefault("nll", {})[model], found.setdefault("nll_row", {})[model] = nll(run)
    if not dumps:
        return found
    scores = Stages(run).eval.trainer_scores(dumps)
    for entry in summarise(scores, group=run.settings.rl.rollouts, comparisons=())["models"]:
        for problem_set, shown in (("heldout", "held-out"), ("hard", "hard")):
            for k, estimate in entry["sets"].get(problem_set, {}).get("pass_at", {}).items():
                found.setdefault(f"{shown} pass@{k}", {})[entry["model"]] = estimate["value"]
    return found


def nll(run: Run) -> tuple[float, float]:
    """Negative log-likelihood under the base model of what SFT trains on: nats a token, and nats a row, means."""
    rows = read_rows(run.folder / Stages(run).sft.rows, ["prompt_ids", "prefix_ids", "intervention_ids"])
    pairs = [(row["prompt_ids"], [*row["prefix_ids"], *row["intervention_ids"]]) for row in rows]
    statistics = token_statistics(run.model.folder, pairs)
    return statistics.nll, statistics.nll * statistics.tokens / len(pairs)


def entropy(run: Run, stage: str, model: Path) -> float:
    """Mean entropy over the next token along the model's own held-out samples, as validated before RL."""
    heldout = {run.prompts.solve(problem.problem) for problem in run.problems.heldout}
    prompts = {
        run.model.codec.tokenizer.decode(ids, skip_special_tokens=True): ids
        for ids in (list(run.model.codec.prompt_ids(content)) for content in sorted(heldout))
    }
    pairs = []
    with (run.folder / stage / "validation/0.jsonl").open() as lines:
        for line in lines:
            row = json.loads(line)
            if row["input"] in prompts and row["output"]:
                pairs.append((prompts[row["input"]], run.model.codec.encode(row["output"])))
    chosen = pairs[:: max(1, len(pairs) // SAMPLES)][:SAMPLES]
    return token_statistics(model, chosen).entropy


def final_table(figures: Mapping[str, Values]) -> Group:
    """Ours on the left, the paper's final table on the right."""
    best = max((w for w in figures if w.startswith("held-out pass@")), key=lambda what: int(what.rpartition("@")[2]))
    table = Table(title="Final table, percent; ours: mean ± sd over seeds")
    ours = ("held-out pass@1", best, "hard pass@1")
    table.add_column("model", no_wrap=True)
    for head in (*ours, "P: IMO", "P: HMMT", "P: AMO", "P: Apex", "P: train", "P: mean"):
        table.add_column(head, justify="right")
    for model in figures["held-out pass@1"]:
        cells = [_mean(figures.get(what, {}).get(model, {}), 100, 1) for what in ours]
        table.add_row(model, *cells, *(f"{value:.2f}" for value in PAPER_FINAL.get(model, ())))
    means = {model: values[-1] for model, values in PAPER_FINAL.items()}
    return Group(
        table,
        "P: the paper's, of Qwen3-4B: IMO-AnswerBench and HMMT pass@1, AMO-Bench and Apex pass@8, training problems",
        f"held-out pass@1 against the paper's mean: {_order(figures['held-out pass@1'], means)}",
        "",
    )


def comparison(title: str, ours: Values, paper: Mapping[str, float]) -> Group:
    """One figure of some models, and whether the models' order is the paper's."""
    table = Table(title=title)
    for head in ("model", "ours", "paper"):
        table.add_column(head, justify="left" if head == "model" else "right")
    for model, value in paper.items():
        table.add_row(model, _mean(ours.get(model, {}), 1, 3), f"{value:g}")
    return Group(table, _order(ours, paper), "")


def _order(ours: Values, paper: Mapping[str, float]) -> str:
    """Which pairs stand, in the mean over seeds, in another order than in the paper, and in how many seeds."""
    models = [model for model in paper if model in ours]
    pairs = [(a, b) for i, a in enumerate(models) for b in models[i + 1 :] if paper[a] != paper[b]]
    turned = []
    for a, b in pairs:
        both = sorted(ours[a].keys() & ours[b].keys())
        gaps = [(ours[a][seed] - ours[b][seed]) * (paper[a] - paper[b]) for seed in both]
        if gaps and np.mean(gaps) <= 0:
            turned.append(f"{a} / {b} (in {sum(gap <= 0 for gap in gaps)} of {len(gaps)} seeds)")
    if not pairs:
        return "nothing to order yet"
    return f"{len(pairs) - len(turned)} of {len(pairs)} pairs in the paper's order" + (
        f"; not so: {', '.join(turned)}" if turned else ""
    )


def _pass_at(k: int) -> dict[str, float]:
    position = k.bit_length() - 1
    return {model: values[position] for model, values in PAPER_PASS_AT_K.items() if position < len(values)}


def _mean(values: Mapping[int, float], scale: float, digits: int) -> str:
    if not values:
        return "-"
    scaled: Any = np.asarray(list(values.values())) * scale
    spread = f" ± {scaled.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{scaled.mean():.{digits}f}{spread}"
