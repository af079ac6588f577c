"""From the generator to the trainer's tensors under the chat templates of the model families that people train."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from int_verl.errors import UserError
from int_verl.generate.chat import ChatCodec
from int_verl.generate.dataflow import Generator
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.scripted import ScriptedEngine
from int_verl.generate.prompts import load_prompts
from int_verl.generate.sampler import Sampler
from int_verl.grading import Grader
from int_verl.problems.sets import Problem
from int_verl.records import GUIDED, SFT, write_rows
from int_verl.settings.generation import (
    GeneratorSettings,
    GuideSettings,
    ProposeSettings,
    SampleSettings,
    SelectSettings,
)
from int_verl.settings.sampling import Sampling
from int_verl.sft.ablation_rows import write_with_suffix
from tests.generate.models import tiny_model
from tests.quickstart_files import QUICKSTART
from tests.sft.chat_models import FAMILIES, Family, save_tokenizer

pytestmark = pytest.mark.verl

SAMPLE, VERIFY, GUIDE = 2_001, 2_002, 2_003
"Limits of tokens, by which the script tells the stages apart."
PROBLEM = Problem("p", "What is 3 + 4?", "7", "Count on from 3.", "sums")
ATTEMPT = "We add the numbers.\n\nThen we count on from four.\n\nIt is \\boxed{8}."
VERIFICATION = '<intervention>\n{"content": "Then we count on from three.", "location": 2}\n</intervention>'
GUIDED_TEXT = "So the answer is \\boxed{7}."
BY_TOKENS = [name for name in FAMILIES if not FAMILIES[name].variables]
"The generator renders the template as it is by default."


@cache
def tokenizer_folder(name: str) -> Path:
    import tempfile

    return save_tokenizer(Path(tempfile.mkdtemp()), FAMILIES[name])


class Silent:
    def count(self, what: str, number: int = 1) -> None: ...


def generate(folder: Path, out: Path) -> ChatCodec:
    """The generator's `sft.parquet` and `guided.parquet` for one problem."""
    codec = ChatCodec(folder)
    thinking = "Count.\n</think>\n\n" if codec.opened_thinking else ""
    says = {SAMPLE: thinking + ATTEMPT, VERIFY: thinking + VERIFICATION, GUIDE: thinking + GUIDED_TEXT}
    if thinking:  # three steps as well: the thinking is one with the first line after it
        says[SAMPLE] = ATTEMPT.replace("\n\nIt", "</think>\n\nIt")

    def script(request: Request) -> Completion:
        end = codec.tokenizer.convert_tokens_to_ids(end_of_turn(codec))
        return Completion((*codec.encode(says[request.sampling.max_tokens]), end), "stop")

    settings = GeneratorSettings(
        seed=0,
        in_flight=8,
        sample=SampleSettings(1, Sampling(SAMPLE)),
        propose=ProposeSettings(1, Sampling(VERIFY), two_turns=False),
        guide=GuideSettings(2, Sampling(GUIDE)),
        select=SelectSettings(),
    )
    prompts = load_prompts(
        *(str(QUICKSTART / "prompts" / f"{n}.jinja") for n in ("solve", "guided_solution", "verify"))
    )
    with Grader(workers=1) as grader:
        generator = Generator(
            Sampler(ScriptedEngine(script), tiny_model(codec, 40_000)), prompts, grader, settings, Silent()
        )
        rows = asyncio.run(generator.solve(PROBLEM, "guide"))
    write_rows(out / "sft.parquet", SFT, rows.sft)
    write_rows(out / "guided.parquet", GUIDED, rows.guided)
    return codec


def end_of_turn(codec: ChatCodec) -> str:
    return next(f.special[0] for f in FAMILIES.values() if f.special[0] in codec.tokenizer.get_vocab())


def dataset(file: Path, codec: ChatCodec, family: Family | None = None, **intervention: Any) -> Any:
    from omegaconf import OmegaConf

    from int_verl.sft.dataset import InterventionSFTDataset

    template = dict(family.variables) if family else {}
    config = {"max_length": 4_096, "intervention": intervention, "apply_chat_template_kwargs": template}
    return InterventionSFTDataset(str(file), codec.tokenizer, OmegaConf.create(config))


@pytest.mark.parametrize("name", BY_TOKENS)
def test_what_the_generator_writes_is_what_the_model_sees(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    codec = generate(tokenizer_folder(name), tmp_path)
    row = pq.read_table(tmp_path / "sft.parquet").to_pylist()[0]
    item = dataset(tmp_path / "sft.parquet", codec)[0]
    tokens, mask = item["input_ids"].tolist(), item["loss_mask"].tolist()
    prompt = codec.tokenizer.apply_chat_template(
        row["messages"][:1], add_generation_prompt=True, tokenize=True, return_dict=False
    )
    assert tokens[: len(prompt)] == prompt
    assert codec.decode(prompt).endswith(family.generation_prompt)
    assert mask == [0] * len(prompt) + [1] * (len(tokens) - len(prompt))
    assert mask[0] == 0
    assert item["position_ids"].tolist() == list(range(len(tokens)))
    # The trained text begins where a model begins to write, and goes on after the intervention.
    assert codec.decode(tokens[len(prompt) :]) == row["messages"][1]["content"]
    assert row["messages"][1]["content"].endswith("Then we count on from three.")
    assert not codec.end_ids & set(tokens[len(prompt) :])
    attempt = codec.encode(ATTEMPT)
    assert tokens[len(prompt) : len(prompt) + len(row["prefix_ids"])] == attempt[: len(row["prefix_ids"])]
    assert row["prefix_ids"]
    if family.bos:
        assert tokens.count(codec.tokenizer.bos_token_id) == 1
        assert tokens[0] == codec.tokenizer.bos_token_id


@pytest.mark.parametrize("name", BY_TOKENS)
def test_a_suffix_is_the_guided_rollout_to_its_end(name: str, tmp_path: Path) -> None:
    codec = generate(tokenizer_folder(name), tmp_path)
    assert write_with_suffix(tmp_path / "sft.parquet", tmp_path / "guided.parquet", tmp_path / "out.parquet") == 0
    row = pq.read_table(tmp_path / "sft.parquet").to_pylist()[0]
    rollout = pq.read_table(tmp_path / "guided.parquet").to_pylist()[0]
    for loss_on, untrained in (
        ("prefix_and_intervention", len(row["prompt_ids"])),
        ("intervention", len(row["prompt_ids"]) + len(row["prefix_ids"])),
    ):
        item = dataset(tmp_path / "out.parquet", codec, suffix=True, loss_on=loss_on)[0]
        tokens = item["input_ids"].tolist()
        assert tokens == [*rollout["prompt_ids"], *rollout["token_ids"]]
        assert item["loss_mask"].tolist() == [0] * untrained + [1] * (len(tokens) - untrained)
        assert tokens[-1] in codec.end_ids
    assert codec.decode(tokens[len(row["prompt_ids"]) : -1]).endswith(
        "Then we count on from three.\n\n" + rollout["text"]
    )
    # Without the setting the same file gives no suffix, and no end token.
    assert not codec.end_ids & set(
        dataset(tmp_path / "out.parquet", codec)[0]["input_ids"].tolist()[len(row["prompt_ids"]) :]
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_messages_are_encoded_as_generation_would_see_them(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    codec = ChatCodec(tokenizer_folder(name))
    chat = [{"role": "user", "content": "  What is 3 + 4? "}]
    messages = [*chat, {"role": "assistant", "content": " We add.\n\nIt is \\boxed{7}. "}]
    pq.write_table(pa.Table.from_pylist([{"messages": messages}]), tmp_path / "m.parquet")
    item = dataset(tmp_path / "m.parquet", codec, family)[0]
    prompt = codec.tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, tokenize=True, return_dict=False, **dict(family.variables)
    )
    tokens = item["input_ids"].tolist()
    assert tokens[: len(prompt)] == prompt
    assert tokens[len(prompt) :] == codec.encode(messages[1]["content"])
    assert codec.decode(tokens).endswith(family.generation_prompt + messages[1]["content"])
    assert item["loss_mask"].tolist() == [0] * len(prompt) + [1] * (len(tokens) - len(prompt))


@pytest.mark.parametrize(
    ("name", "text", "trained"),
    [
        ("qwen3-thinking", "<think>\nCount.\n</think>\n\nSo 7.", "Count.\n</think>\n\nSo 7."),
        ("qwen3-thinking", "Count.\n</think>\n\nSo 7.", "Count.\n</think>\n\nSo 7."),
        ("qwen3 not thinking", "<think>\n\n</think>\n\nSo 7.", "So 7."),
        ("qwen3", "<think>\nCount.\n</think>\n\nSo 7.", "<think>\nCount.\n</think>\n\nSo 7."),
    ],
)
def test_thinking_that_the_prompt_opens_is_not_opened_twice(name: str, text: str, trained: str, tmp_path: Path) -> None:
    codec = ChatCodec(tokenizer_folder(name))
    messages = [{"role": "user", "content": "What is 3 + 4?"}, {"role": "assistant", "content": text}]
    pq.write_table(pa.Table.from_pylist([{"messages": messages}]), tmp_path / "m.parquet")
    item = dataset(tmp_path / "m.parquet", codec, FAMILIES[name])[0]
    assert codec.decode(item["input_ids"][item["loss_mask"].bool()].tolist()) == trained
    assert codec.decode(item["input_ids"].tolist()).count("<think>") == 1


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([("system", "Be brief."), ("user", "x"), ("assistant", "y")], "row 0: .*System role not supported"),
        ([("user", "x")], "row 0: messages must end with one of the assistant"),
        ([("user", "x"), ("assistant", "y"), ("user", "z")], "row 0: messages must end with one of the assistant"),
        ([("user", "x"), ("assistant", "")], "row 0: the assistant's message is empty"),
    ],
)
def test_chats_that_the_template_refuses(messages: list[tuple[str, str]], message: str, tmp_path: Path) -> None:
    rows = [{"messages": [{"role": role, "content": content} for role, content in messages]}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "m.parquet")
    codec = ChatCodec(tokenizer_folder("gemma"))
    with pytest.raises(UserError, match=message) as caught:
        dataset(tmp_path / "m.parquet", codec)
    assert "\n" not in str(caught.value)


def test_earlier_turns_are_context(tmp_path: Path) -> None:
    roles = (("user", "x"), ("assistant", "y"), ("user", "z"), ("assistant", "w"))
    messages = [{"role": role, "content": content} for role, content in roles]
    pq.write_table(pa.Table.from_pylist([{"messages": messages}]), tmp_path / "m.parquet")
    codec = ChatCodec(tokenizer_folder("gemma"))
    item = dataset(tmp_path / "m.parquet", codec)[0]
    assert codec.decode(item["input_ids"][item["loss_mask"].bool()].tolist()) == "w"
