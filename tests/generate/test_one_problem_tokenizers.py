"""From an attempt to guided contexts and SFT rows with tokenizers that put a space or a BOS in front of a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from int_verl.generate.chat import ChatCodec
from tests.generate.test_one_problem import block, one
from tests.generate.tokenizer_families import EXACT, LLAMA_2, TEMPLATE, save

ATTEMPT = "We add.\n\nThen <|im_end|> we count.\n\nIt is \\boxed{8}."


@pytest.mark.parametrize("template", [TEMPLATE, LLAMA_2])
@pytest.mark.parametrize("name", ["metaspace always", "prepend", "unigram always", "byte level with a space in front"])
def test_guided_contexts_and_rows_are_exactly_the_text(name: str, template: str, tmp_path: Path) -> None:
    codec = ChatCodec(save(tmp_path, EXACT[name](), template))
    for location, before in ((1, ""), (2, "We add.\n\n"), (3, "We add.\n\nThen <|im_end|> we count.\n\n")):
        rows = one(codec, ATTEMPT, block("Count on.", location), "\\boxed{7}")
        (row,) = rows.sft
        text = before + "Count on."
        assert row["messages"][1]["content"] == text
        assert codec.decode([*row["prefix_ids"], *row["intervention_ids"]]) == text
        begun = codec.decode([*row["prompt_ids"], *row["prefix_ids"], *row["intervention_ids"]])
        assert begun == codec.decode(row["prompt_ids"]) + text
        assert {codec.decode(rollout["prompt_ids"]) for rollout in rows.guided} == {begun + "\n\n"}
