"""The evaluation: how often every model of the run solves the held-out and the hard problems.

The trainer validates before and after RL with the rollout engine it has at hand, so a model and its RL checkpoint are
evaluated where they are, and no engine is started for it. Only a base model without an RL run of its own is sampled
here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from int_verl.evaluate.figures import CONDITIONING_COLUMNS, conditioning_table, format_table, skills_table, summarise
from int_verl.files import file_hash, write_text
from int_verl.generate.dataflow import request_seed
from int_verl.generate.engines.base import Request, Sampling
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.journal import Journal
from int_verl.grading import BaseGrader
from int_verl.interruption import run_until_interrupted
from int_verl.problems.sets import Problem
from int_verl.progress import StageProgress
from int_verl.records import SCORE, read_rows, write_rows
from int_verl.rl.rows import validation_scores
from int_verl.run.run import Run
from int_verl.run.stage import Stage
from int_verl.stages.rl import hard_problems

ARMS = {"rl_baseline": ("base", "base + RL"), "rl": ("InT SFT", "InT SFT + RL")}
"RL stage -> the model it starts from and the model it makes."

Row = dict[str, Any]


class EvaluationStage(Stage):
    """pass@1, pass@k and the zero-advantage ratio of every model, with intervals over problems."""

    name = "eval"
    does = "pass@1, pass@k and the zero-advantage ratio of every model"
    reads = ("rl",)
    settings = ("run.seed", "baseline", "eval", "problems")

    def inputs(self, run: Run) -> dict[str, str]:
        files = {f"{arm} step {step}": run.folder / arm / f"validation/{step}.jsonl" for arm, step in _dumps(run)}
        files["guided"] = run.folder / "guide/guided.parquet"
        return {name: file_hash(path) for name, path in files.items()}

    def outputs(self, run: Run) -> dict[str, str]:  # noqa: ARG002
        return {"scores": "eval/scores.parquet", "results": "eval/results.json"}

    def total(self, run: Run) -> int | None:  # noqa: ARG002
        return None

    def execute(self, run: Run, progress: StageProgress) -> dict[str, Any]:
        scores: list[Row] = []
        if not run.baseline.rl:
            scores += sample_model(run, ARMS["rl_baseline"][0], progress)
        scores += trainer_scores(run, [(arm, step, ARMS[arm][int(step > 0)]) for arm, step in _dumps(run)])
        write_rows(run.folder / "eval/scores.parquet", SCORE, scores)
        results: dict[str, Any] = {"table": summarise(scores, group=run.rl.rollouts)}
        if run.guide.controls:
            rows = read_rows(run.folder / "guide/guided.parquet", CONDITIONING_COLUMNS)
            results["conditioning"] = conditioning_table(rows)
        kinds = {problem.id: problem.source for problem in sorted(run.heldout, key=lambda problem: problem.source)}
        if len(set(kinds.values())) > 1:
            results["skills"] = skills_table(scores, kinds)
        write_text(run.folder / "eval/results.json", json.dumps(results, indent=2) + "\n")
        for table in results.values():
            run.console.print(format_table(table, "rich"))
        return {"models": len(results["table"]["models"]), "samples": sum(row["samples"] for row in scores)}

    def plan(self, run: Run) -> list[str]:
        arms = [model for arm, models in ARMS.items() if arm == "rl" or run.baseline.rl for model in models]
        return [f"{len(run.heldout)} held-out problems x {run.eval.samples} samples for {', '.join(arms)}"]


def _dumps(run: Run) -> list[tuple[str, int]]:
    """(RL stage, step) of every validation that counts, base model first."""
    arms = [arm for arm in ARMS if arm == "rl" or run.baseline.rl]
    return [(arm, step) for arm in arms for step in (0, run.rl.total_steps)]


def trainer_scores(run: Run, dumps: Iterable[tuple[str, int, str]]) -> Iterator[Row]:
    """Scores of models that the trainer validated.

    Args:
        dumps: RL stage, step of the validation, and the model's name in the rows.
    """
    keys: dict[str, tuple[str, str]] = {}
    for problem_set, problems in problem_sets(run).items():
        for problem in problems:
            # verl decodes prompts without special tokens (verl/trainer/ppo/v1/trainer_base.py, _validate).
            prompt_ids = list(run.codec.prompt_ids(run.prompts.solve(problem.problem)))
            keys[run.codec.tokenizer.decode(prompt_ids, skip_special_tokens=True)] = (problem_set, problem.id)
    for arm, step, model in dumps:
        dump = run.folder / arm / f"validation/{step}.jsonl"

        def is_truncated(response: str) -> bool:
            return len(run.codec.encode(response)) >= run.rl.max_response_length - 1

        yield from validation_scores(dump, model, keys, is_truncated)


def problem_sets(run: Run) -> dict[str, Iterable[Problem]]:
    """The sets that models are evaluated on: held-out problems, and training problems that no attempt solved."""
    return {"heldout": run.heldout, "hard": hard_problems(run)}


def sample_model(run: Run, model: str, progress: StageProgress) -> list[Row]:
    """Scores of the base model by samples of its own, through the journal as everything else."""
    settings = run.eval
    sampling = Sampling(run.rl.max_response_length, settings.temperature, settings.top_p, settings.top_k)

    async def score(engine: JournaledEngine, grader: BaseGrader, problem_set: str, problem: Problem) -> Row:
        seeds = [request_seed(run.seed, "eval", problem_set, problem.id, index) for index in range(settings.samples)]
        counts = await score_problem(run, engine, grader, problem, sampling, seeds)
        progress.count("problems")
        return {"model": model, "problem_set": problem_set, "problem_id": problem.id, **counts}

    async def score_all() -> list[Row]:
        with (
            Journal(run.folder.journal) as journal,
            run.grader() as grader,
        ):
            async with run.journaled_engine(journal) as engine:
                return await asyncio.gather(
                    *(
                        score(engine, grader, problem_set, problem)
                        for problem_set, problems in problem_sets(run).items()
                        for problem in problems
                    )
                )

    return run_until_interrupted(score_all())


async def score_problem(
    run: Run,
    engine: JournaledEngine,
    grader: BaseGrader,
    problem: Problem,
    sampling: Sampling,
    seeds: Sequence[int],
) -> dict[str, int]:
    """Draw a sample a seed, with the run's solve prompt, and count them: `samples`, `correct`, `truncated`."""
    prompt_ids = run.codec.prompt_ids(run.prompts.solve(problem.problem))
    completions = await asyncio.gather(*(engine.generate(Request(prompt_ids, sampling, seed)) for seed in seeds))
    correct = truncated = 0
    for completion in completions:
        text = run.codec.decode(run.codec.without_end(completion.token_ids))
        grade = await grader.agrade_response(text, problem.answer, problem.source, problem.id)
        correct += grade.correct
        truncated += not grade.correct and completion.finish_reason == "length"
    return {"samples": len(seeds), "correct": correct, "truncated": truncated}
