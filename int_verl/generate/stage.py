"""The three generator stages. They are one dataflow: whichever is asked for, it runs from the problems up to there."""

from __future__ import annotations

import contextlib
import time
from typing import Any, ClassVar

import pyarrow as pa

from int_verl.generate.dataflow import Generator
from int_verl.generate.funnel import Funnel, funnel_table
from int_verl.generate.journal import Journal
from int_verl.generate.settings import UNTIL, Until
from int_verl.generate.spool import Spool
from int_verl.interruption import run_until_interrupted
from int_verl.progress import StageProgress
from int_verl.records import (
    ATTEMPT,
    GUIDED,
    GUIDED_SOLUTION,
    INTERVENTION,
    PROBLEM,
    PROPOSAL,
    SFT,
    RowWriter,
    write_rows,
)
from int_verl.run import Run
from int_verl.run_folder import Manifest, RunFolder, file_hash, installed_versions, text_hash
from int_verl.stage import Stage

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
    "model.path",
    "engine.name",
    "engine.script",
    "engine.context_length",
    "problems.train",
    "problems.columns",
    "problems.train_limit",
)


class GenerationStage(Stage):
    """A generator stage; executing it writes the tables and manifests of every stage up to `run.until`."""

    name: Until
    counts_events: ClassVar[str | None] = "problems"

    def inputs(self, run: Run) -> dict[str, str]:
        prompts = run.prompts
        return {
            "problems": text_hash(repr(run.train)),
            "model": run.model_revision,
            **({"attempts": file_hash(run.folder / "sample/attempts.parquet")} if self.name == "propose" else {}),
            **({"proposals": file_hash(run.folder / "propose/proposals.parquet")} if self.name == "guide" else {}),
            "prompts": prompts.solve_version if self.name == "sample" else prompts.verify_version,
        }

    def outputs(self, run: Run) -> dict[str, str]:  # noqa: ARG002
        return {table: file for table, (file, _) in TABLES[self.name].items()}

    def total(self, run: Run) -> int:
        return len(run.train)

    def execute(self, run: Run, progress: StageProgress) -> dict[str, Any]:
        run.check_problems()
        for split, problems in (("train", run.train), ("heldout", run.heldout)):
            write_rows(run.folder / f"problems/{split}.parquet", PROBLEM, (problem.row() for problem in problems))
        counts = generate(run, run.until, progress)
        # The dataflow went through the stages before and after this one too: their files are up to date.
        stages = [stage for stage in GENERATION if UNTIL.index(stage.name) <= UNTIL.index(run.until)]
        for stage in stages:
            if stage.name == self.name:
                continue
            before = run.folder.manifest(stage.name)
            run.folder.write_manifest(
                Manifest(
                    stage.name,
                    "done",
                    stage.inputs(run),
                    stage.settings_in(run),
                    counts[stage.name],
                    stage.outputs(run),
                    before.seconds if before else 0.0,
                    installed_versions(),
                )
            )
        run.console.print(funnel_table(counts))
        return counts[self.name]

    def plan(self, run: Run) -> list[str]:
        sizes = {
            "sample": f"{len(run.train)} problems x {run.sample.attempts} attempts",
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
    settings = (*_GENERATOR_SETTINGS, "prompts", "propose")


class GuideStage(GenerationStage):
    name = "guide"
    does = "continue from every intervention and keep those that can lead to the answer"
    reads = ("propose",)
    settings = (*_GENERATOR_SETTINGS, "guide", "select")


GENERATION: tuple[GenerationStage, ...] = (SampleStage(), ProposeStage(), GuideStage())


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
        generator = Generator(journaled, run.codec, run.prompts, grader, settings, progress)

        async def draw() -> None:
            async with journaled:
                await generator.run(run.train, spool, until)

        run_until_interrupted(draw())
        counts = _write_tables(run.folder, spool, until)
    seconds = time.monotonic() - started
    counts[until]["requests"] = {
        "drawn": journaled.drawn,
        "replayed": journaled.replayed,
        "drawn_tokens": journaled.drawn_tokens,
        "seconds": round(seconds, 1),
    }
    return counts


def _write_tables(folder: RunFolder, spool: Spool, until: Until) -> dict[str, dict[str, Any]]:
    """Stream the spool into parquet, in the order of the problems."""
    funnel = Funnel()
    stages = UNTIL[: UNTIL.index(until) + 1]
    with contextlib.ExitStack() as files:
        writers = {
            table: files.enter_context(RowWriter(folder / file, schema))
            for stage in stages
            for table, (file, schema) in TABLES[stage].items()
        }
        for rows in spool.in_order():
            funnel.add(rows)
            for table, writer in writers.items():
                for row in getattr(rows, table):
                    writer.write(row)
    return funnel.counts()
