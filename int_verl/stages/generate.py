"""The three generator stages. They are one dataflow: whichever is asked for, it runs from the problems up to there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from int_verl.files import file_hash
from int_verl.generate.dataflow import Generator, Model, ProblemRows, Watcher
from int_verl.generate.funnel import Funnel, funnel_table
from int_verl.generate.journal import Journal
from int_verl.generate.spool import Spool
from int_verl.interruption import run_until_interrupted
from int_verl.problems.sets import read_problems, write_problems
from int_verl.progress import StageProgress
from int_verl.records import (
    ATTEMPT,
    GUIDED,
    GUIDED_SOLUTION,
    INTERVENTION,
    PROPOSAL,
    SFT,
    RowWriter,
)
from int_verl.run.folder import Manifest, RunFolder
from int_verl.run.run import Run
from int_verl.run.stage import Stage
from int_verl.settings.generation import UNTIL, Until
from int_verl.stages.data_card import CARD, RL_FILE, write_release
from int_verl.stages.preflight import check_problems

# Stage -> table -> (file, schema). The name of a table is that of its field in `ProblemRows`.
TABLES: dict[Until, dict[str, tuple[str, pa.Schema]]] = {
    "sample": {"attempts": ("sample/attempts.parquet", ATTEMPT)},
    "propose": {
        "guided_solutions": ("propose/guided_solutions.parquet", GUIDED_SOLUTION),
        "proposals": ("propose/proposals.parquet", PROPOSAL),
    },
    "guide": {
        "guided": ("guide/guided.parquet", GUIDED),
        "interventions": ("guide/interventions.parquet", INTERVENTION),
        "sft": ("guide/sft.parquet", SFT),
    },
}

# What the rows of every generator stage depend on.
_GENERATOR_SETTINGS = (
    "run.seed",
    "run.shard",
    "model.path",
    "engine.name",
    "engine.script",
    "engine.context_length",
    "problems.train",
    "problems.columns",
    "problems.train_limit",
    "grader.reward_path",
    "grader.reward_name",
    "grader.reward_kwargs",
    "steps",
)


class GenerationStage(Stage):
    """A generator stage; executing it writes the tables and manifests of every stage up to `run.until`."""

    name: Until
    counts_events: ClassVar[str | None] = "problems"
    fixed: ClassVar[tuple[str, ...]] = ("weights", "configuration", "tokenizer")

    def inputs(self, run: Run) -> dict[str, str]:
        prompts = run.prompts
        reward = Path(run.grader_settings.reward_path or "")
        return {
            "problems": run.train.digest,
            **run.model_parts,
            **({"reward": file_hash(reward)} if reward.is_file() else {}),
            **({"attempts": file_hash(run.folder / "sample/attempts.parquet")} if self.name == "propose" else {}),
            **({"proposals": file_hash(run.folder / "propose/proposals.parquet")} if self.name == "guide" else {}),
            **({"proposer": run.proposer.model_revision} if self.name == "propose" and run.proposer else {}),
            "prompts": prompts.solve_version if self.name == "sample" else prompts.verify_version,
        }

    def outputs(self, run: Run) -> dict[str, str]:  # noqa: ARG002
        return {table: file for table, (file, _) in TABLES[self.name].items()}

    def total(self, run: Run) -> int:
        return run.share_size

    def execute(self, run: Run, progress: StageProgress) -> dict[str, Any]:
        for split, problems in (("train", run.train), ("heldout", run.heldout)):
            write_problems(run.folder / f"problems/{split}.parquet", problems)
        check_problems(run, progress)
        counts = generate(run, run.until, progress)
        finish(run, run.until, counts)
        run.console.print(funnel_table(counts))
        return counts[self.name]

    def plan(self, run: Run) -> list[str]:
        sizes = {
            "sample": f"{run.share_size} problems x {run.sample.attempts} attempts",
            "propose": f"{run.propose.proposals} proposals an incorrect attempt"
            + (", after a guided solution a problem" if run.propose.two_turns else ""),
            "guide": f"{run.guide.rollouts} guided rollouts an intervention"
            + (f", with controls {', '.join(run.guide.controls)}" if run.guide.controls else ""),
        }
        engine = run.engine_settings
        return [f"{sizes[self.name]}; engine {engine.name} on {run.platform}, {engine.in_flight} requests in flight"]


class SampleStage(GenerationStage):
    name = "sample"
    does = "draw attempts and grade them"
    reads = ()
    settings = (*_GENERATOR_SETTINGS, "prompts.solve", "sample")


class ProposeStage(GenerationStage):
    name = "propose"
    does = "have the model find the first error of its incorrect attempts and write a better step"
    reads = ("sample",)
    settings = (*_GENERATOR_SETTINGS, "prompts", "propose", "proposer.path", "proposer.engine.context_length")

    def check(self, run: Run) -> None:
        if run.proposer is not None:
            _ = run.proposer.model_in_plan


class GuideStage(GenerationStage):
    name = "guide"
    does = "continue from every intervention and keep those that can lead to the answer"
    reads = ("propose",)
    settings = (*_GENERATOR_SETTINGS, "guide", "select")

    def outputs(self, run: Run) -> dict[str, str]:
        release = {} if run.shard else {"rl": RL_FILE, "card": CARD}  # a shard has no rows of all problems
        return super().outputs(run) | release


GENERATION: tuple[GenerationStage, ...] = (SampleStage(), ProposeStage(), GuideStage())


def finish(run: Run, until: Until, counts: Mapping[str, dict[str, Any]]) -> None:
    """Write what lies beside the tables, and the manifests: the dataflow went through all stages up to `until`."""
    stages = [stage for stage in GENERATION if UNTIL.index(stage.name) <= UNTIL.index(until)]
    if until == "guide" and run.shard is None:
        settings = {key: value for stage in stages for key, value in stage.settings_in(run).items()}
        write_release(run, counts, settings)
    for stage in stages:
        before = run.folder.manifest(stage.name)
        manifest = Manifest(stage.name, "running", stage.inputs(run), stage.settings_in(run), counts[stage.name])
        manifest.seal(run.folder.path, stage.outputs(run))
        manifest.seconds = before.seconds if before else 0.0
        run.folder.write_manifest(manifest)


def generate(run: Run, until: Until, progress: StageProgress) -> dict[str, dict[str, Any]]:
    """Take all problems up to `until` and write the tables.

    Ctrl-C ends the requests in flight and keeps every finished one in the journal; a second Ctrl-C does not wait.

    Returns:
        Stage -> counts, as the manifests hold them.

    Raises:
        KeyboardInterrupt: stopped; the same command goes on from there.
        EngineError: the engine is lost; the same command goes on from there.
    """
    started = time.monotonic()
    settings = run.generator_settings
    with (
        Journal(run.folder.journal) as journal,
        Spool(run.folder / "rows.spool") as spool,
        run.grader() as grader,
    ):
        journaled = run.journaled_engine(journal)
        engines, proposer = [journaled], None
        if run.proposer is not None and until != "sample":
            engines.append(run.proposer.journaled_engine(journal))
            proposer = Model(
                engines[-1],
                run.proposer.codec,
                str(run.proposer.config.model.path),
                run.proposer.model_revision,
                run.proposer.context_length,
            )
        generator = Generator(journaled, run.codec, run.prompts, grader, settings, progress, proposer)

        async def draw() -> None:
            async with contextlib.AsyncExitStack() as opened:
                # While the engine starts: an answer may not wait for imports longer than for its own comparison.
                asyncio.get_running_loop().run_in_executor(None, grader.warm)
                for engine in engines:
                    await opened.enter_async_context(engine)
                problems = read_problems(run.folder / "problems/train.parquet")
                await generator.run(run.share(problems), spool, until)

        run_until_interrupted(draw())
        counts = write_tables(run.folder, spool.in_order(), until, progress)
    if journal.damaged:
        run.console.print(f"{journal.damaged} completions in {journal.path} were damaged; they were drawn anew")
    seconds = time.monotonic() - started
    counts[until]["requests"] = {
        "drawn": sum(engine.drawn for engine in engines),
        "replayed": sum(engine.replayed for engine in engines),
        "damaged": journal.damaged,
        "drawn_tokens": sum(engine.drawn_tokens for engine in engines),
        "seconds": round(seconds, 1),
    }
    return counts


def write_tables(
    folder: RunFolder, results: Iterable[ProblemRows], until: Until, watcher: Watcher
) -> dict[str, dict[str, Any]]:
    """Stream results into parquet, in the order of the problems, and return the counts of each stage."""
    funnel = Funnel()
    stages = UNTIL[: UNTIL.index(until) + 1]
    with contextlib.ExitStack() as files:
        writers = {
            table: files.enter_context(RowWriter(folder / file, schema))
            for stage in stages
            for table, (file, schema) in TABLES[stage].items()
        }
        for rows in results:
            funnel.add(rows)
            watcher.count("written")
            for table, writer in writers.items():
                for row in getattr(rows, table):
                    writer.write(row)
    return funnel.counts()
