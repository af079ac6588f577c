"""Cases to their interventions: attempts, verifications, guided rollouts and rows for SFT of conversations."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from int_verl.generate.problem_rows import ProblemRows
from int_verl.settings.sampling import Sampling
from int_verl.sft.chats import encode_conversation
from tests.generate.conversations import witness
from tests.generate.conversations.talks import SETTINGS, TURNS, codec_of, generate, problems

CASES = problems(6)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[ProblemRows]:
    return generate(tmp_path_factory.mktemp("talks"), CASES)[0]


def every(rows: list[ProblemRows], table: str) -> list[dict[str, Any]]:
    return [row for problem in rows for row in getattr(problem, table)]


def test_attempts_are_conversations(rows: list[ProblemRows]) -> None:
    codec = codec_of()
    attempts = every(rows, "attempts")
    assert Counter(row["outcome"] for row in attempts).keys() == {"correct", "incorrect"}
    for row in attempts:
        # The tokens and the mask are those that SFT and `int_turns` have of the same messages.
        masked = [{**one, "loss_mask": int(one["role"] == "assistant")} for one in row["messages"]]
        sft = encode_conversation(codec.tokenizer, masked, {})
        ids, mask = [*sft.prefix, *sft.intervention], [*sft.prefix_mask, *[1] * len(sft.intervention)]
        assert row["prompt_ids"] == sft.prompt
        assert row["token_ids"] == ids
        assert row["response_mask"] == mask
        assert row["completion_tokens"] == sum(mask)
        assert row["ended_by"] == ("environment" if row["correct"] else "max_turns")
        assert row["steps"] == sum(one["role"] == "assistant" for one in row["messages"])
        assert row["messages"][0] == {"role": "system", "content": witness.TOLD}
        assert row["text"].startswith("assistant: W")
        assert row["reward"] == float(row["correct"])


def test_an_intervention_takes_the_place_of_the_weak_turn(rows: list[ProblemRows]) -> None:
    proposals = every(rows, "proposals")
    statuses = Counter(row["status"] for row in proposals)
    assert statuses.keys() == {"proposed", "leak", "duplicate"}
    for row in proposals:
        assert (row["status"] == "leak") == row["content"].startswith("Was it in the")
    interventions = every(rows, "interventions")
    assert len(interventions) == statuses["proposed"]
    assert all(row["kept"] and row["location"] == 1 for row in interventions)


def test_the_environment_answers_the_intervention_and_the_conversation_goes_on(rows: list[ProblemRows]) -> None:
    outcomes: dict[str, Counter[str]] = {}
    for row in every(rows, "guided"):
        outcomes.setdefault(row["condition"], Counter())[row["outcome"]] += 1
    assert outcomes["intervention"].keys() == {"correct"}
    assert outcomes["wrong_step"].keys() == {"incorrect"}
    assert outcomes["prefix"].keys() == outcomes["problem"].keys() == {"correct", "incorrect"}
    codec = codec_of()
    by_id = {row["problem_id"]: row for row in every(rows, "attempts")}
    for row in every(rows, "guided"):
        if row["condition"] != "intervention":
            continue
        intervention = "I am sorry to ask: where was it?"
        said = [one["content"] for one in row["messages"]]
        assert said[2] == intervention
        assert "In the " in said[3]
        # What was drawn goes on from the tokens of all that was said before.
        begun = codec.decode(row["prompt_ids"])
        assert begun.endswith(f"{said[3]}<|im_end|>\n<|im_start|>assistant\n")
        assert begun.startswith(codec.decode(by_id[row["problem_id"]]["prompt_ids"]))
        assert codec.decode(row["token_ids"]).startswith(f"{witness.WHO}<|im_end|>")
        assert row["completion_tokens"] == sum(row["response_mask"]) < len(row["token_ids"])


def test_the_same_words_are_answered_alike_under_every_condition(rows: list[ProblemRows]) -> None:
    answers: dict[tuple[str, ...], set[str]] = {}
    for table in ("attempts", "guided"):
        for row in every(rows, table):
            said = [one["content"] for one in row["messages"]]
            for place, one in enumerate(row["messages"]):
                if one["role"] == "assistant" and place + 1 < len(said):
                    answers.setdefault((row["problem_id"], *said[: place + 1]), set()).add(said[place + 1])
    assert max(map(len, answers.values())) == 1
    assert len(answers) > 20


def test_sft_trains_the_policys_turns_and_their_ends_and_nothing_of_the_environments(
    tmp_path: Path,
) -> None:
    """The weak turn comes second here, so that there is a prefix with both in it."""

    def late(request: Any) -> str:
        if len(request.turns) == 1:
            return "Good morning."
        if len(request.turns) == 3 and "### Your task" not in request.turns[-1]:
            return witness.WHO
        return witness.said(request).replace('"location": 1', '"location": 2').replace("Step 1", "Step 2")

    codec = codec_of()
    rows, _ = generate(tmp_path, CASES[:2], say=late)
    trained = every(rows, "sft")
    assert trained
    for row in trained:
        sft = encode_conversation(codec.tokenizer, row["messages"], {})
        assert row["prompt_ids"] == sft.prompt
        assert row["prefix_ids"] == sft.prefix
        assert row["prefix_mask"] == sft.prefix_mask
        assert row["intervention_ids"] == sft.intervention
        own = [token for token, mask in zip(row["prefix_ids"], row["prefix_mask"], strict=True) if mask]
        assert codec.decode(own) == "Good morning.<|im_end|>"
        assert codec.decode(row["intervention_ids"]) == f"{row['content']}<|im_end|>"


def test_a_verification_has_the_conversation_numbered_and_the_guidance_in_view(tmp_path: Path) -> None:
    prompts: list[str] = []

    def listening(request: Any) -> str:
        prompts.extend(one for one in request.turns if "### Conversation" in one)
        return witness.said(request)

    generate(tmp_path, CASES, replace(SETTINGS, propose=replace(SETTINGS.propose, two_turns=False)), say=listening)
    assert prompts
    for prompt in prompts:
        assert any(case.reference_solution in prompt for case in CASES)
        order = [
            "> Something happened",
            "**Step 1, you said:** Who was",
            "> That is too much.",
            "**Step 2, you said:**",
        ]
        assert [prompt.index(piece) for piece in order] == sorted(prompt.index(piece) for piece in order)
        assert "steps from 1 to 5" in prompt


def test_turns_that_are_cut_off_are_no_steps_and_no_errors(tmp_path: Path) -> None:
    turns = replace(TURNS, turn_tokens=30)
    rows, _ = generate(tmp_path, CASES[:2], turns=turns, say=lambda _: "I talk and talk and talk. " * 9, until="sample")
    for row in every(rows, "attempts"):
        assert (row["outcome"], row["ended_by"], row["finish_reason"]) == ("truncated", "turn_tokens", "length")
        assert len(row["token_ids"]) == len(row["response_mask"]) == row["completion_tokens"] == 30
        assert row["skipped"] == "truncated"
        assert [one["role"] for one in row["messages"]] == ["system", "user"]


def test_the_whole_conversation_has_max_tokens(tmp_path: Path) -> None:
    settings = replace(SETTINGS, sample=replace(SETTINGS.sample, sampling=Sampling(60)))
    rows, _ = generate(tmp_path, CASES[:3], settings, until="sample")
    ended = Counter(row["ended_by"] for row in every(rows, "attempts"))
    assert ended["length"] > 0
    assert {row["outcome"] for row in every(rows, "attempts")} == {"truncated"}


def test_an_intervention_that_ends_the_conversation_needs_no_continuation(tmp_path: Path) -> None:
    def rash(request: Any) -> str:
        last = request.turns[-1]
        if "### Conversation" in last:
            return '<intervention>\n{"content": "Then I accuse you all.", "location": 2}\n</intervention>'
        return witness.said(request)

    settings = replace(SETTINGS, select=replace(SETTINGS.select, need_success=False))
    rows, _ = generate(tmp_path, CASES, settings, say=rash)
    guided = [row for row in every(rows, "guided") if row["condition"] == "intervention"]
    assert guided
    for row in guided:
        assert (row["ended_by"], row["outcome"], row["token_ids"]) == ("environment", "incorrect", [])
        assert row["completion_tokens"] == 0
