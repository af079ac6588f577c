"""What happens to an output by rule: thinking, steps, limits, waves, selection, reward functions of the user's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.errors import UserError
from int_verl.generate.chat import ChatCodec
from int_verl.generate.dataflow import Generator
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.scripted import ScriptedEngine
from int_verl.generate.funnel import Funnel, context_length_needed
from int_verl.generate.problem_rows import ProblemRows
from int_verl.generate.prompts import load_prompts
from int_verl.generate.sampler import Sampler
from int_verl.generate.thinking import answer_in, steps_begin
from int_verl.grading import BaseGrader, Grader
from int_verl.grading.reward_function import MAX_FAILURES, RewardFunction
from int_verl.problems.sets import Problem
from int_verl.run_files import TABLES
from int_verl.settings.generation import (
    GeneratorSettings,
    GuideSettings,
    ProposeSettings,
    SampleSettings,
    SelectSettings,
    StepSettings,
)
from int_verl.settings.sampling import Sampling
from int_verl.steps import cut_steps
from tests.generate.models import tiny_model
from tests.quickstart_files import QUICKSTART
from tests.test_steps import BPE, QWEN_PIECES

# The stage of a request is told by its limit of tokens.
SAMPLE, SOLUTION, VERIFY, GUIDE = 4_001, 4_002, 4_003, 4_004
CONTEXT_LENGTH = 40_000
PROBLEM = Problem("p", "What is 3 + 4?", "7", "Count on from 3.", "sums")
SETTINGS = GeneratorSettings(
    seed=0,
    in_flight=64,
    sample=SampleSettings(1, Sampling(SAMPLE)),
    propose=ProposeSettings(1, Sampling(VERIFY), two_turns=False, guided_solution_sampling=Sampling(SOLUTION)),
    guide=GuideSettings(2, Sampling(GUIDE)),
    select=SelectSettings(),
)
WRONG = "We add 3.\n\nThen 4.\n\nIt is \\boxed{8}."
RIGHT = "So it is \\boxed{7}."
Say = Callable[[Request], str] | str


def block(content: str, location: int) -> str:
    return f'<intervention>\n{{"content": "{content}", "location": {location}}}\n</intervention>'


VERIFICATION = block("Count on to the sum.", 2)


def index(request: Request) -> int:
    """Which of its kind a request is: the last part of its order."""
    return request.order[-1]


@pytest.fixture(scope="module")
def opening(model_folder: Path) -> ChatCodec:
    """A chat template that opens the thinking in the prompt, as Qwen3-Thinking's does."""
    codec = ChatCodec(model_folder)
    codec.tokenizer.chat_template = codec.tokenizer.chat_template.replace(
        "'<|im_start|>assistant\n'", "'<|im_start|>assistant\n<think>\n'"
    )
    assert codec.decode(codec.prompt_ids("x")).endswith("assistant\n<think>\n")
    return codec


class Silent:
    def count(self, what: str, number: int = 1) -> None: ...


def run(
    codec: ChatCodec,
    attempt: Say,
    verification: Say = VERIFICATION,
    guided: Say = RIGHT,
    solution: Say = "A solution.",
    settings: GeneratorSettings = SETTINGS,
    cut_off: tuple[int, ...] = (),
    grader: BaseGrader | None = None,
    problems: tuple[Problem, ...] = (PROBLEM,),
    context_length: int = CONTEXT_LENGTH,
) -> tuple[list[ProblemRows], dict[str, dict[str, Any]]]:
    """Rows of the problems and their counts, with an engine that says what each stage is given to say.

    `cut_off`: stages whose outputs end at the length limit.
    """
    first_turn = settings.propose.guided_solution_sampling
    assert first_turn is not None
    says = {
        settings.sample.sampling.max_tokens: attempt,
        first_turn.max_tokens: solution,
        settings.propose.sampling.max_tokens: verification,
        settings.guide.sampling.max_tokens: guided,
    }

    def script(request: Request) -> Completion:
        stage = request.sampling.max_tokens
        assert len(request.prompt_ids) + stage <= context_length
        say = says[stage]
        token_ids = codec.encode(say if isinstance(say, str) else say(request))
        if stage in cut_off:
            return Completion(tuple(token_ids), "length")
        return Completion((*token_ids, codec.tokenizer.eos_token_id), "stop")

    prompts = load_prompts(
        *(str(QUICKSTART / "prompts" / f"{n}.jinja") for n in ("solve", "guided_solution", "verify"))
    )
    with grader or Grader(workers=1) as judge:
        generator = Generator(
            Sampler(ScriptedEngine(script), tiny_model(codec, context_length)), prompts, judge, settings, Silent()
        )

        async def solve_all() -> list[ProblemRows]:
            return await asyncio.gather(
                *(generator.solve(problem, "guide", number) for number, problem in enumerate(problems))
            )

        rows = asyncio.run(solve_all())
    funnel = Funnel()
    for problem_rows in rows:
        funnel.add(problem_rows)
    return rows, funnel.counts


def one(codec: ChatCodec, *args: Any, **more: Any) -> ProblemRows:
    return run(codec, *args, **more)[0][0]


def context(codec: ChatCodec, row: dict[str, Any]) -> str:
    """The beginning of the response that a guided rollout continues."""
    return codec.decode(row["prompt_ids"]).rpartition("assistant\n")[2]


def test_every_row_has_the_columns_of_its_table(codec: ChatCodec) -> None:
    settings = replace(SETTINGS, propose=replace(SETTINGS.propose, two_turns=True))
    rows = one(codec, WRONG, settings=settings)
    for tables in TABLES.values():
        for table, (_, schema) in tables.items():
            assert [sorted(row) for row in getattr(rows, table)[:1]] == [sorted(schema.names)], table


# Thinking

THOUGHT = "<think>\nI add 3.\n\nThat makes 8?\n</think>\n\n"
OUTPUT = THOUGHT + "First 3.\n\nSo \\boxed{8}."
INSIDE = OUTPUT.removeprefix("<think>\n")
THOUGHT_OVER = "Let me see.\n</think>\n\n"
THINK_ON = "and 4.\n</think>\n\n\\boxed{7}"


def with_thinking(rule: str) -> GeneratorSettings:
    return replace(SETTINGS, sample=replace(SETTINGS.sample, thinking=rule))


@given(st.lists(st.sampled_from(["<think>", "</think>", "\n", " ", "a"]), max_size=8).map("".join), st.booleans())
def test_steps_begin_where_the_rule_says_whatever_the_tags(output: str, opened: bool) -> None:
    opening = "<think>" if opened else ""
    answer = answer_in(output, opening)
    begin = steps_begin(output, opening, "solution")
    if answer is None:
        assert begin == len(output)
    elif "</think>" in output:
        assert output[begin:] == answer.lstrip()
        assert "</think>" not in output[begin:]
    else:
        assert begin == 0
    begin = steps_begin(output, opening, "all")
    assert output[:begin].strip() in ("", "<think>")
    assert not output.strip().startswith("<think>") or "<think>" in output[:begin]


@pytest.mark.parametrize(("location", "before"), [(1, "<think>\n"), (2, "<think>\nI add 3.\n\n"), (3, THOUGHT)])
def test_a_whole_output_has_steps_and_the_opening_tag_stays(codec: ChatCodec, location: int, before: str) -> None:
    rows = one(codec, OUTPUT, block("Count on.", location), THINK_ON)
    attempt, trained = rows.attempts[0], rows.sft[0]
    assert (attempt["steps"], attempt["steps_begin"], attempt["outcome"]) == (4, 8, "incorrect")
    assert context(codec, rows.guided[0]) == before + "Count on.\n\n"
    assert trained["prompt_ids"] == list(attempt["prompt_ids"])
    assert trained["prefix_ids"] == list(attempt["token_ids"])[: len(trained["prefix_ids"])]
    assert codec.decode(trained["prefix_ids"]) == before


@pytest.mark.parametrize(("location", "before"), [(1, ""), (2, "First 3.\n\n")])
def test_a_solution_has_steps_and_its_thinking_stands_before_them_untrained(
    codec: ChatCodec, location: int, before: str
) -> None:
    rows = one(codec, OUTPUT, block("Count on.", location), settings=with_thinking("solution"))
    attempt, trained = rows.attempts[0], rows.sft[0]
    assert (attempt["steps"], attempt["steps_begin"]) == (2, len(THOUGHT))
    assert "I add" not in codec.decode(rows.proposals[0]["prompt_ids"])
    assert context(codec, rows.guided[0]) == THOUGHT + before + "Count on.\n\n"
    whole = [*trained["prompt_ids"], *trained["prefix_ids"]]
    assert whole == [*attempt["prompt_ids"], *attempt["token_ids"]][: len(whole)]
    assert codec.decode(trained["prompt_ids"]).endswith(THOUGHT)
    assert codec.decode(trained["prefix_ids"]) == before
    assert trained["messages"][1]["content"] == THOUGHT + before + "Count on."


def test_a_template_may_open_the_thinking(opening: ChatCodec) -> None:
    rows = one(opening, INSIDE, THOUGHT_OVER + block("Count on.", 2), THINK_ON)
    assert (rows.attempts[0]["steps"], rows.attempts[0]["steps_begin"]) == (4, 0)
    assert context(opening, rows.guided[0]) == "<think>\nI add 3.\n\nCount on.\n\n"
    assert rows.guided[0]["outcome"] == "correct"
    rows = one(opening, INSIDE, THOUGHT_OVER + block("Count on.", 1), settings=with_thinking("solution"))
    assert rows.attempts[0]["steps_begin"] == len(THOUGHT.removeprefix("<think>\n"))
    assert rows.guided[0]["outcome"] == "correct"


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("rule", ["all", "solution"])
@pytest.mark.parametrize(("cut_off", "outcome"), [((), "unclosed_thinking"), ((SAMPLE,), "truncated")])
def test_thinking_that_is_never_closed_has_no_answer(
    codec: ChatCodec, opening: ChatCodec, opened: bool, rule: str, cut_off: tuple[int, ...], outcome: str
) -> None:
    output = "So it is \\boxed{7}.\n\nI am sure."
    rows, counts = run(
        opening if opened else codec,
        output if opened else "<think>\n" + output,
        settings=with_thinking(rule),
        cut_off=cut_off,
    )
    assert rows[0].attempts[0]["outcome"] == rows[0].attempts[0]["skipped"] == outcome
    assert counts["sample"]["outcomes"] == counts["sample"]["skipped"] == {outcome: 1}


def test_unclosed_thinking_can_be_asked_for(opening: ChatCodec) -> None:
    propose = replace(SETTINGS.propose, outcomes=("unclosed_thinking",))
    rows = one(opening, WRONG, THOUGHT_OVER + VERIFICATION, THINK_ON, settings=replace(SETTINGS, propose=propose))
    assert len(rows.sft) == 1
    solution = replace(with_thinking("solution"), propose=propose)
    assert one(opening, WRONG, settings=solution).attempts[0]["skipped"] == "empty"


def test_guided_rollouts_are_graded_after_their_thinking(opening: ChatCodec) -> None:
    said = ["hm \\boxed{7}", "no, \\boxed{7}\n</think>\n\n\\boxed{6}", "\\boxed{6}\n</think>\n\n\\boxed{7}"]
    settings = replace(SETTINGS, guide=replace(SETTINGS.guide, rollouts=3))
    verification = THOUGHT_OVER + VERIFICATION
    rows = one(opening, INSIDE, verification, lambda request: said[index(request)], settings=settings)
    assert [row["outcome"] for row in rows.guided] == ["unclosed_thinking", "incorrect", "correct"]


@pytest.mark.parametrize("opened", [False, True])
def test_verifications_are_read_after_their_thinking(codec: ChatCodec, opening: ChatCodec, opened: bool) -> None:
    thought = "" if opened else "<think>\n"
    draft = thought + "Substep 1 verdict: WRONG\n" + block("A draft.", 1)
    used = opening if opened else codec
    attempt = INSIDE if opened else OUTPUT
    rows = one(used, attempt, f"{draft}\n</think>\n\n" + block("The step.", 3))
    assert (rows.proposals[0]["status"], rows.proposals[0]["content"]) == ("proposed", "The step.")
    assert one(used, attempt, draft).proposals[0]["status"] == "unclosed_thinking"
    assert one(used, attempt, draft, cut_off=(VERIFY,)).proposals[0]["status"] == "truncated"


def test_the_guided_solution_goes_into_turn_two_without_its_thinking(codec: ChatCodec) -> None:
    settings = replace(SETTINGS, propose=replace(SETTINGS.propose, two_turns=True))
    rows = one(codec, WRONG, solution="<think>\nsecret\n</think>\n\nThe solution.", settings=settings)
    prompt = codec.decode(rows.proposals[0]["prompt_ids"])
    assert "assistant\nThe solution.<|im_end|>" in prompt
    assert "secret" not in prompt
    assert rows.guided_solutions[0]["status"] == "written"


@pytest.mark.parametrize(
    ("said", "cut_off", "status", "proposal"),
    [
        ("<think>\nI wonder", (), "unclosed_thinking", "no_guided_solution"),
        ("<think>\nI wonder", (SOLUTION,), "truncated", "no_guided_solution"),
        ("<think>\nI wonder\n</think>\n", (), "empty", "no_guided_solution"),
        ("A long solution", (SOLUTION,), "truncated", "proposed"),
    ],
)
def test_a_guided_solution_that_came_to_nothing_is_counted(
    codec: ChatCodec, said: str, cut_off: tuple[int, ...], status: str, proposal: str
) -> None:
    settings = replace(SETTINGS, propose=replace(SETTINGS.propose, two_turns=True, proposals=2))
    rows, counts = run(codec, WRONG, solution=said, settings=settings, cut_off=cut_off)
    assert counts["propose"]["guided_solutions"] == {status: 1}
    assert rows[0].guided_solutions[0]["text"] == said
    assert rows[0].proposals[0]["status"] == proposal
    assert sum(counts["propose"]["statuses"].values()) == 2


# Steps


@pytest.mark.parametrize(("text", "reason"), [("", "empty"), (" \n\n ", "empty"), (THOUGHT, "empty"), (WRONG, "")])
def test_empty_responses_are_counted(codec: ChatCodec, text: str, reason: str) -> None:
    rows, counts = run(codec, text, settings=with_thinking("solution"))
    assert rows[0].attempts[0]["skipped"] == reason
    assert counts["sample"]["skipped"] == ({reason: 1} if reason else {})


def test_a_response_of_one_step_is_asked_about_and_counted(codec: ChatCodec) -> None:
    rows, counts = run(codec, "It is \\boxed{8}.", block("Count on.", 1))
    assert counts["sample"]["asked_with_one_step"] == 1
    assert rows[0].sft[0]["prefix_ids"] == []
    assert one(codec, "It is \\boxed{8}.", block("Count on.", 2)).proposals[0]["status"] == "location_out_of_range"


LONG = "\n\n".join([*(f"Step {i}: {i}." for i in range(1, 500)), "\\boxed{8}"])


def test_an_attempt_of_500_steps(codec: ChatCodec) -> None:
    rows, counts = run(codec, LONG, block("Count on.", 400))
    assert rows[0].attempts[0]["steps"] == 500
    assert "**Substep 500:** \\boxed{8}" in codec.decode(rows[0].proposals[0]["prompt_ids"])
    assert context(codec, rows[0].guided[0]).endswith("Step 399: 399.\n\nCount on.\n\n")
    assert rows[0].sft[0]["prefix_ids"] == list(rows[0].attempts[0]["token_ids"])[: len(rows[0].sft[0]["prefix_ids"])]
    assert counts["guide"]["kept"] == 1


@pytest.mark.parametrize(("limit", "skipped"), [(500, {}), (499, {"too_many_steps": 1})])
def test_attempts_of_too_many_steps_are_counted(codec: ChatCodec, limit: int, skipped: dict[str, int]) -> None:
    settings = replace(SETTINGS, propose=replace(SETTINGS.propose, max_steps=limit))
    assert run(codec, LONG, settings=settings)[1]["sample"]["skipped"] == skipped


@pytest.mark.parametrize(
    ("by", "location", "start"),
    [
        ("headings", 1, "New.\n"),
        ("headings", 2, "### A\nWe add 3. Then\n### B\nNew.\n\n"),
        ("sentences", 1, "New."),
        ("sentences", 2, "### A\nWe add 3. New.\n"),
        ("sentences", 3, "### A\nWe add 3. Then\nNew.\n\n"),
        ("blank_line", 2, "### A\nWe add 3. Then\n### B\n4 and\n\nNew.\n\n"),
    ],
)
def test_interventions_are_joined_as_the_steps_are(codec: ChatCodec, by: Any, location: int, start: str) -> None:
    """The step of location is replaced, and what separates it from the next one separates its replacement."""
    attempt = "### A\nWe add 3. Then\n### B\n4 and\n\n### C\nIt is \\boxed{8}."
    start = start.replace("### B\nNew", "New") if by == "headings" else start
    rows = one(codec, attempt, block("New.", location), settings=replace(SETTINGS, steps=StepSettings(by)))
    assert context(codec, rows.guided[0]) == start
    trained = rows.sft[0]
    text = codec.decode([*trained["prefix_ids"], *trained["intervention_ids"]])
    assert text == start.rstrip("\n") == trained["messages"][1]["content"]
    assert trained["prefix_ids"] == list(rows.attempts[0]["token_ids"])[: len(trained["prefix_ids"])]


def test_a_space_before_a_sentence_stays_with_its_word(codec: ChatCodec) -> None:
    settings = replace(SETTINGS, steps=StepSettings("sentences"), guide=replace(SETTINGS.guide, controls=("prefix",)))
    rows = one(codec, "We add 3. Then 4. So \\boxed{8}.", block("Step 2", 2), settings=settings)
    assert rows.sft[0]["prefix_rest"] == " "
    assert rows.sft[0]["intervention_ids"] == codec.encode(" Step 2")
    contexts = {row["condition"]: context(codec, row) for row in rows.guided}
    assert contexts == {"intervention": "We add 3. Step 2", "prefix": "We add 3."}


@pytest.fixture(scope="module")
def merging(codec: ChatCodec, tmp_path_factory: pytest.TempPathFactory) -> ChatCodec:
    """A model's folder with a tokenizer whose pieces are Qwen's, so that marks and line breaks are merged."""
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("merging")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=BPE(QWEN_PIECES).tokenizer, eos_token="<|im_end|>")
    tokenizer.add_tokens(["<think>", "</think>"])
    tokenizer.chat_template = codec.tokenizer.chat_template
    tokenizer.save_pretrained(folder)
    return ChatCodec(folder)


MERGED = "We.\n\nThen $$b$$\n\n### A\na. Then b.\n\n\n### B\nb\n\n\nSo $$c$$\n\n\\boxed{8}"


@pytest.mark.parametrize("by", ["blank_line", "headings", "sentences"])
@pytest.mark.parametrize("rule", ["all", "solution"])
def test_tokens_that_run_over_the_ends_of_steps_are_kept(merging: ChatCodec, by: Any, rule: str) -> None:
    assert [len(merging.encode(text)) for text in (".\n\n", "\n\n\n", "$$\n\n", " Then", "</think>")] == [1] * 5
    output = THOUGHT + MERGED
    settings = replace(with_thinking(rule), steps=StepSettings(by))
    steps = cut_steps(output, by, one(merging, output, settings=settings).attempts[0]["steps_begin"])
    for location in range(1, len(steps) + 1):
        rows = one(merging, output, block("Count on.", location), THINK_ON, settings=settings)
        own, trained = list(rows.attempts[0]["token_ids"]), rows.sft[0]
        before = output[: steps.start(location)]
        whole = [*trained["prompt_ids"], *trained["prefix_ids"]]
        kept = whole[len(rows.attempts[0]["prompt_ids"]) :]
        assert kept == own[: len(kept)]
        assert merging.decode(kept) + trained["prefix_rest"] == before
        assert trained["prefix_rest"] in ("", " ")
        assert merging.decode(trained["intervention_ids"]) == trained["prefix_rest"] + "Count on."
        assert list(rows.guided[0]["prompt_ids"][: len(whole)]) == whole
        assert context(merging, rows.guided[0]).startswith(before + "Count on.")


# Prompts that do not fit


def too_long(stage: str) -> GeneratorSettings:
    """Settings of two turns under which the prompts of one stage do not fit, because it asks for so many new tokens."""
    settings = replace(SETTINGS, propose=replace(SETTINGS.propose, two_turns=True))
    sampling = Sampling(CONTEXT_LENGTH)
    if stage == "guided_solution":
        return replace(settings, propose=replace(settings.propose, guided_solution_sampling=sampling))
    return replace(settings, **{stage: replace(getattr(settings, stage), sampling=sampling)})


@pytest.mark.parametrize(
    ("stage", "table", "column", "last"),
    [
        ("sample", "attempts", "outcome", "prompt_too_long"),
        ("guided_solution", "guided_solutions", "status", "no_guided_solution"),
        ("propose", "proposals", "status", "prompt_too_long"),
        ("guide", "guided", "outcome", "proposed"),
    ],
)
def test_prompts_that_do_not_fit_are_rows_with_a_count_and_the_length_that_would_do(
    codec: ChatCodec, stage: str, table: str, column: str, last: str
) -> None:
    settings = too_long(stage)
    rows, counts = run(codec, WRONG, settings=settings)
    row = getattr(rows[0], table)[0]
    assert (row[column], row["text"], row["finish_reason"]) == ("prompt_too_long", None, None)
    needed = row["prompt_tokens"] + row["max_tokens"]
    assert f"engine.context_length={needed} " in str(context_length_needed(counts))
    fates = [row["skipped"] for row in rows[0].attempts if row["skipped"]]
    fates += [row["status"] for row in rows[0].proposals]
    assert fates == [last]
    assert not rows[0].sft

    rows, counts = run(codec, WRONG, settings=settings, context_length=needed + 1_000)
    assert context_length_needed(counts) is None
    assert len(rows[0].sft) == 1


def test_a_guided_prefix_that_does_not_fit_is_no_saving(codec: ChatCodec) -> None:
    settings = too_long("guide")
    guide = replace(settings.guide, rollouts=8, waves=(2, 2), stop_at_first_success=True)
    rows, counts = run(codec, WRONG, settings=replace(settings, guide=guide))
    assert counts["guide"]["rollouts"] == {"intervention": {"prompt_too_long": 2}}
    assert (rows[0].interventions[0]["guided"], counts["guide"]["rollouts_not_drawn"]) == (0, 0)


# Waves and selection


def guiding(selected: str = "all", **changes: Any) -> GeneratorSettings:
    """Two attempts with two proposals each, guided by 32 rollouts."""
    return replace(
        SETTINGS,
        sample=replace(SETTINGS.sample, attempts=2),
        propose=replace(SETTINGS.propose, proposals=2),
        guide=replace(SETTINGS.guide, rollouts=32, **changes),
        select=SelectSettings(interventions=selected),  # type: ignore[arg-type]
    )


def two_attempts(request: Request) -> str:
    return f"Attempt {index(request)}.\n\n{WRONG}"


def two_proposals(request: Request) -> str:
    return block(f"Proposal {index(request)}.", 3)


def right_from(first: dict[tuple[int, int], int]) -> Say:
    """(attempt, proposal) -> its first rollout that is correct; of the others none is."""

    def say(request: Request) -> str:
        _, _, attempt, proposal, _, rollout = request.order
        return RIGHT if rollout == first.get((attempt, proposal)) else "Well. " * (rollout + 1) + "\\boxed{9}"

    return say


FIRST = {(0, 0): 2, (0, 1): 9, (1, 0): 30}


def test_without_waves_or_without_stopping_all_32_are_drawn(codec: ChatCodec) -> None:
    for changes in ({}, {"waves": (4, 8, 20)}, {"stop_at_first_success": True}, {"waves": (4, 8)}):
        rows, counts = run(codec, two_attempts, two_proposals, right_from(FIRST), settings=guiding(**changes))
        assert [row["guided"] for row in rows[0].interventions] == [32] * 4
        assert [row["guided_correct"] for row in rows[0].interventions] == [1, 1, 1, 0]
        assert len(rows[0].guided) == 128
        assert (counts["guide"]["rollouts_not_drawn"], counts["guide"]["tokens_saved_estimate"]) == (0, 0)


def test_waves_end_at_the_first_success_and_what_they_save_is_counted(codec: ChatCodec) -> None:
    settings = guiding(waves=(4, 8, 20), stop_at_first_success=True)
    rows, counts = run(codec, two_attempts, two_proposals, right_from(FIRST), settings=settings)
    assert [row["guided"] for row in rows[0].interventions] == [4, 12, 32, 32]
    assert [row["not_drawn"] for row in rows[0].interventions] == [28, 20, 0, 0]
    saved = 0.0
    for row in rows[0].interventions:
        lengths = [r["completion_tokens"] for r in rows[0].guided if (r["attempt"], r["proposal"]) == key(row)]
        assert (len(lengths), sum(lengths)) == (row["guided"], row["guided_tokens"])
        saved += row["not_drawn"] * sum(lengths) / len(lengths)
    assert counts["guide"]["rollouts_not_drawn"] == 48
    assert counts["guide"]["tokens_saved_estimate"] == round(saved) > 0
    assert len(rows[0].sft) == 3


def key(row: dict[str, Any]) -> tuple[int, int]:
    return row["attempt"], row["proposal"]


def test_one_success_ends_a_problem_that_needs_one(codec: ChatCodec) -> None:
    settings = guiding("one_per_problem", waves=(4, 8, 20), stop_at_first_success=True)
    rows, counts = run(codec, two_attempts, two_proposals, right_from(FIRST), settings=settings)
    assert [row["guided"] for row in rows[0].interventions] == [4, 4, 4, 4]
    assert [key(row) for row in rows[0].sft] == [(0, 0)]
    assert counts["guide"]["rollouts_not_drawn"] == 4 * 28


def test_all_interventions_with_a_success_or_one_a_problem(codec: ChatCodec) -> None:
    """The paper's two numbers of rows: 2,213 interventions are kept over 1,076 problems, and one a problem is 1,076."""
    problems = tuple(replace(PROBLEM, id=f"p{i}", problem=f"What is 3 + 4? ({i})") for i in range(6))
    first: list[dict[tuple[int, int], int]] = [FIRST, {}, {(1, 1): 0}, {(0, 0): 1, (1, 0): 1}, {}, {(0, 1): 31}]

    def guided(request: Request) -> str:
        say = right_from(first[request.order[0]])
        assert callable(say)
        return say(request)

    trained = {}
    for selected in ("all", "one_per_problem"):
        rows, counts = run(codec, two_attempts, two_proposals, guided, settings=guiding(selected), problems=problems)
        trained[selected] = [(row["problem_id"], *key(row)) for problem in rows for row in problem.sft]
        assert (counts["guide"]["kept"], counts["guide"]["kept_problems"]) == (len(trained[selected]), 4)
        assert sum(row["kept"] for problem in rows for row in problem.interventions) == len(trained[selected])
        assert counts["guide"]["interventions"] == 24
    assert trained["all"] == [(f"p{i}", *where) for i, wheres in enumerate(first) for where in wheres]
    assert len(trained["all"]) == 7
    assert [problem for problem, *_ in trained["one_per_problem"]] == ["p0", "p2", "p3", "p5"]
    assert set(trained["one_per_problem"]) <= set(trained["all"])


# Locations


@pytest.mark.parametrize(
    ("log", "location", "misplaced"),
    [
        ("First critical error: Substep 2", 3, "after_first_error"),
        ("Substep 1 verdict: WRONG\nFirst critical error: Substep 3", 3, "wrong_step_in_prefix"),
        ("Substep 1 verdict: WRONG, RECOVERED\nFirst critical error: Substep 3", 3, ""),
        ("First critical error: Substep 3", 2, ""),
        ("First critical error: none", 2, ""),
    ],
)
def test_a_location_that_contradicts_its_verification_is_counted_dropped_or_kept(
    codec: ChatCodec, log: str, location: int, misplaced: str
) -> None:
    verification = f"{log}\n\n{block('Count on.', location)}"
    rows, counts = run(codec, WRONG, verification)
    assert rows[0].proposals[0]["misplaced"] == misplaced
    assert counts["propose"]["statuses"] == {misplaced or "proposed": 1}
    assert counts["propose"]["misplaced_but_kept"] == {}
    settings = replace(SETTINGS, propose=replace(SETTINGS.propose, after_first_error="keep"))
    rows, counts = run(codec, WRONG, verification, settings=settings)
    assert counts["propose"]["statuses"] == {"proposed": 1}
    assert counts["propose"]["misplaced_but_kept"] == ({misplaced: 1} if misplaced else {})
    assert len(rows[0].sft) == 1


def test_a_location_out_of_range_is_never_kept(codec: ChatCodec) -> None:
    settings = replace(SETTINGS, propose=replace(SETTINGS.propose, after_first_error="keep"))
    assert run(codec, WRONG, block("x", 4), settings=settings)[1]["propose"]["statuses"] == {"location_out_of_range": 1}


# As the released scripts have it


def test_of_an_attempt_the_first_that_passes_goes_on(codec: ChatCodec) -> None:
    proposals = ["no block", block("So it is 7.", 2), block("Count on.", 2), block("Count.", 2), block("Count on.", 2)]
    propose = replace(SETTINGS.propose, proposals=len(proposals))
    settings = replace(SETTINGS, sample=replace(SETTINGS.sample, attempts=2), propose=propose)
    attempts = [WRONG, WRONG.replace("3", "4")]

    def run_with(use: Literal["all", "first"]) -> tuple[ProblemRows, list[str]]:
        changed = replace(settings, propose=replace(propose, use=use))
        rows, _ = run(codec, lambda r: attempts[index(r)], lambda r: proposals[index(r)], settings=changed)
        return rows[0], [row["status"] for row in rows[0].proposals]

    rows, statuses = run_with("all")
    assert statuses == ["no_block", "leak", "proposed", "proposed", "duplicate"] * 2
    first, statuses = run_with("first")
    assert statuses == ["no_block", "leak", "proposed", "not_first", "not_first"] * 2
    kept = [(row["attempt"], row["proposal"]) for row in first.interventions]
    assert kept == [(0, 2), (1, 2)]
    assert [row for row in rows.guided if (row["attempt"], row["proposal"]) in kept] == first.guided


@pytest.mark.parametrize(
    ("content", "mathematics", "substring"),
    [
        ("Count the 17 of them.", "proposed", "leak"),
        ("It is \\\\frac{14}{2}.", "leak", "proposed"),
        ("So 7.", "leak", "leak"),
    ],
)
def test_a_leak_is_mathematics_or_characters(codec: ChatCodec, content: str, mathematics: str, substring: str) -> None:
    for test, status in (("mathematics", mathematics), ("substring", substring)):
        settings = replace(SETTINGS, propose=replace(SETTINGS.propose, leak_test=test))
        assert run(codec, WRONG, block(content, 2), settings=settings)[1]["propose"]["statuses"] == {status: 1}


# A reward function in the grader's place

FUNCTION = """
import time

def fine(data_source, solution_str, ground_truth, extra_info=None, bonus=0.0):
    assert (data_source, extra_info["id"]) == ("sums", "p")
    assert extra_info["problem"] and extra_info["reference_solution"]
    right = solution_str.endswith(ground_truth + "}.")
    return {"score": float(right) + bonus, "acc": right, "pred": solution_str[-4:-2]}

def raises_at_times(data_source, solution_str, ground_truth, extra_info=None):
    if "Attempt 0" in solution_str:
        raise ValueError("odd response")
    return float(ground_truth in solution_str)

def hangs_at_times(data_source, solution_str, ground_truth, extra_info=None):
    while "Attempt 0" in solution_str:
        time.sleep(1)
    return float(ground_truth in solution_str)

def broken(data_source, solution_str, ground_truth, extra_info=None):
    raise KeyError("everything")
"""


@pytest.fixture
def function(tmp_path: Path) -> Callable[..., RewardFunction]:
    (tmp_path / "fn.py").write_text(FUNCTION)

    def load(name: str, settings: dict[str, Any] | None = None, **more: Any) -> RewardFunction:
        return RewardFunction(str(tmp_path / "fn.py"), name, settings, **more)

    return load


def test_a_reward_function_decides(codec: ChatCodec, function: Callable[..., RewardFunction]) -> None:
    rows, counts = run(codec, WRONG, grader=function("fine", {"bonus": 0.9}, workers=2))
    assert (rows[0].attempts[0]["outcome"], rows[0].attempts[0]["answer"]) == ("incorrect", "{8")
    assert counts["guide"]["rollouts"] == {"intervention": {"correct": 2}}


@pytest.mark.parametrize(("name", "outcome"), [("raises_at_times", "error"), ("hangs_at_times", "timeout")])
def test_a_reward_function_that_fails_at_times_is_counted(
    codec: ChatCodec, function: Callable[..., RewardFunction], name: str, outcome: str
) -> None:
    said: list[str] = []
    settings = replace(SETTINGS, sample=replace(SETTINGS.sample, attempts=2))
    grader = function(name, timeout=0.5, warn=said.append)
    rows, counts = run(codec, two_attempts, settings=settings, grader=grader)
    assert [row["outcome"] for row in rows[0].attempts] == [outcome, "incorrect"]
    assert counts["sample"]["skipped"] == {outcome: 1}
    assert len(rows[0].sft) == 1
    assert len(said) == 1
    assert "reward check" in said[0]


def test_a_reward_function_that_always_fails_stops_the_run(
    codec: ChatCodec, function: Callable[..., RewardFunction]
) -> None:
    settings = replace(SETTINGS, sample=replace(SETTINGS.sample, attempts=MAX_FAILURES))
    with pytest.raises(UserError, match=r"first 100 calls failed.*KeyError: 'everything'"):
        run(codec, two_attempts, settings=settings, grader=function("broken"))
