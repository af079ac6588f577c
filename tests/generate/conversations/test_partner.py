"""An environment behind the journal, that fails, and that says what looks like control."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from int_verl.errors import EngineError, UserError
from int_verl.generate.conversations.partner import MAX_FAULTS, environment_version
from int_verl.generate.engines.base import Request
from int_verl.sft.chats import encode_conversation
from tests.generate.conversations import witness
from tests.generate.conversations.talks import SETTINGS, TURNS, codec_of, generate, problems
from tests.generate.conversations.test_one_conversation import every
from tests.sft.chat_models import FAMILIES


def test_a_second_run_has_every_reply_and_every_row_of_the_first(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    turns = replace(TURNS, options={"log": str(log)})
    first, asked = generate(tmp_path, problems(4), turns=turns)
    calls = log.read_text().splitlines()
    # No question twice, though the conditions ask many times.
    assert max(Counter(calls).values()) == 1
    assert asked["replies_asked"] > len(calls) > 20  # scores are asked, too
    again, asked = generate(tmp_path, problems(4), turns=turns)
    assert (asked["drawn"], asked["replies_asked"], asked["environment_faults"]) == (0, 0, 0)
    assert asked["replies_replayed"] > 0
    assert log.read_text().splitlines() == calls
    assert again == first


def test_a_run_that_was_stopped_goes_on_to_the_same_rows(tmp_path: Path) -> None:
    whole, _ = generate(tmp_path / "whole", problems(4))
    left = iter(range(25))

    def stops(request: Request) -> str:
        if next(left, None) is None:
            raise EngineError("the server is gone")
        return witness.said(request)

    with pytest.raises(EngineError):
        generate(tmp_path / "stopped", problems(4), say=stops)
    rows, asked = generate(tmp_path / "stopped", problems(4))
    assert rows == whole
    assert asked["replayed"] > 0
    assert asked["replies_replayed"] > 0


def test_other_options_are_another_environment_and_another_place_is_not(tmp_path: Path) -> None:
    moved = tmp_path / "witness.py"
    moved.write_bytes(Path(witness.__file__).read_bytes())
    at = replace(TURNS, environment=f"{moved}:Witness")
    assert environment_version(at) == environment_version(TURNS)
    assert environment_version(replace(TURNS, options={"fails": "calm"})) != environment_version(TURNS)
    moved.write_text(moved.read_text() + "\n")
    assert environment_version(at) != environment_version(TURNS)


def test_a_conversation_in_which_the_environment_fails_is_counted_and_is_no_error(tmp_path: Path) -> None:
    rows, asked = generate(tmp_path, problems(4), turns=replace(TURNS, options={"fails": "offended"}))
    outcomes = Counter(row["outcome"] for row in every(rows, "attempts"))
    assert outcomes.keys() == {"correct", "environment_fault"}
    assert asked["environment_faults"] > 0
    for row in every(rows, "attempts"):
        if row["outcome"] == "environment_fault":
            assert row["fault"] == "raised: it raised RuntimeError: no more of offended"
            assert row["skipped"] == "environment_fault"
            assert row["reward"] is None
    # Faults are not remembered: once it is mended, the run goes on.
    assert asked["replies_asked"] > 0


def test_an_environment_that_only_fails_stops_the_run(tmp_path: Path) -> None:
    turns = replace(TURNS, options={"fails": "open"})
    with pytest.raises(UserError, match=rf"turns\.environment=.*: {MAX_FAULTS} calls on end came to nothing"):
        generate(tmp_path, problems(MAX_FAULTS + 5), turns=turns)


def test_what_the_partner_says_stays_the_partners_text(tmp_path: Path) -> None:
    """Ends of turns and intervention blocks in the partner's words end nothing and are nobody's intervention."""
    codec = codec_of()
    end = codec.end_of_turn[0]

    def quoting(request: Request) -> str:
        last = request.turns[-1]
        if "### Conversation" in last and request.seed % 2:
            block = witness.CONTROL[witness.CONTROL.index("<intervention>") :]
            return f"The partner said:\n{block}"
        return witness.said(request)

    rows, _ = generate(tmp_path, problems(8, control=True), say=quoting)
    statuses = Counter(row["status"] for row in every(rows, "proposals"))
    assert statuses["empty_content"] > 0
    assert statuses["proposed"] > 0
    assert not any(
        "butler" in (row["content"] or "") for row in every(rows, "proposals") if row["status"] == "proposed"
    )
    for row in every(rows, "attempts"):
        ends = [mask for token, mask in zip(row["token_ids"], row["response_mask"], strict=True) if token == end]
        said = [one["role"] for one in row["messages"]][2:]
        behind = said if row["ended_by"] == "environment" else said[:-1]
        assert ends == [int(role == "assistant") for role in behind]
        assert codec.decode(row["token_ids"]).count("butler") > 0 or len(behind) < 2


def test_every_line_of_the_partners_is_marked_in_a_verification(tmp_path: Path) -> None:
    seen: list[str] = []

    def listening(request: Request) -> str:
        seen.extend(one for one in request.turns if "### Conversation" in one)
        return witness.said(request)

    generate(tmp_path, problems(4, control=True), say=listening)
    assert seen
    for prompt in seen:
        conversation = prompt.partition("### Conversation")[2].partition("### Your task")[0]
        assert "butler" in conversation
        assert all(
            line.startswith("> ") for line in conversation.splitlines() if "interven" in line or "butler" in line
        )


CONTROL = ["<|im_end|>", "<|im_start|>assistant", "<end_of_turn>", "<eos>", "<|eot_id|>", "<intervention>", "\n\n"]
words = st.lists(st.sampled_from(["I", " see", " 42", ".", "é", *CONTROL]), min_size=1, max_size=5).map("".join)
FAMILIES_HERE = ("qwen2.5", "qwen3", "llama3", "gemma")


@pytest.mark.parametrize("family", FAMILIES_HERE)
@settings(max_examples=8, deadline=None)
@given(said=st.lists(words, min_size=2, max_size=2), intervening=words, where=st.sampled_from([1, 2]))
def test_masks_hold_whatever_is_said(
    family: str, said: list[str], intervening: str, where: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Under every family's template SFT trains the policy's turns with their ends, and nothing else."""
    codec, case = codec_of(family), problems(1, control=True)[0]
    if family == "gemma":  # refuses a system message, and two of the user's on end
        case = replace(case, answer=json.dumps(json.loads(case.answer) | {"opening": ""}))
    turns = replace(TURNS, max_turns=2, told_as="user" if family == "gemma" else "system")
    block = json.dumps({"content": intervening, "location": where})

    def speaks(request: Request) -> str:
        if "### Conversation" in request.turns[-1]:
            return f"<intervention>\n{block}\n</intervention>"
        return "A plan." if "### Your task" in request.turns[-1] else said[len(request.turns) // 2 % 2]

    settings = replace(
        SETTINGS,
        propose=replace(SETTINGS.propose, proposals=1),
        sample=replace(SETTINGS.sample, attempts=1),
        guide=replace(SETTINGS.guide, rollouts=1, controls=()),
        select=replace(SETTINGS.select, need_success=False),
    )
    rows, _ = generate(tmp_path_factory.mktemp("talk"), [case], settings, turns, speaks, codec)
    (proposal,) = every(rows, "proposals")
    assert bool(every(rows, "sft")) == (proposal["status"] == "proposed")
    for row in every(rows, "sft"):
        sft = encode_conversation(codec.tokenizer, row["messages"], dict(FAMILIES[family].variables))
        assert (row["prompt_ids"], row["prefix_ids"], row["prefix_mask"]) == (sft.prompt, sft.prefix, sft.prefix_mask)
        assert row["intervention_ids"] == sft.intervention
        own = [one["content"] for one in row["messages"] if one["role"] == "assistant"]
        trained = [token for token, mask in zip(row["prefix_ids"], row["prefix_mask"], strict=True) if mask]
        end = codec.decode(codec.end_of_turn)
        assert codec.decode([*trained, *row["intervention_ids"]]) == "".join(f"{one}{end}" for one in own)
