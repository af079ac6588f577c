"""Conversations of the tests: the dataflow with the witness, a real tokenizer and a scripted policy."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from int_verl.generate.chat import ChatCodec
from int_verl.generate.conversations.converse import Conversing
from int_verl.generate.conversations.partner import Partner
from int_verl.generate.dataflow import Generator
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.engines.scripted import ScriptedEngine
from int_verl.generate.journal import Journal
from int_verl.generate.problem_rows import ProblemRows
from int_verl.generate.prompts import load_prompts
from int_verl.generate.sampler import Sampler
from int_verl.generate.spool import Spool
from int_verl.grading import Grader
from int_verl.problems.sets import Problem
from int_verl.run_files import tables_of
from int_verl.settings.engine import EngineSettings
from int_verl.settings.generation import (
    GeneratorSettings,
    GuideSettings,
    ProposeSettings,
    SampleSettings,
    SelectSettings,
)
from int_verl.settings.sampling import Sampling
from int_verl.settings.turns import TurnsSettings
from tests.generate.conversations import witness
from tests.generate.models import tiny_model
from tests.generate.test_dataflow import Events
from tests.sft.chat_models import FAMILIES, save_tokenizer

WITNESS = f"{Path(__file__).with_name('witness.py')}:Witness"
TURNS = TurnsSettings(environment=WITNESS, max_turns=5, workers=2, hidden=("room", "person"))
SETTINGS = GeneratorSettings(
    seed=0,
    in_flight=8,
    sample=SampleSettings(4, sampling=Sampling(600)),
    propose=ProposeSettings(3, sampling=Sampling(2_000)),
    guide=GuideSettings(3, Sampling(600), controls=("wrong_step", "prefix", "problem")),
    select=SelectSettings(),
)
Say = Callable[[Request], str]


@cache
def codec_of(family: str = "qwen2.5") -> ChatCodec:
    return ChatCodec(save_tokenizer(Path(tempfile.mkdtemp()), FAMILIES[family]))


def problems(count: int, control: bool = False) -> list[Problem]:
    rows = witness.rows(count, control)
    return [Problem(row["id"], row["problem"], row["case"], row["guidance"], "witness") for row in rows]


def completion(codec: ChatCodec, text: str, limit: int) -> Completion:
    ids = (*codec.encode(text), *codec.end_of_turn)
    return Completion(ids[:limit], "stop" if len(ids) <= limit else "length")


def generate(
    folder: Path,
    cases: list[Problem],
    settings: GeneratorSettings = SETTINGS,
    turns: TurnsSettings = TURNS,
    say: Say = witness.said,
    codec: ChatCodec | None = None,
    until: Any = "guide",
) -> tuple[list[ProblemRows], dict[str, int]]:
    """All rows in the order of the cases, through journal and spool; and what was asked of engine and environment."""
    codec = codec or codec_of()
    prompts = load_prompts("turns/act", "turns/guided_plan", "turns/verify")

    def script(request: Request) -> Completion:
        return completion(codec, say(request), request.sampling.max_tokens)

    with (
        Journal(folder / "journal.sqlite") as journal,
        Spool(folder / "spool", tables_of(True)) as spool,
        Grader(workers=1) as grader,
        Partner(turns, journal) as partner,
    ):
        engine = JournaledEngine(ScriptedEngine(script), journal, "r", EngineSettings(in_flight=8))
        conversing = Conversing(partner, turns, prompts)
        sampler = Sampler(engine, tiny_model(codec, 40_000))
        generator = Generator(sampler, prompts, grader, settings, Events(), conversing=conversing)
        asyncio.run(generator.run(cases, spool, until))
        asked = {"drawn": engine.drawn, "replayed": engine.replayed, **partner.counts}
        return list(spool.in_order()), asked
