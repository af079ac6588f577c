"""The dataflow with a scripted engine that behaves like the quickstart's model."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from domain import problem_rows

from int_verl.generate.chat import ChatCodec
from int_verl.generate.dataflow import Generator
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.scripted import ScriptedEngine
from int_verl.generate.problem_rows import ProblemRows
from int_verl.generate.prompts import load_prompts
from int_verl.generate.sampler import Sampler
from int_verl.generate.seeds import request_seed
from int_verl.generate.spool import Spool
from int_verl.grading import Grader
from int_verl.interventions import Intervention, guided_prefix
from int_verl.problems.sets import Problem
from int_verl.settings.generation import (
    GeneratorSettings,
    GuideSettings,
    ProposeSettings,
    SampleSettings,
    SelectSettings,
)
from int_verl.settings.sampling import Sampling
from int_verl.steps import split_steps
from tests.generate.models import tiny_model
from tests.mod23_script import script
from tests.quickstart_files import QUICKSTART

PROBLEMS = [Problem(**row) for row in problem_rows("train", 24)]
SETTINGS = GeneratorSettings(
    seed=0,
    in_flight=8,
    sample=SampleSettings(4, Sampling(96)),
    propose=ProposeSettings(1, Sampling(224), two_turns=False),
    guide=GuideSettings(4, Sampling(96), controls=("wrong_step", "prefix")),
    select=SelectSettings(),
)
Script = Callable[[Request], Completion]


class Events(Counter[str]):
    def count(self, what: str, number: int = 1) -> None:
        self[what] += number


def generate(
    codec: ChatCodec,
    tmp_path: Path,
    settings: GeneratorSettings = SETTINGS,
    until: str = "guide",
    answers: Script = script,
    problems: list[Problem] = PROBLEMS,
    in_order: bool = True,
    context_length: int = 512,
) -> list[ProblemRows]:
    """All rows, in the order of the problems."""

    class Shuffled(ScriptedEngine):
        """Later requests may overtake earlier ones."""

        async def generate(self, request: Request) -> Completion:
            if not in_order:
                await asyncio.sleep((request.seed % 7) / 1000)
            return await super().generate(request)

    prompts = load_prompts(
        *(str(QUICKSTART / "prompts" / f"{n}.jinja") for n in ("solve", "guided_solution", "verify"))
    )
    with Spool(tmp_path / "spool") as spool, Grader(workers=1) as grader:
        generator = Generator(
            Sampler(Shuffled(answers), tiny_model(codec, context_length)), prompts, grader, settings, Events()
        )
        asyncio.run(generator.run(problems, spool, until))  # type: ignore[arg-type]
        return list(spool.in_order())


@pytest.fixture(scope="module")
def rows(codec: ChatCodec, tmp_path_factory: pytest.TempPathFactory) -> list[ProblemRows]:
    return generate(codec, tmp_path_factory.mktemp("rows"))


def test_every_problem_has_its_attempts_in_order(rows: list[ProblemRows]) -> None:
    assert [problem.attempts[0]["problem_id"] for problem in rows] == [problem.id for problem in PROBLEMS]
    assert all([row["attempt"] for row in problem.attempts] == [0, 1, 2, 3] for problem in rows)


def test_proposals_are_asked_for_distinct_incorrect_attempts_only(rows: list[ProblemRows]) -> None:
    for problem in rows:
        asked = [row for row in problem.attempts if not row["skipped"]]
        assert all(row["outcome"] == "incorrect" for row in asked)
        assert len({row["text"] for row in asked}) == len(asked)
        assert [row["attempt"] for row in problem.proposals] == [row["attempt"] for row in asked]
        for row in problem.attempts:
            assert (row["skipped"] == "correct") == row["correct"]


def test_every_proposal_has_a_fate(rows: list[ProblemRows]) -> None:
    statuses = Counter(row["status"] for problem in rows for row in problem.proposals)
    assert statuses["proposed"] > 5
    assert statuses["leak"] > 0
    assert sum(statuses.values()) == sum(len(problem.proposals) for problem in rows)
    guided = sum(len(problem.interventions) for problem in rows)
    assert statuses["proposed"] == guided


def test_guided_prefixes_are_the_policys_own_tokens(rows: list[ProblemRows], codec: ChatCodec) -> None:
    trained = [(problem, row) for problem in rows for row in problem.sft]
    assert trained
    for problem, row in trained:
        attempt = problem.attempts[row["attempt"]]
        text = guided_prefix(attempt["text"], Intervention(row["content"], row["location"]))
        assert codec.decode([*row["prefix_ids"], *row["intervention_ids"]]) == text
        assert row["prefix_ids"] == list(attempt["token_ids"][: len(row["prefix_ids"])])
        assert row["prompt_ids"] == list(attempt["prompt_ids"])
        assert row["messages"][1]["content"] == text


def test_interventions_are_at_the_first_wrong_step(rows: list[ProblemRows]) -> None:
    by_id = {problem.id: problem for problem in PROBLEMS}
    for problem in rows:
        for row in problem.interventions:
            right = by_id[row["problem_id"]].reference_solution
            wrong_step = split_steps(problem.attempts[row["attempt"]]["text"])[row["location"] - 1]
            value = row["content"].split("-> ")[1]
            assert wrong_step.split("-> ")[1] != value
            assert f" {value}." in right


def test_guided_rollouts_continue_from_what_their_condition_says(rows: list[ProblemRows], codec: ChatCodec) -> None:
    for problem in rows:
        for row in problem.guided:
            attempt = problem.attempts[row["attempt"]]
            intervention = next(i for i in problem.interventions if i["attempt"] == row["attempt"])
            steps, location = split_steps(attempt["text"]), intervention["location"]
            expected = {
                "prefix": steps[: location - 1],
                "wrong_step": steps[:location],
                "intervention": [*steps[: location - 1], intervention["content"]],
            }[row["condition"]]
            context = codec.decode(row["prompt_ids"]).rpartition("assistant\n")[2]
            assert context == "".join(step + "\n\n" for step in expected)


def test_only_interventions_with_a_success_are_kept(rows: list[ProblemRows]) -> None:
    kept = [row for problem in rows for row in problem.interventions if row["kept"]]
    dropped = [row for problem in rows for row in problem.interventions if not row["kept"]]
    assert kept
    assert dropped
    assert all(row["guided_correct"] > 0 for row in kept)
    assert all(row["guided_correct"] == 0 for row in dropped)
    assert len(kept) == sum(len(problem.sft) for problem in rows)


def test_rows_do_not_depend_on_the_order_of_completions(
    rows: list[ProblemRows], codec: ChatCodec, tmp_path: Path
) -> None:
    assert generate(codec, tmp_path, in_order=False) == rows


def test_an_earlier_stage_gives_the_same_rows(rows: list[ProblemRows], codec: ChatCodec, tmp_path: Path) -> None:
    sampled = generate(codec, tmp_path, until="sample")
    assert [problem.attempts for problem in sampled] == [problem.attempts for problem in rows]
    assert not any(problem.proposals or problem.guided for problem in sampled)
    proposed = generate(codec, tmp_path, until="propose")
    assert [problem.proposals for problem in proposed] == [problem.proposals for problem in rows]


def test_one_intervention_a_problem(codec: ChatCodec, tmp_path: Path) -> None:
    settings = replace(SETTINGS, select=SelectSettings(interventions="one_per_problem"))
    selected = generate(codec, tmp_path, settings)
    assert all(len(problem.sft) <= 1 for problem in selected)
    for problem in selected:
        best = max((row["guided_correct"] for row in problem.interventions), default=0)
        assert all(row["guided_correct"] == best for row in problem.interventions if row["kept"])


def test_waves_stop_at_the_first_success_and_lose_no_intervention(
    rows: list[ProblemRows], codec: ChatCodec, tmp_path: Path
) -> None:
    guide = replace(SETTINGS.guide, waves=(1, 1), stop_at_first_success=True, controls=())
    waved = generate(codec, tmp_path, replace(SETTINGS, guide=guide))
    assert [p.sft for p in waved] == [p.sft for p in rows]
    assert sum(len(p.guided) for p in waved) < sum(r["condition"] == "intervention" for p in rows for r in p.guided)
    for problem in waved:
        for row in problem.interventions:
            assert row["guided"] in ((1, 2, 4) if row["guided_correct"] else (4,))


def test_truncated_attempts_are_not_incorrect_unless_asked_for(codec: ChatCodec, tmp_path: Path) -> None:
    def cut(request: Request) -> Completion:
        completion = script(request)
        is_attempt = request.sampling.max_tokens == 96 and "->" not in codec.decode(request.prompt_ids)
        return Completion(completion.token_ids[:20], "length") if is_attempt else completion

    plain = generate(codec, tmp_path, until="propose", answers=cut)
    assert all(row["outcome"] == row["skipped"] == "truncated" for problem in plain for row in problem.attempts)
    propose = replace(SETTINGS.propose, outcomes=("incorrect", "truncated"))
    asked = generate(codec, tmp_path, replace(SETTINGS, propose=propose), until="propose", answers=cut)
    assert any(problem.proposals for problem in asked)


def test_prompts_that_do_not_fit_are_rejected_not_cut(codec: ChatCodec, tmp_path: Path) -> None:
    longest = 0

    def watch(request: Request) -> Completion:
        nonlocal longest
        longest = max(longest, len(request.prompt_ids) + request.sampling.max_tokens)
        return script(request)

    rejected = generate(codec, tmp_path, until="propose", answers=watch, context_length=300)
    assert {row["status"] for problem in rejected for row in problem.proposals} == {"prompt_too_long"}
    assert longest <= 300


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("no block at all", "no_block"),
        ("<intervention>\n</intervention>", "empty_block"),
        ('<intervention>{"content": "Step 1: x", "location": 99}</intervention>', "location_out_of_range"),
    ],
)
def test_bad_verifications_are_counted_rejections(codec: ChatCodec, tmp_path: Path, answer: str, status: str) -> None:
    def verifier(request: Request) -> Completion:
        if request.sampling.max_tokens == 224:
            return Completion((*codec.encode(answer), codec.tokenizer.eos_token_id), "stop")
        return script(request)

    rejected = generate(codec, tmp_path, until="guide", answers=verifier)
    assert {row["status"] for problem in rejected for row in problem.proposals} == {status}
    assert not any(problem.guided or problem.sft for problem in rejected)


def test_a_verification_cut_off_by_the_limit_is_truncated(codec: ChatCodec, tmp_path: Path) -> None:
    def cut(request: Request) -> Completion:
        completion = script(request)
        return Completion(completion.token_ids[:10], "length") if request.sampling.max_tokens == 224 else completion

    rejected = generate(codec, tmp_path, answers=cut)
    assert {row["status"] for problem in rejected for row in problem.proposals} == {"truncated"}


def test_the_guided_solution_is_written_once_a_problem_and_read_by_all_verifications(
    codec: ChatCodec, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, propose=replace(SETTINGS.propose, two_turns=True))
    turns = generate(codec, tmp_path, settings, until="propose", context_length=1024)
    for problem in turns:
        assert len(problem.guided_solutions) == bool(problem.proposals)
        for row in problem.proposals:
            assert problem.guided_solutions[0]["text"] in codec.decode(row["prompt_ids"])


def test_an_engine_error_ends_the_run(codec: ChatCodec, tmp_path: Path) -> None:
    def broken(_: Request) -> Completion:
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        generate(codec, tmp_path, answers=broken)


def test_seeds_depend_on_the_purpose_alone() -> None:
    purposes = [(run, stage, problem, i) for run in (0, 1) for stage in "ab" for problem in "ab" for i in range(50)]
    seeds = {request_seed(*purpose) for purpose in purposes}
    assert len(seeds) == len(purposes)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert request_seed(0, "sample", "p", 1) == request_seed(0, "sample", "p", 1)
