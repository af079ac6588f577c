"""The paper's comparisons with our figures beside them, from the folders of `run_baselines.py`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from arms import ARMS, PAPER_ENTROPY, PAPER_FINAL, PAPER_NLL, PAPER_PASS_AT_K, PAPER_ZERO_ADVANTAGE
from rich.console import Console, Group
from rich.table import Table

from int_verl.evaluate import summarise
from int_verl.evaluate.seeds import mean_and_spread, order_against, seed_cells
from int_verl.files import write_text
from int_verl.report.analyses import LIKELIHOOD, write_analysis
from int_verl.report.curves import metric_log
from int_verl.report.run_reader import RunReader
from int_verl.run.run import Run
from int_verl.settings.compose import compose
from int_verl.stages.assemble import Stages
from int_verl.stages.likelihood import BASE, Wanted, likelihoods

LAST_STEPS = 10
ROWS = 400  # of each kind, whose likelihood or entropy is taken

Values = dict[str, dict[int, float]]
"Model -> seed -> value; a seed whose arm has not been run is left out."


def print_tables(out: Path, config: Path, seeds: Iterable[int], settings: Callable[[int, str], list[str]]) -> None:
    """Print what there is, and write it to OUT/results.json."""
    console = Console(width=140)
    figures: dict[str, Values] = {}
    for seed in seeds:
        for name, arm in ARMS.items():
            if (out / f"seed-{seed}" / name).is_dir():
                run = Run(compose(config, settings(seed, name)), console)
                for what, values in measure(run, arm.models).items():
                    for model, value in values.items():
                        figures.setdefault(what, {}).setdefault(model, {})[seed] = value
    if not figures:
        console.print("no arm has been evaluated yet")
        return
    write_text(out / "results.json", json.dumps(figures, indent=2) + "\n")
    console.print(final_table(figures))
    for model, values in figures.get("nll_row", {}).items():
        console.print(f"NLL of a whole row under base, {model}: {mean_and_spread(values, 1, 1)} nats")
    ks = sorted(int(what.removeprefix("held-out pass@")) for what in figures if what.startswith("held-out pass@"))
    for title, what, paper in (
        ("NLL of the SFT data under base, nats per token", "nll", PAPER_NLL),
        ("Next-token entropy after SFT, nats", "entropy", PAPER_ENTROPY),
        (f"Zero-advantage ratio, last {LAST_STEPS} steps (paper: step 400)", "zero_advantage", PAPER_ZERO_ADVANTAGE),
        *((f"Held-out pass@{k} after SFT", f"held-out pass@{k}", _pass_at(k)) for k in ks),
    ):
        console.print(seed_cells(title, figures.get(what, {}), paper).rich())


def measure(run: Run, models: Mapping[tuple[str, str], str]) -> dict[str, dict[str, float]]:
    """Every figure of one arm and seed: what is measured -> model -> value; what has not been run is left out."""
    dumps = []
    found: dict[str, dict[str, float]] = {}
    started_from: dict[str, str] = {}
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
            started_from[stage] = model
    if not dumps:
        return found
    if started_from:
        found |= likelihood_figures(run, started_from)
    scores = Stages(run).eval.trainer_scores(dumps)
    for entry in summarise(scores, group=run.settings.rl.rollouts, comparisons=())["models"]:
        for problem_set, shown in (("heldout", "held-out"), ("hard", "hard")):
            for k, estimate in entry["sets"].get(problem_set, {}).get("pass_at", {}).items():
                found.setdefault(f"{shown} pass@{k}", {})[entry["model"]] = estimate["value"]
    return found


def likelihood_figures(run: Run, started_from: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """NLL of what SFT trains on under the base, nats a token and a row; entropy of the models that RL starts from.

    Args:
        started_from: RL stage -> the model's name in the tables.
    """
    table = likelihoods(run, Wanted({}, {}, {}, None, ROWS), lambda _: None)
    write_analysis(RunReader(run.folder.path), LIKELIHOOD, {"likelihood": table})
    found: dict[str, dict[str, float]] = {"entropy": {}, "nll": {}, "nll_row": {}}
    for entry in table["rollouts"]:
        model = started_from.get("rl_baseline" if entry["model"] == BASE else "rl")
        if model is not None:
            found["entropy"][model] = entry["parts"]["all"]["entropy"]["value"]
    trained_on = run.settings.sft_data.kind.replace("_", "-")
    for entry in table["data"]:
        if "rl" in started_from and (entry["data"], entry["model"]) == (trained_on, BASE):
            found["nll"][started_from["rl"]] = entry["parts"]["all"]["nll"]["value"]
            found["nll_row"][started_from["rl"]] = entry["nll_row"]["value"]
    return found


def final_table(figures: Mapping[str, Values]) -> Group:
    """Ours on the left, the paper's final table on the right."""
    best = max((w for w in figures if w.startswith("held-out pass@")), key=lambda what: int(what.rpartition("@")[2]))
    table = Table(title="Final table, percent; ours: mean ± sd over seeds")
    ours = ("held-out pass@1", best, "hard pass@1")
    table.add_column("model", no_wrap=True)
    for head in (*ours, "P: IMO", "P: HMMT", "P: AMO", "P: Apex", "P: train", "P: mean"):
        table.add_column(head, justify="right")
    for model in figures["held-out pass@1"]:
        cells = [mean_and_spread(figures.get(what, {}).get(model, {}), 100, 1) for what in ours]
        table.add_row(model, *cells, *(f"{value:.2f}" for value in PAPER_FINAL.get(model, ())))
    means = {model: values[-1] for model, values in PAPER_FINAL.items()}
    return Group(
        table,
        "P: the paper's, of Qwen3-4B: IMO-AnswerBench and HMMT pass@1, AMO-Bench and Apex pass@8, training problems",
        f"held-out pass@1 against the paper's mean: {order_against(means, figures['held-out pass@1'])}",
        "",
    )


def _pass_at(k: int) -> dict[str, float]:
    position = k.bit_length() - 1
    return {model: values[position] for model, values in PAPER_PASS_AT_K.items() if position < len(values)}
