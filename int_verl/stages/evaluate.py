"""The evaluation: how often every model of the run solves the held-out and the hard problems.

Every model is drawn from through the run's engine and journal, one after the other: a killed evaluation goes on where
it was. Where RL's trainer has validated a model with just as many samples (`rl.val_samples`), these count, and no
engine is started for it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.evaluate import CONDITIONING_COLUMNS, conditioning_table, format_table, skills_table, summarise
from int_verl.evaluate.samples import evaluated_row
from int_verl.files import file_hash, write_text
from int_verl.generate.engines.journaled import engines_state
from int_verl.generate.evaluation_samples import EvaluationSamples
from int_verl.generate.journal import Journal
from int_verl.generate.model import LocalModel
from int_verl.generate.prompts import Prompts
from int_verl.generate.sampler import Sampler
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
from int_verl.settings.training import RLSettings
from int_verl.stages.sft import sft_model

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
    "Whether RL from the base model has run."
    with_controls: bool
    "Whether there are guided rollouts from elsewhere, to compare the interventions with."
    of_conversations: bool
    "Whether problems are cases of an environment: all samples are then RL's own validations."
    seed: int

    name = "eval"
    does = "pass@1, pass@k and the zero-advantage ratio of every model"
    reads = ("rl",)
    depends_on = ("run.seed", "baseline", "eval", "problems")
    indifferent = ("eval.k_by_source", "eval.max_tokens", "problems.calculator_marks", "problems.made_by")
    counts_events = "problems"

    def inputs(self) -> dict[str, str]:
        found = {"guided": file_hash(self.folder / GUIDED_ROLLOUTS)}
        for model in self._models():
            found[model.name] = model.revision
            if model.validation is not None:
                found[f"{model.name}, validated"] = file_hash(model.validation)
        return found

    def outputs(self) -> dict[str, str]:
        return {"scores": SCORES, "results": RESULTS}

    def total(self) -> int:
        return len(self._models()) * self._problems()

    def execute(self, progress: StageProgress) -> dict[str, dict[str, Any]]:
        scores = run_until_interrupted(self._scores(progress))
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
        names = ", ".join(model.name for model in self._models())
        lines = [f"{len(self.problems.heldout)} held-out problems x {self.settings.samples} samples for {names}"]
        if self.rl.val_samples == self.settings.samples:
            lines.append("of models that RL's trainer validates, its samples (rl.val_samples is eval.samples)")
        return lines

    def _models(self) -> list[_Evaluated]:
        """In the order of the tables."""
        base, found = self.policy.model, list[_Evaluated]()
        for arm, (start, end) in ARMS.items():
            if arm == "rl" or self.with_baseline:
                first = base if arm == "rl_baseline" else self._trained(sft_model(self.folder))
                last = None if self.rl.export == "best" else self.folder / validation_dump(arm, self.rl.total_steps)
                found.append(_Evaluated(start, first, self.folder / validation_dump(arm, 0)))
                found.append(_Evaluated(end, self._trained(self.folder / arm / "model"), last))
            else:
                found.append(_Evaluated(start, base, None))
        return found

    def _trained(self, folder: Path) -> LocalModel | None:
        """A model that the run has trained; None: it is not there yet."""
        if not (folder / "config.json").is_file():
            return None
        return replace(self.policy.model, name=str(folder), key="run.dir", written=None)

    def problem_sets(self) -> dict[str, Iterable[Problem]]:
        """The sets that models are evaluated on: held-out problems, and training problems that no attempt solved."""
        hard = self.problems.hard(self.folder / ATTEMPTS, self.settings.hard_limit)
        return {"heldout": self.problems.heldout, "hard": hard}

    def _problems(self) -> int:
        return sum(1 for _ in chain.from_iterable(self.problem_sets().values()))

    def trainer_scores(self, dumps: Iterable[tuple[str, int, str]]) -> Iterator[Row]:
        """Scores of models that the trainer validated.

        Args:
            dumps: RL stage, step of the validation, and the model's name in the rows.
        """
        return self._dumped_scores({self.folder / validation_dump(arm, step): model for arm, step, model in dumps})

    def _dumped_scores(self, dumps: Mapping[Path, str]) -> Iterator[Row]:
        codec = self.policy.model.codec
        keys = self._cases() if self.of_conversations else self._printed_prompts(self._days_printed(dumps))

        def is_truncated(response: str) -> bool:
            return codec.length(response) >= self.rl.max_response_length - 1

        for dump, model in dumps.items():
            yield from problem_scores(dump, model, keys, is_truncated)

    def _cases(self) -> dict[str, tuple[str, str]]:
        """Id of a case -> problem set and id."""
        keys: dict[str, tuple[str, str]] = {}
        for problem_set, cases in self.problem_sets().items():
            for case in cases:
                if case.id in keys:
                    raise UserError(f"problems.train and problems.heldout both have a case {case.id}; rename one")
                keys[case.id] = (problem_set, case.id)
        return keys

    def _printed_prompts(self, days: Iterable[date]) -> dict[str, tuple[str, str]]:
        """Prompt as verl's dumps have it -> problem set and id."""
        codec, keys = self.policy.model.codec, dict[str, tuple[str, str]]()
        for problem_set, problems in self.problem_sets().items():
            for problem in problems:
                # verl decodes prompts without special tokens (verl/trainer/ppo/v1/trainer_base.py, _validate).
                for day in days:
                    prompt_ids = codec.usual_prompt_ids(self.prompts.solve(problem.problem), day)
                    keys[codec.tokenizer.decode(prompt_ids, skip_special_tokens=True)] = (problem_set, problem.id)
        return keys

    def _days_printed(self, dumps: Iterable[Path]) -> set[date]:
        """The days that verl's prompts may print: it takes them from the clock, and a validation may pass midnight."""
        if not self.policy.model.prints_date:
            return {date.today()}
        written = {date.fromtimestamp(dump.stat().st_mtime) for dump in dumps if dump.is_file()}
        return written | {day - timedelta(days=1) for day in written}

    async def _scores(self, progress: StageProgress) -> list[Row]:
        scores, models = list[Row](), self._models()
        validated = self._validated(models)
        with Journal(self.folder.journal) as journal, self.new_grader() as grader:
            for model in models:
                if rows := validated.get(model.name):
                    progress.count("problems", len(rows))
                else:
                    rows = await self.draw(model, journal, grader, progress)
                scores += rows
        return scores

    def _validated(self, models: Iterable[_Evaluated]) -> dict[str, list[Row]]:
        """Model -> the trainer's scores of it, where that has drawn `eval.samples` of every problem."""
        samples, found = self.settings.samples, defaultdict[str, list[Row]](list)
        dumps = {model.validation: model.name for model in models if model.validation and model.validation.is_file()}
        if dumps and self.rl.val_samples == samples:
            for row in self._dumped_scores(dumps):
                if row["samples"] == samples:
                    found[row["model"]].append(row)
        problems = self._problems()
        return {name: rows for name, rows in found.items() if len(rows) == problems}

    async def draw(self, model: _Evaluated, journal: Journal, grader: BaseGrader, progress: StageProgress) -> list[Row]:
        """Scores of a model, by samples through the journal as everything else."""
        policy = self._policy_of(model)
        if self.of_conversations:
            raise UserError(
                f"{model.name}: RL has not validated it with rl.val_samples={self.rl.val_samples} conversations "
                "of every case; run rl_baseline and rl again with --force"
            )
        engine = policy.open(journal, progress.warn)
        progress.more = partial(engines_state, [engine])
        sampling = self.settings.sampling(self.rl.max_response_length)
        asked = EvaluationSamples(self.prompts, sampling, self.settings.samples, self.seed)
        problems = ((name, problem) for name, of_set in self.problem_sets().items() for problem in of_set)
        rows = []
        async with engine:
            results = asked.of_all(Sampler(engine, policy.model), grader, problems, policy.settings.places)
            async with aclosing(results):
                async for problem_set, problem, samples in results:
                    row = evaluated_row(model.name, problem_set, problem.source, problem.id, None, samples)
                    rows.append({name: row[name] for name in SCORE.names})
                    progress.count("problems")
        return [row for row in rows if row["samples"]]

    def _policy_of(self, model: _Evaluated) -> Policy:
        if model.local is None:
            raise UserError(f"{model.name}: its training is not done; run it first")
        return self.policy.of_model(model.local, self.rl)


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """A model of the tables."""

    name: str
    local: LocalModel | None
    "None: it is not trained yet."
    validation: Path | None
    "Where the trainer dumps its validation of just this model."

    @property
    def revision(self) -> str:
        return "missing" if self.local is None else self.local.revision
