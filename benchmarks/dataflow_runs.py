"""What `generation.py` measures: the dataflow on an engine, and the same requests as its rivals would make them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "recipes" / "quickstart"))

from domain import Misbeliefs, problem_rows

from int_verl.generate.dataflow import Generator
from int_verl.generate.engines.base import Completion, Engine, Request
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.journal import Journal
from int_verl.generate.sampler import Sampler
from int_verl.generate.spool import Spool
from int_verl.grading import Grade
from int_verl.problems.sets import Problem
from int_verl.run.run import Run
from int_verl.settings.compose import compose
from int_verl.stages import assemble
from tests import mod23_script

QUICKSTART = Path(__file__).resolve().parents[1] / "recipes" / "quickstart"

# Nearly every attempt is wrong, each in its own way, as on the paper's hard problems.
mod23_script.MISBELIEFS = Misbeliefs(slip_share=0.3)

Figures = dict[str, Any]
Stages = list[list[Request]]


def training_problems(count: int) -> list[Problem]:
    return [Problem(**row) for row in problem_rows("train", count)]


class Recorded:
    """An engine that remembers what it was asked, by stage."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.asked: set[Request] = set()

    async def __aenter__(self) -> Recorded:
        await self.engine.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.engine.__aexit__(*exc_info)

    async def generate(self, request: Request) -> Completion:
        self.asked.add(request)
        return await self.engine.generate(request)

    @property
    def stages(self) -> Stages:
        """Attempts, guided solutions, verifications, guided rollouts; each in the order of the problems."""
        in_order = sorted(self.asked, key=lambda request: request.order)
        depths = sorted({request.order[1] for request in in_order}, reverse=True)
        return [[request for request in in_order if request.order[1] == depth] for depth in depths]


class Quiet:
    """A watcher that does not watch."""

    def count(self, what: str, number: int = 1) -> None:
        pass


class InLoop:
    """Grades in the event loop's thread: a worker's answer would come in real time, not in virtual."""

    def __init__(self, grader: Any) -> None:
        self.grader = grader

    async def agrade_response(self, response: str, gold: str, *_: Any) -> Grade:
        grade: Grade = self.grader.grade_response(response, gold)
        return grade


def new_run(folder: Path, *overrides: str, context_length: int | None = None) -> Run:
    """The quickstart with the paper's K = 4 attempts and K = 4 proposals in two turns.

    Args:
        context_length: instead of the tiny model's, where the engine has no model.
    """
    paper = ("sample.attempts=4", "propose.proposals=4", "propose.two_turns=true", "guide.controls=[]")
    sets = (f"problems.train={folder}", f"problems.heldout={folder}")
    config = compose(QUICKSTART / "quickstart.yaml", [f"run.dir={folder}", *sets, *paper, *overrides])
    run = Run(config, Console(quiet=True))
    if context_length is not None:
        run.model.__dict__["context_length"] = context_length
    return run


async def dataflow(
    run: Run, engine: Engine, problems: Sequence[Problem], grader: Any, folder: Path, until: str = "guide"
) -> JournaledEngine:
    """What `int_verl.stages.generate.Dataflow.generate` does, on an engine that is open already and stays so."""
    folder.mkdir(parents=True)
    with Journal(folder / "journal.sqlite") as journal, Spool(folder / "rows.spool") as spool:
        journaled = JournaledEngine(_StaysOpen(engine), journal, run.model.revision, run.settings.engine)
        of_run = assemble.Stages(run).dataflow.settings
        generator = Generator(Sampler(journaled, run.model), run.prompts, grader, of_run, Quiet())
        async with journaled:
            await generator.run(problems, spool, until)  # type: ignore[arg-type]
    return journaled


class _StaysOpen:
    def __init__(self, engine: Engine) -> None:
        self.generate = engine.generate

    async def __aenter__(self) -> _StaysOpen:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None


async def all_at_once(engine: Engine, stages: Stages) -> None:
    await asyncio.gather(*(engine.generate(request) for stage in stages for request in stage))


async def so_many_at_a_time(engine: Engine, stages: Stages, in_flight: int) -> None:
    """As if nothing depended on anything: a request begins whenever another ends."""
    waiting = (request for stage in stages for request in stage)

    async def one_place() -> None:
        for request in waiting:
            await engine.generate(request)

    await asyncio.gather(*(one_place() for _ in range(in_flight)))


async def stage_by_stage(engine: Engine, stages: Stages, chunk: int | None) -> None:
    """Nothing of a chunk begins before everything before it has ended; None: a stage is one chunk."""
    for stage in stages:
        size = chunk or max(len(stage), 1)
        for start in range(0, len(stage), size):
            await asyncio.gather(*map(engine.generate, stage[start : start + size]))
