"""Conversations of which some messages are trained, under the chat templates of the families that people train."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from int_verl.errors import UserError
from int_verl.generate.chat import ChatCodec
from int_verl.sft.chats import Conversation, encode_conversation
from tests.sft.chat_models import FAMILIES, save_tokenizer

pytestmark = pytest.mark.verl

CONTROL = [
    "<|im_end|>",
    "<|im_start|>assistant",
    "<end_of_turn>",
    "<|eot_id|>",
    "<intervention>",
    "<eos>",
    "\ue000",
    "\ue001",
]
words = st.lists(st.sampled_from(["I", " see", "\n\n", " 42", ".", "é", *CONTROL]), min_size=1, max_size=6).map("".join)
turns = st.lists(st.tuples(words, words, st.sampled_from([0, 1, None])), min_size=1, max_size=4)


@cache
def codec_of(name: str) -> ChatCodec:
    import tempfile

    return ChatCodec(save_tokenizer(Path(tempfile.mkdtemp()), FAMILIES[name]))


def conversation(said: list[tuple[str, str, int | None]]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for user, assistant, mask in said:
        messages.append({"role": "user", "content": user, "loss_mask": None})
        messages.append({"role": "assistant", "content": assistant, "loss_mask": mask})
    return messages


def encoded(name: str, messages: list[dict[str, Any]]) -> Conversation:
    return encode_conversation(codec_of(name).tokenizer, messages, dict(FAMILIES[name].variables))


def trained_pieces(one: Conversation) -> list[list[int]]:
    tokens = [*one.prefix, *one.intervention]
    mask = [*one.prefix_mask, *[1] * len(one.intervention)]
    assert len(one.prefix) == len(one.prefix_mask)
    pairs = groupby(zip(tokens, mask, strict=True), key=lambda pair: pair[1])
    return [[token for token, _ in group] for trained, group in pairs if trained]


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=40, deadline=None)
@given(said=turns)
def test_the_words_and_the_end_of_trained_turns_are_trained_and_nothing_else(name: str, said: Any) -> None:
    messages = conversation(said)
    trained = [assistant for _, assistant, mask in said if mask != 0]
    if not trained:
        with pytest.raises(UserError, match="no message of the assistant's"):
            encoded(name, messages)
        return
    codec, family = codec_of(name), FAMILIES[name]
    one = encoded(name, messages)
    end = codec.tokenizer.convert_tokens_to_ids(family.special[0])
    assert [codec.decode(piece[:-1]) for piece in trained_pieces(one)] == trained
    assert {piece[-1] for piece in trained_pieces(one)} == {end}
    # One end a turn of the assistant's, however many look-alikes anybody says.
    assert trained_pieces(one)[-1] == one.intervention
    assert sum(piece.count(end) for piece in trained_pieces(one)) == len(trained)


@pytest.mark.parametrize("name", [name for name in FAMILIES if "think" not in name])
def test_the_tokens_are_those_of_the_rendered_conversation(name: str) -> None:
    codec = codec_of(name)
    messages = conversation([("How are you?", "Well.", 1), ("Since when?", "Since today.", 0), ("Why?", "The sun.", 1)])
    one = encoded(name, messages)
    whole = codec.tokenizer.apply_chat_template(
        [{"role": m["role"], "content": m["content"]} for m in messages],
        tokenize=True,
        return_dict=False,
        **dict(FAMILIES[name].variables),
    )
    ids = [*one.prompt, *one.prefix, *one.intervention]
    if name.startswith("qwen3"):  # which writes an empty thinking into the last turn once that has been said
        assert codec.decode(ids) == codec.decode(whole).replace("<think>\n\n</think>\n\n", "").removesuffix("\n")
    else:
        assert ids == whole[: len(ids)]
        assert codec.decode(whole[len(ids) :]).strip() == ""


def test_earlier_thinking_stands_where_it_was_written() -> None:
    messages = conversation([("a", "<think>\nHm.\n</think>\n\nb", 0), ("c", "<think>\nSo.\n</think>\n\nd", 1)])
    one = encoded("qwen3-thinking", messages)
    text = codec_of("qwen3-thinking").decode([*one.prompt, *one.prefix, *one.intervention])
    assert text.count("<think>") == text.count("</think>") == 2
    assert "Hm.\n</think>\n\nb<|im_end|>" in text


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([("user", "x", 1), ("assistant", "y", 1)], "message 0: loss_mask 1 is for the assistant's messages"),
        ([("user", "x", None), ("assistant", "y", 2)], "message 1: loss_mask is 2, not 0 or 1"),
        ([("user", "x", None), ("assistant", "y", 0)], "no message of the assistant's has loss_mask 1"),
        ([("assistant", "y", 1), ("user", "x", None)], "must not begin with the assistant's"),
        ([("user", "x", None), ("assistant", "", 0), ("user", "x", 0), ("assistant", "y", 1)], "message is empty"),
        ([("system", "Be brief.", 0), ("user", "x", 0), ("assistant", "y", 1)], "System role not supported"),
    ],
)
def test_conversations_that_cannot_be_trained(messages: Any, message: str) -> None:
    rows = [{"role": role, "content": content, "loss_mask": mask} for role, content, mask in messages]
    with pytest.raises(UserError, match=message) as caught:
        encoded("gemma", rows)
    assert "\n" not in str(caught.value)


def test_rows_with_and_without_masks_stand_in_one_file(tmp_path: Path) -> None:
    from omegaconf import OmegaConf

    from int_verl.sft.dataset import InterventionSFTDataset

    codec = codec_of("qwen2.5")
    plain = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    rows = [
        {"messages": conversation([("a", "b", 1), ("c", "d", 0), ("e", "f", 1), ("g", "h", 0)])},
        {"messages": plain},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "m.parquet")
    data = InterventionSFTDataset(str(tmp_path / "m.parquet"), codec.tokenizer, OmegaConf.create({"max_length": 4_096}))
    masked, bare = data
    assert codec.decode(masked["input_ids"][masked["loss_mask"].bool()].tolist()) == "b<|im_end|>f<|im_end|>"
    assert "g" not in codec.decode(masked["input_ids"].tolist()[-8:])
    assert codec.decode(bare["input_ids"][bare["loss_mask"].bool()].tolist()) == "y"
