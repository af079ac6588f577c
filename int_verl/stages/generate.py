"""The three generator stages. They are one dataflow: whichever is asked for, it runs from the problems up to there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.files import file_hash
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
from int_verl.ray_cluster import check_cluster, which_ray
from int_verl.records import read_rows
from int_verl.run.folder import RunFolder
from int_verl.run.problem_sets import ProblemSets
from int_verl.run.run import Policy
from int_verl.run.stage import Stage
from int_verl.run_files import (
    ATTEMPTS,
    CARD,
    CHECKED_PROBLEMS,
    GENERATOR_METRICS,
    HELDOUT_PROBLEMS,
    PROPOSALS,
    RL_ROWS,
    SPOOL,
    TABLES,
    TRAIN_PROBLEMS,
)
from int_verl.settings.evaluation import GraderSettings
from int_verl.settings.generation import WITH_HINT, EstimateSettings, GeneratorSettings, Until
from int_verl.stages.data_card import write_release
from int_verl.stages.generator_metrics import GeneratorMetrics
from int_verl.stages.preflight import ProblemCheck
from int_verl.stages.preview import show_estimate, show_fit, show_prompts
from int_verl.trainers.trackers import Trackers

# What the rows of every generator stage depend on.
_GENERATOR_SETTINGS = (
    "run.seed",
    "run.shard",
    "model.path",
    "engine.name",
    "engine.script",
    "engine.tokens",
    "engine.context_length",
    "problems.train",
    "problems.columns",
    "problems.train_limit",
    "grader.decimals",
    "grader.reward_path",
    "grader.reward_name",
    "grader.reward_kwargs",
    "steps",
)


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
        about = (self.problems, self.prompts, self.policy.model, longest, self.grader, self.new_grader, passed)
        return ProblemCheck(*about)

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
            Spool(self.folder / SPOOL) as spool,
            self.new_grader() as grader,
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
            generator = Generator(policy, self.prompts, grader, self.settings, progress, proposer, early, given)

            async def draw() -> None:
                async with contextlib.AsyncExitStack() as opened:
                    # While the engine starts: an answer may not wait for imports longer than for its own comparison.
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
            counts = write_tables(self.folder.path, spool.in_order(), self.until, progress)
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
        }
        return counts

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
            )


def _given_file(name: str, file: str | None) -> dict[str, str]:
    return {name: file_hash(Path(file).expanduser())} if file else {}


class GenerationStage(Stage):
    """A generator stage; executing it makes the tables of every stage up to the last that is wanted."""

    name: Until
    counts_events: ClassVar[str | None] = "problems"
    fixed: ClassVar[tuple[str, ...]] = ("weights", "configuration", "tokenizer")
    indifferent: ClassVar[tuple[str, ...]] = ("sample.attempts_from", "propose.interventions_from")

    def __init__(self, dataflow: Dataflow) -> None:
        self.dataflow = dataflow

    def inputs(self) -> dict[str, str]:
        flow = self.dataflow
        reward = Path(flow.grader.reward_path or "")
        return {
            "problems": flow.problems.train.digest,
            **flow.policy.model.parts,
            **flow.date(),
            **({"reward": file_hash(reward)} if reward.is_file() else {}),
            **_given_file("given attempts", flow.settings.sample.attempts_from),
        }

    def outputs(self) -> dict[str, str]:
        return {table: file for table, (file, _) in TABLES[self.name].items()}

    def check(self) -> None:
        self.dataflow.given()

    def check_problems(self, progress: StageProgress) -> None:
        self.dataflow.problem_check.look(progress)

    def check_host(self) -> None:
        for nnodes in self._nodes_of_servers():
            check_cluster(nnodes)

    def which_ray(self) -> str | None:
        return which_ray() if self._nodes_of_servers() else None

    def _nodes_of_servers(self) -> list[int]:
        """`nnodes` of every engine that is verl's own servers."""
        policies = [policy for policy in (self.dataflow.policy, self.dataflow.proposer) if policy]
        return [policy.settings.nnodes for policy in policies if policy.settings.name == "verl"]

    def goes_on(self, counts: Mapping[str, Any]) -> str | None:
        requests = counts.get("requests", {})
        again = requests.get("lost", 0) - requests.get("lost_for_good", 0)
        return f"{again} lost requests are tried once more" if again else None

    def total(self) -> int:
        return self.dataflow.problems.share_size

    def execute(self, progress: StageProgress) -> dict[str, dict[str, Any]]:
        return self.dataflow.run(progress)

    def plan(self) -> list[str]:
        policy = self.dataflow.policy
        engine = f"engine {policy.settings.name} on {policy.platform}, {policy.settings.places} requests in flight"
        return [f"{self.size()}; {engine}"]

    def size(self) -> str:
        """How much is to be drawn."""
        raise NotImplementedError

    def preview(self, console: SafeConsole) -> None:
        flow, settings, engine = self.dataflow, self.dataflow.settings, self.dataflow.policy.settings
        by, two_turns = settings.steps.by, settings.propose.two_turns
        show_prompts(console, flow.folder, flow.problems.train, flow.prompts, by, two_turns, self.name)
        gpus = engine.nnodes * engine.gpus_per_node
        given = flow.given().counts
        show_estimate(console, flow.folder, flow.problems.share_size, self.name, settings, flow.estimate, gpus, given)
        if self.name != "sample" and "proposals" not in given:
            proposer = (flow.proposer or flow.policy).model
            show_fit(console, flow.folder, flow.problems.train, flow.prompts, settings, flow.estimate, proposer)


class SampleStage(GenerationStage):
    name = "sample"
    does = "draw attempts and grade them"
    reads = ()
    depends_on = (*_GENERATOR_SETTINGS, "prompts.solve", "sample")

    def inputs(self) -> dict[str, str]:
        return super().inputs() | {"prompts": self.dataflow.prompts.solve_version}

    def check(self) -> None:
        super().check()
        settings, shard = self.dataflow.settings.sample, self.dataflow.problems.shard
        if not settings.attempts and (settings.attempts_from is None or shard is not None):
            remedy = "name a file of attempts with sample.attempts_from, and generate without run.shard"
            raise UserError(f"sample.attempts=0: nothing is drawn; {remedy}")

    def size(self) -> str:
        settings = self.dataflow.settings.sample
        attempts = f"{self.dataflow.problems.share_size} problems x {settings.attempts} attempts"
        given = settings.attempts_from
        return f"{attempts}, drawn for those that have none in {given}" if given else attempts


class ProposeStage(GenerationStage):
    name = "propose"
    does = "have the model find the first error of its incorrect attempts and write a better step"
    reads = ("sample",)
    depends_on = (
        *_GENERATOR_SETTINGS,
        "prompts",
        "propose",
        "proposer.path",
        "proposer.engine.context_length",
        "proposer.engine.tokens",
    )

    def inputs(self) -> dict[str, str]:
        flow = self.dataflow
        return {
            **super().inputs(),
            "attempts": file_hash(flow.folder / ATTEMPTS),
            **({"proposer": flow.proposer.model.revision} if flow.proposer else {}),
            **_given_file("given interventions", flow.settings.propose.interventions_from),
            "prompts": flow.prompts.verify_version,
        }

    def check(self) -> None:
        super().check()
        if self.dataflow.proposer is not None:
            _ = self.dataflow.proposer.model.folder_in_plan

    def size(self) -> str:
        settings = self.dataflow.settings.propose
        first = ", after a guided solution a problem" if settings.two_turns else ""
        proposals = f"{settings.proposals} proposals an incorrect attempt{first}"
        given = settings.interventions_from
        return f"{proposals}, asked for where {given} has none" if given else proposals


class GuideStage(GenerationStage):
    name = "guide"
    does = "continue from every intervention and keep those that can lead to the answer"
    reads = ("propose",)
    depends_on = (*_GENERATOR_SETTINGS, "guide", "select")

    def inputs(self) -> dict[str, str]:
        flow = self.dataflow
        proposals = file_hash(flow.folder / PROPOSALS)
        hinted = any(control in WITH_HINT for control in flow.settings.guide.controls)
        hint = {"hint": flow.prompts.hint_prompt.version} if hinted else {}
        return {**super().inputs(), "proposals": proposals, "prompts": flow.prompts.verify_version, **hint}

    def check(self) -> None:
        super().check()
        if not self.dataflow.settings.guide.rollouts and self.dataflow.settings.select.need_success:
            raise UserError(
                "guide.rollouts=0: no intervention can have a success; set select.need_success=false, too, "
                "which keeps every intervention"
            )

    def outputs(self) -> dict[str, str]:
        release = {} if self.dataflow.problems.shard else {"rl": RL_ROWS, "card": CARD}
        return super().outputs() | release

    def size(self) -> str:
        settings = self.dataflow.settings.guide
        controls = f", with controls {', '.join(settings.controls)}" if settings.controls else ""
        return f"{settings.rollouts} guided rollouts an intervention{controls}"
