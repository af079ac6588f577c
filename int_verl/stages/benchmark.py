"""Any model on any problem sets: `int-verl eval --problems`, which is no stage of a run but draws as they do.

    evals/int/   config.yaml  journal.sqlite  status.json  samples.parquet  and what `report/evaluation.py` writes

Killed and started again, it makes the same requests; those that the journal holds come back at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from itertools import chain
from typing import Any

from int_verl.errors import UserError
from int_verl.evaluate.benchmark import OUTSIDE, TRAIN
from int_verl.evaluate.samples import evaluated_row
from int_verl.evaluate.text import Cells
from int_verl.generate.engines.journaled import engines_state
from int_verl.generate.evaluation_samples import EvaluationSamples
from int_verl.generate.journal import Journal
from int_verl.generate.prompts import Prompts
from int_verl.generate.sameness import Sameness
from int_verl.generate.sampler import Sampler
from int_verl.grading import BaseGrader
from int_verl.interruption import run_until_interrupted
from int_verl.problems.sets import NO_SOURCE, Problem, ProblemSet
from int_verl.progress import StageProgress
from int_verl.records import SAMPLE, RowWriter
from int_verl.report.evaluation import write_evaluation
from int_verl.run.folder import RunFolder
from int_verl.run.run import Policy
from int_verl.run_files import SAMPLES
from int_verl.settings.evaluation import EvalSettings
from int_verl.stages.preflight import check_golds

Row = dict[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """Draws samples of every problem of every set, and leaves them with their figures in a folder."""

    folder: RunFolder
    policy: Policy
    prompts: Prompts
    new_grader: Callable[[], BaseGrader]
    settings: EvalSettings
    max_tokens: int
    "Of a sample."
    seed: int
    sets: Mapping[str, ProblemSet]
    "Name -> problems; the training problems under `TRAIN`."

    def check(self) -> None:
        """Refuse what could only fail after the sampling.

        Raises:
            UserError: `eval.k_by_source` names a source that no set has, or a k above `eval.samples`; a problem is in
                `TRAIN` and in another set.
        """
        sources = {source_in(name, problem) for name, problem in self._problems()}
        for source, k in self.settings.k_by_source.items():
            if source not in sources:
                raise UserError(f"eval.k_by_source: no problem is of {source}; there are {', '.join(sorted(sources))}")
            if k > self.settings.samples:
                raise UserError(f"eval.k_by_source.{source}={k}: needs eval.samples={k} or more")
        trained = self.sets.get(TRAIN)
        for name, problems in self.sets.items():
            if trained is not None and name != TRAIN and (row := problems.row_also_in(trained)) is not None:
                raise UserError(f"{problems.file}: row {row} is also in {trained.file}; remove it from one of them")

    def plan(self) -> Iterator[str]:
        """A line a set, and one of how it samples."""
        for name, problems in self.sets.items():
            yield f"{name}: {len(problems):,} problems x {self.settings.samples} samples"
        engine = self.policy.settings
        flight = f"{engine.places} requests in flight"
        yield f"at most {self.max_tokens:,} new tokens each; engine {engine.name}, {flight}"

    def run(self, progress: StageProgress) -> list[Cells]:
        """Draw what is not in the journal, and write everything.

        Returns:
            The tables to show.
        """
        with Journal(self.folder.journal) as journal, self.new_grader() as grader:
            for problems in self.sets.values():
                check_golds(problems.file, enumerate(problems, 1), grader, progress)
            rows = run_until_interrupted(self._draw_all(journal, grader, progress))
        return write_evaluation(self.folder.path, self._about(), rows, self.settings.k_by_source)

    async def _draw_all(self, journal: Journal, grader: BaseGrader, progress: StageProgress) -> list[Row]:
        """Write the samples in the order of the problems; return a row a problem."""
        engine = self.policy.open(journal, progress.warn)
        progress.more = lambda: engines_state([engine])
        asyncio.get_running_loop().run_in_executor(None, grader.warm)
        rows = []
        asked = EvaluationSamples(
            self.prompts, self.settings.sampling(self.max_tokens), self.settings.samples, self.seed
        )
        async with engine:
            sampler = Sampler(engine, self.policy.model, Sameness(progress.warn))
            results = asked.of_all(sampler, grader, self._problems(), self.policy.settings.places)
            with RowWriter(self.folder / SAMPLES, SAMPLE) as written:
                async with aclosing(results):
                    async for name, problem, samples in results:
                        source = source_in(name, problem)
                        for sample in samples:
                            written.write({"problem_set": name, "source": source, "problem_id": problem.id, **sample})
                        label, text = self.policy.model.label, problem.problem
                        rows.append(evaluated_row(label, name, source, problem.id, text, samples))
                        progress.count("problems")
        if lost := [row["problem_id"] for row in rows if not row["samples"]]:
            progress.warn(f"{len(lost)} problems have no figures, all their samples were lost: {', '.join(lost[:5])}")
        return [row for row in rows if row["samples"]]

    def _problems(self) -> Iterator[tuple[str, Problem]]:
        return chain.from_iterable(((name, problem) for problem in problems) for name, problems in self.sets.items())

    def _about(self) -> Row:
        settings, model = self.settings, self.policy.model
        return {
            "model": model.label,
            "model_revision": model.revision,
            "prompt_version": self.prompts.solve_version,
            "max_tokens": self.max_tokens,
            **{name: getattr(settings, name) for name in ("samples", "temperature", "top_p", "top_k")},
            "seed": self.seed,
            "problem_sets": {
                name: {"file": problems.file, "problems": len(problems), "sha256": problems.digest}
                for name, problems in self.sets.items()
            },
        }


def source_in(name: str, problem: Problem) -> str:
    """Where a problem of a set comes from; the set's name where it does not say, and where the set is one column."""
    return name if name in OUTSIDE or problem.source == NO_SOURCE else problem.source
