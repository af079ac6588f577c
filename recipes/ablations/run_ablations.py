"""What matters in SFT on interventions: one setting changed at a time, then sampling on the training problems.

    python recipes/ablations/run_ablations.py --seeds 3 --jobs 2    # the same command goes on after a stop
    python recipes/ablations/run_ablations.py --cells int suffix --problems 50
    python recipes/ablations/run_ablations.py --domain long_chains

No RL: as in the paper's Table 2, every SFT model is sampled on the training problems that have a kept intervention.
Each cell is a run of `int-verl` in `OUT/seed-S/CELL`; the cell `int` generates, the others take its attempts over, and
where a setting selects other interventions, its journal answers for them: nothing is drawn twice. What a cell says is
in `OUT/seed-S/CELL.log`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import comparison
from cells import CELLS, REFERENCE
from rich.console import Console
from rich.table import Table

from int_verl.errors import EngineError, UserError
from int_verl.evaluate import bootstrap
from int_verl.evaluate.samples import evaluated_row
from int_verl.evaluate.seeds import mean_and_spread
from int_verl.generate.engines.base import Request
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.engines.verl import VerlEngine
from int_verl.generate.evaluation_samples import graded_samples
from int_verl.generate.journal import Journal
from int_verl.generate.sampler import Sampler
from int_verl.generate.seeds import request_seed
from int_verl.grading import BaseGrader
from int_verl.problems.sets import Problem
from int_verl.records import SCORE, read_rows, write_rows
from int_verl.run.run import Run
from int_verl.run.take_over import take_over
from int_verl.settings.compose import compose
from int_verl.stages.sft import sft_model


def main() -> None:
    parser = comparison.arguments(__doc__)
    parser.add_argument("--cells", nargs="+", choices=list(CELLS), default=list(CELLS))
    parser.add_argument("--problems", type=int, default=100, help="training problems to sample, those of kept rows")
    parser.add_argument("--samples", type=int, default=32, help="a problem")
    args = comparison.parse(parser, "ablations")
    failed = run_all(args)
    Console(width=120).print(table(args.out, args.seeds))
    if failed:
        sys.exit(1)


def run_all(args: argparse.Namespace) -> int:
    """Every cell of every seed, `jobs` at a time, the one that generates first. Returns how many have no scores."""
    others = [name for name in args.cells if name != REFERENCE]
    failed = 0
    with ProcessPoolExecutor(args.jobs, multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(one_cell, args, seed, REFERENCE): (seed, REFERENCE) for seed in range(args.seeds)}
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                seed, name = running.pop(future)
                try:
                    done_well, said = future.result()
                except (UserError, EngineError, BrokenProcessPool) as error:
                    done_well, said = False, f"failed: {error}, see {args.out / f'seed-{seed}' / name}.log"
                print(f"seed {seed}, {name}: {said}", flush=True)
                if not done_well:
                    failed += 1 + (len(others) if name == REFERENCE else 0)
                elif name == REFERENCE:
                    running |= {pool.submit(one_cell, args, seed, other): (seed, other) for other in others}
    return failed


def one_cell(args: argparse.Namespace, seed: int, name: str) -> tuple[bool, str]:
    """Train and sample a cell, in a process whose output goes to the cell's log; whether it went well, and a line."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        sys.exit("nobody waits for this cell any more")
    reference, folder = args.out / f"seed-{seed}" / REFERENCE, args.out / f"seed-{seed}" / name
    if name != REFERENCE:
        take_over(reference, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    with log.open("a") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    started = time.monotonic()
    run, code = train(args, seed, name)
    trained = time.monotonic() - started
    if code:
        return False, f"int-verl failed with exit code {code}, see {log}"
    sample(run, reference, args.problems, args.samples)
    return True, f"{trained:.0f} s of SFT, {time.monotonic() - started:.0f} s in all"


def train(args: argparse.Namespace, seed: int, name: str) -> tuple[Run, int]:
    """The cell's run up to SFT, and int-verl's exit code; what is done is passed over."""
    settings = [*comparison.settings(args.out, seed, name), "guide.controls=[]", *CELLS[name].overrides]
    settings += args.overrides
    config = comparison.config(args.domain)
    command = [sys.executable, "-m", "int_verl.cli", "sft", "--config", str(config), *settings]
    code = subprocess.run(command).returncode
    return Run(compose(config, settings), Console()), code


def sample(run: Run, reference: Path, limit: int, samples: int) -> None:
    """Draw from the cell's model on the problems with a kept intervention in the cell `int`, and write the scores."""
    wanted = dict.fromkeys(row["problem_id"] for row in read_rows(reference / "guide/sft.parquet", ["problem_id"]))
    problems = [problem for problem in run.problems.train if problem.id in wanted][:limit]
    model = replace(run.model, name=str(sft_model(run.folder)), key="run.dir", written=None)
    rl, evaluation = run.settings.rl, run.settings.eval
    sampling = evaluation.sampling(rl.max_response_length)
    settings = run.settings.engine
    engine = VerlEngine(model.folder, settings, rl.max_prompt_length, sampling.max_tokens, run.platform)

    async def score(sampler: Sampler, grader: BaseGrader, problem: Problem) -> dict[str, object]:
        seeds = [request_seed(run.settings.run.seed, "ablation", problem.id, index) for index in range(samples)]
        prompt_ids = sampler.codec.prompt_ids(run.prompts.solve(problem.problem))
        requests = [Request(prompt_ids, sampling, seed) for seed in seeds]
        drawn = await graded_samples(sampler, grader, problem, requests, run.prompts)
        row = evaluated_row(run.settings.run.name, "trained", problem.source, problem.id, None, drawn)
        return {name: row[name] for name in SCORE.names}

    async def score_all() -> list[dict[str, object]]:
        with Journal(run.folder.path / "samples.sqlite") as journal, run.grader() as grader:
            async with JournaledEngine(engine, journal, model.revision, settings) as drawing:
                sampler = Sampler(drawing, model)
                return await asyncio.gather(*(score(sampler, grader, problem) for problem in problems))

    write_rows(run.folder.path / "scores.parquet", SCORE, asyncio.run(score_all()))


def table(out: Path, seeds: int) -> Table:
    """Coverage and accuracy of every cell that has scores, beside the paper's; also written to OUT/results.json."""
    results: dict[str, list[dict[str, object]]] = {}
    shown = Table(title="SFT on interventions, one setting changed at a time; no RL")
    for head in ("SFT data", "SFT rows", "coverage", "accuracy", "paper: solved of 235", "paper: accuracy"):
        shown.add_column(head, justify="left" if head == "SFT data" else "right")
    for name, cell in CELLS.items():
        folders = [out / f"seed-{seed}" / name for seed in range(seeds)]
        folders = [folder for folder in folders if (folder / "scores.parquet").is_file()]
        if not folders:
            continue
        scores = [list(read_rows(folder / "scores.parquet")) for folder in folders]
        manifests = [json.loads((folder / "sft/manifest.json").read_text()) for folder in folders]
        rows = [manifest["counts"]["trained_rows"] for manifest in manifests]
        results[name] = [
            {
                "rows": count,
                "coverage": bootstrap([float(row["correct"] > 0) for row in drawn]),
                "accuracy": bootstrap([row["correct"] / row["samples"] for row in drawn]),
            }
            for count, drawn in zip(rows, scores, strict=True)
        ]
        coverage, accuracy = (
            [100 * entry[what]["value"] for entry in results[name]]  # type: ignore[index]
            for what in ("coverage", "accuracy")
        )
        paper = (str(cell.paper[0]), f"{cell.paper[1]} %") if cell.paper else ("-", "-")
        counts = f"{min(rows)}-{max(rows)}" if min(rows) < max(rows) else str(rows[0])
        means = (f"{mean_and_spread(dict(enumerate(values)), 1, 1)} %" for values in (coverage, accuracy))
        shown.add_row(cell.shown, counts, *means, *paper)
    (out / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    return shown


if __name__ == "__main__":
    main()
