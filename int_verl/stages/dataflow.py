"""The dataflow of a run: from its problems to the tables of every generator stage."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from int_verl.console import SafeConsole
from int_verl.generate.advice import EarlyWarning, losses, outcomes_of
from int_verl.generate.dataflow import Generator
from int_verl.generate.engines.journaled import engines_state
from int_verl.generate.funnel import funnel_table
from int_verl.generate.given import Given
from int_verl.generate.heldout_answers import HeldoutAnswers
from int_verl.generate.journal import Journal
from int_verl.generate.prompts import Prompts
from int_verl.generate.sameness import Sameness
from int_verl.generate.sampler import Sampler
from int_verl.generate.spool import Spool
from int_verl.generate.tables import stages_up_to, write_tables
from int_verl.grading import BaseGrader
from int_verl.interruption import run_until_interrupted
from int_verl.problems.sets import read_problems, write_problems
from int_verl.progress import StageProgress
from int_verl.records import read_rows
from int_verl.run.folder import RunFolder
from int_verl.run.problem_sets import ProblemSets
from int_verl.run.run import Policy
from int_verl.run_files import (
    CHECKED_PROBLEMS,
    GENERATOR_METRICS,
    HELDOUT_PROBLEMS,
    SPOOL,
    TRAIN_PROBLEMS,
    Tables,
    tables_of,
)
from int_verl.settings.evaluation import GraderSettings
from int_verl.settings.generation import EstimateSettings, GeneratorSettings, Until
from int_verl.settings.turns import TurnsSettings
from int_verl.stages.conversations import check_conversations, conversations_version, conversing_with
from int_verl.stages.data_card import write_release
from int_verl.stages.generator_metrics import GeneratorMetrics
from int_verl.stages.preflight import GoldCheck, ProblemCheck
from int_verl.trainers.trackers import Trackers
from int_verl.turns.cases import CaseCheck


@dataclass(frozen=True)
class Dataflow:
    """What the three stages share: everything that the dataflow from problems to kept interventions is made of."""

    folder: RunFolder
    console: SafeConsole
    problems: ProblemSets
    policy: Policy
    proposer: Policy | None
    "Another model that proposes; None: the policy itself."
    prompts: Prompts
    new_grader: Callable[[], BaseGrader]
    grader: GraderSettings
    settings: GeneratorSettings
    estimate: EstimateSettings
    until: Until
    "The last stage that is wanted; the dataflow runs up to it at once."
    trackers: Trackers
    "Told how it goes while it draws."
    turns: TurnsSettings
    "Conversations, where they name an environment."
    heldout: HeldoutAnswers | None = None
    "What the policy answers meanwhile for the stage `ending`, which then starts no engine for it."
    recorded: Mapping[str, Any] = field(default_factory=dict)
    "Dotted key -> value of all settings that the rows depend on, for the data card."

    def date(self) -> dict[str, str]:
        """The day that the prompts print, as an input of the stages; nothing where they print none."""
        printing = [policy.model for policy in (self.policy, self.proposer) if policy and policy.model.prints_date]
        return {"date": str(printing[0].today)} if printing else {}

    @cached_property
    def problem_check(self) -> ProblemCheck:
        """Whether model and grader can use the problems; what has passed is not checked again."""
        longest, passed = self.settings.sample.sampling.max_tokens, self.folder / CHECKED_PROBLEMS
        conditions = repr(self.grader)
        new_check: Callable[[], GoldCheck] = self.new_grader
        if self.turns.environment is not None:
            conditions, new_check = repr(self.turns.hidden), lambda: CaseCheck(self.turns.hidden)
        about = (self.problems, self.prompts, self.policy.model, longest, conditions, new_check, passed)
        return ProblemCheck(*about)

    def of_conversations(self) -> dict[str, str]:
        """What conversations depend on, as an input of the stages; nothing without an environment."""
        return conversations_version(self.turns)

    def check_conversations(self) -> None:
        """Raises UserError where a setting is none for conversations."""
        if self.turns.environment is not None:
            check_conversations(self.turns, self.settings, self.prompts)

    def given(self) -> Given:
        """What is taken from files instead of being drawn; raises UserError where a file is not fit."""
        return Given.open(self.settings.sample.attempts_from, self.settings.propose.interventions_from)

    def run(self, progress: StageProgress) -> dict[str, dict[str, Any]]:
        """From the problems to the tables of every stage up to `until`, and what lies beside them.

        Returns:
            Stage -> counts, as the manifests hold them.
        """
        for file, problems in ((TRAIN_PROBLEMS, self.problems.train), (HELDOUT_PROBLEMS, self.problems.heldout)):
            write_problems(self.folder / file, problems)
        self.problem_check.look(progress)
        self.problem_check.remember()
        counts = self.generate(progress)
        self.release(counts)
        self.console.print(funnel_table(counts))
        for loss in counts[self.until]["advice"]:
            self.console.print(f"  lost: {loss}", soft_wrap=True)
        return {stage: counts[stage] for stage in stages_up_to(self.until)}

    def generate(self, progress: StageProgress) -> dict[str, dict[str, Any]]:
        """Take all problems up to `until` and write the tables.

        Ctrl-C ends the requests in flight and keeps every finished one in the journal; a second Ctrl-C does not wait.

        Raises:
            KeyboardInterrupt: stopped; the same command goes on from there.
            EngineError: the engine is lost; the same command goes on from there.
        """
        started = time.monotonic()
        with (
            Journal(self.folder.journal) as journal,
            Spool(self.folder / SPOOL, self._tables) as spool,
            self.new_grader() as grader,
            conversing_with(self.turns, self.prompts, journal) as conversing,
        ):
            engines = [self.policy.open(journal, progress.warn)]
            sameness = Sameness(progress.warn)
            policy, proposer = Sampler(engines[0], self.policy.model, sameness), None
            if self.proposer is not None and self.until != "sample":
                engines.append(self.proposer.open(journal, progress.warn))
                proposer = Sampler(engines[1], self.proposer.model, sameness)
            progress.more = lambda: {"stages": stages_up_to(self.until), **engines_state(engines)}
            early = EarlyWarning(self.settings, progress.warn)
            given = self._given_for_these_problems()
            parts = (policy, self.prompts, grader, self.settings, progress, proposer, early, given, conversing)
            generator = Generator(*parts)

            async def draw() -> None:
                async with contextlib.AsyncExitStack() as opened:
                    # While the engine starts: an answer may not wait for imports longer than for its own comparison.
                    if conversing is None:
                        asyncio.get_running_loop().run_in_executor(None, grader.warm)
                    for engine in engines:
                        await opened.enter_async_context(engine)
                    problems = read_problems(self.folder / TRAIN_PROBLEMS)
                    answering = asyncio.gather(*([self.heldout.draw(policy)] if self.heldout else []))
                    try:
                        await generator.run(self.problems.share(problems), spool, self.until)
                        await answering
                    finally:
                        answering.cancel()
                        await asyncio.gather(answering, return_exceptions=True)

            metrics = GeneratorMetrics(progress, early)
            with self.trackers.follow(self.folder / GENERATOR_METRICS, metrics, progress.warn):
                run_until_interrupted(draw())
            counts = write_tables(self.folder.path, spool.in_order(), self.until, progress, self._tables)
        if journal.damaged:
            self.console.print(f"{journal.damaged} completions in {journal.path} were damaged; they were drawn anew")
        self.advise(counts)
        counts[self.until]["requests"] = {
            "drawn": sum(engine.drawn for engine in engines),
            "replayed": sum(engine.replayed for engine in engines),
            "damaged": journal.damaged,
            "lost": sum(engine.lost for engine in engines),
            "lost_for_good": sum(engine.lost_for_good for engine in engines),
            "drawn_tokens": sum(engine.drawn_tokens for engine in engines),
            "engine_reopened": sum(engine.reopened for engine in engines),
            "seconds": round(time.monotonic() - started, 1),
            **(conversing.partner.counts if conversing else {}),
        }
        return counts

    @property
    def _tables(self) -> Tables:
        return tables_of(self.turns.environment is not None)

    def advise(self, counts: dict[str, dict[str, Any]]) -> None:
        """Add to the counts where most was lost, and what the models allow where prompts did not fit."""
        models = {"propose": (self.proposer or self.policy).model}
        for stage, of_stage in counts.items():
            if "context_length_needed" in of_stage:
                of_stage["model_allows"] = models.get(stage, self.policy.model).allows
        counts[self.until]["advice"] = [str(loss) for loss in losses(outcomes_of(counts), self.settings)]

    def _given_for_these_problems(self) -> Given:
        given = self.given()
        ids = [row["id"] for row in read_rows(self.folder / TRAIN_PROBLEMS, ["id"])] if given.attempts else []
        for rows, what in ((given.attempts, "attempts"), (given.interventions, "interventions")):
            if rows is not None:
                number = rows.check_problems(ids)
                self.console.print(f"{what} of {number:,} of {len(ids):,} problems are given, {rows.name}")
        return given

    def release(self, counts: Mapping[str, dict[str, Any]]) -> None:
        """Write what lies beside the tables of a whole run: RL rows and the data card."""
        if self.until == "guide" and self.problems.shard is None:  # a shard has no rows of all problems
            write_release(
                self.folder,
                self.problems.train,
                self.prompts,
                self.policy.model,
                self.proposer.model if self.proposer else None,
                self.settings.propose.two_turns,
                counts,
                self.recorded,
                self.turns.told_as if self.turns.environment is not None else None,
            )
