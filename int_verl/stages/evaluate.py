"""The evaluation: how often every model of the run solves the held-out and the hard problems.

The trainer validates before and after RL with the rollout engine it has at hand, so a model and its RL checkpoint are
evaluated where they are, and no engine is started for it. Only a base model without an RL run of its own is sampled
here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from int_verl.console import SafeConsole
from int_verl.evaluate import CONDITIONING_COLUMNS, conditioning_table, format_table, skills_table, summarise
from int_verl.files import file_hash, write_text
from int_verl.generate.chat import ChatCodec
from int_verl.generate.engines.base import Request
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.journal import Journal
from int_verl.generate.prompts import Prompts
from int_verl.generate.seeds import request_seed
from int_verl.grading import BaseGrader
from int_verl.interruption import run_until_interrupted
from int_verl.problems.sets import Problem
from int_verl.progress import StageProgress
from int_verl.records import SCORE, read_rows, write_rows
from int_verl.rl.validation_dump import problem_scores
from int_verl.run.folder import RunFolder
from int_verl.run.problem_sets import ProblemSets
from int_verl.run.run import Policy
from int_verl.run.stage import Stage
from int_verl.run_files import ATTEMPTS, GUIDED_ROLLOUTS, RESULTS, SCORES, validation_dump
from int_verl.settings.evaluation import EvalSettings
from int_verl.settings.sampling import Sampling
from int_verl.settings.training import RLSettings

ARMS = {"rl_baseline": ("base", "base + RL"), "rl": ("InT SFT", "InT SFT + RL")}
"RL stage -> the model it starts from and the model it makes."

Row = dict[str, Any]


@dataclass(frozen=True)
class EvaluationStage(Stage):
    """pass@1, pass@k and the zero-advantage ratio of every model, with intervals over problems."""

    folder: RunFolder
    console: SafeConsole
    problems: ProblemSets
    policy: Policy
    "The base model."
    prompts: Prompts
    new_grader: Callable[[], BaseGrader]
    settings: EvalSettings
    rl: RLSettings
    with_baseline: bool
    "Whether RL from the base model has run, and so validated it; else it is sampled here."
    with_controls: bool
    "Whether there are guided rollouts from elsewhere, to compare the interventions with."
    seed: int

    name = "eval"
    does = "pass@1, pass@k and the zero-advantage ratio of every model"
    reads = ("rl",)
    depends_on = ("run.seed", "baseline", "eval", "problems")

    def inputs(self) -> dict[str, str]:
        files = {f"{arm} step {step}": self.folder / validation_dump(arm, step) for arm, step in self._dumps()}
        files["guided"] = self.folder / GUIDED_ROLLOUTS
        return {name: file_hash(path) for name, path in files.items()}

    def outputs(self) -> dict[str, str]:
        return {"scores": SCORES, "results": RESULTS}

    def execute(self, progress: StageProgress) -> dict[str, dict[str, Any]]:
        scores: list[Row] = []
        if not self.with_baseline:
            scores += self.sample_base(ARMS["rl_baseline"][0], progress)
        scores += self.trainer_scores([(arm, step, ARMS[arm][int(step > 0)]) for arm, step in self._dumps()])
        write_rows(self.folder / SCORES, SCORE, scores)
        results: dict[str, Any] = {"table": summarise(scores, group=self.rl.rollouts)}
        if self.with_controls:
            rows = read_rows(self.folder / GUIDED_ROLLOUTS, CONDITIONING_COLUMNS)
            results["conditioning"] = conditioning_table(rows)
        heldout = sorted(self.problems.heldout, key=lambda problem: problem.source)
        kinds = {problem.id: problem.source for problem in heldout}
        if len(set(kinds.values())) > 1:
            results["skills"] = skills_table(scores, kinds)
        write_text(self.folder / RESULTS, json.dumps(results, indent=2) + "\n")
        for table in results.values():
            self.console.print(format_table(table, "rich"))
        samples = sum(row["samples"] for row in scores)
        return {self.name: {"models": len(results["table"]["models"]), "samples": samples}}

    def plan(self) -> list[str]:
        models = [model for arm in self._arms() for model in ARMS[arm]]
        problems = len(self.problems.heldout)
        return [f"{problems} held-out problems x {self.settings.samples} samples for {', '.join(models)}"]

    def _arms(self) -> list[str]:
        return [arm for arm in ARMS if arm == "rl" or self.with_baseline]

    def _dumps(self) -> list[tuple[str, int]]:
        """(RL stage, step) of every validation that counts, base model first."""
        return [(arm, step) for arm in self._arms() for step in (0, self.rl.total_steps)]

    def problem_sets(self) -> dict[str, Iterable[Problem]]:
        """The sets that models are evaluated on: held-out problems, and training problems that no attempt solved."""
        hard = self.problems.hard(self.folder / ATTEMPTS, self.settings.hard_limit)
        return {"heldout": self.problems.heldout, "hard": hard}

    def trainer_scores(self, dumps: Iterable[tuple[str, int, str]]) -> Iterator[Row]:
        """Scores of models that the trainer validated.

        Args:
            dumps: RL stage, step of the validation, and the model's name in the rows.
        """
        codec = self.policy.model.codec
        dumps = list(dumps)
        days = self._days_printed(self.folder / validation_dump(arm, step) for arm, step, _ in dumps)
        keys: dict[str, tuple[str, str]] = {}
        for problem_set, problems in self.problem_sets().items():
            for problem in problems:
                # verl decodes prompts without special tokens (verl/trainer/ppo/v1/trainer_base.py, _validate).
                for day in days:
                    prompt_ids = codec.usual_prompt_ids(self.prompts.solve(problem.problem), day)
                    keys[codec.tokenizer.decode(prompt_ids, skip_special_tokens=True)] = (problem_set, problem.id)

        def is_truncated(response: str) -> bool:
            return codec.length(response) >= self.rl.max_response_length - 1

        for arm, step, model in dumps:
            yield from problem_scores(self.folder / validation_dump(arm, step), model, keys, is_truncated)

    def _days_printed(self, dumps: Iterable[Path]) -> set[date]:
        """The days that verl's prompts may print: it takes them from the clock, and a validation may pass midnight."""
        if not self.policy.model.prints_date:
            return {date.today()}
        written = {date.fromtimestamp(dump.stat().st_mtime) for dump in dumps if dump.is_file()}
        return written | {day - timedelta(days=1) for day in written}

    def sample_base(self, model: str, progress: StageProgress) -> list[Row]:
        """Scores of the base model, under this name, by samples through the journal as everything else."""
        settings, codec = self.settings, self.policy.model.codec
        sampling = Sampling(self.rl.max_response_length, settings.temperature, settings.top_p, settings.top_k)

        async def score(engine: JournaledEngine, grader: BaseGrader, problem_set: str, problem: Problem) -> Row:
            prompt_ids = codec.prompt_ids(self.prompts.solve(problem.problem))
            purpose = (self.seed, "eval", problem_set, problem.id)
            seeds = [request_seed(*purpose, index) for index in range(settings.samples)]
            counts = await score_problem(engine, codec, grader, problem, prompt_ids, sampling, seeds)
            progress.count("problems")
            return {"model": model, "problem_set": problem_set, "problem_id": problem.id, **counts}

        async def score_all() -> list[Row]:
            with Journal(self.folder.journal) as journal, self.new_grader() as grader:
                async with self.policy.open(journal, progress.warn) as engine:
                    return await asyncio.gather(
                        *(
                            score(engine, grader, problem_set, problem)
                            for problem_set, problems in self.problem_sets().items()
                            for problem in problems
                        )
                    )

        return run_until_interrupted(score_all())


async def score_problem(
    engine: JournaledEngine,
    codec: ChatCodec,
    grader: BaseGrader,
    problem: Problem,
    prompt_ids: tuple[int, ...],
    sampling: Sampling,
    seeds: Sequence[int],
) -> dict[str, int]:
    """Draw a sample a seed and count them: `samples`, `correct`, `truncated`."""
    completions = await asyncio.gather(*(engine.generate(Request(prompt_ids, sampling, seed)) for seed in seeds))
    correct = truncated = 0
    for completion in completions:
        text = codec.decode(codec.without_end(completion.token_ids))
        grade = await grader.agrade_response(text, problem.answer, problem.source, problem.reward_info)
        correct += grade.correct
        truncated += not grade.correct and completion.finish_reason == "length"
    return {"samples": len(seeds), "correct": correct, "truncated": truncated}
