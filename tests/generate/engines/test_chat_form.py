"""Servers of chat alone: which of them continue a final message of the assistant as it stands, and what is refused."""

from __future__ import annotations

import asyncio
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from int_verl.errors import EngineError, LostRequestError, TransientEngineError, UserError
from int_verl.generate.chat import ChatCodec
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.chat_form import chat_forms
from int_verl.generate.engines.journaled import JournaledEngine
from tests.generate.engines.text_servers import (
    SAMPLING,
    ChatServer,
    TextServer,
    prompt_of,
    refused_at_the_start,
    run_on,
)
from tests.generate.tokenizer_families import EXACT, LLAMA_2, TEMPLATE, save

Messages = list[dict[str, str]]
TRIMMING = TEMPLATE.replace("m['content']", "m['content'] | trim")
OPENING = TEMPLATE.replace("assistant\\n'", "assistant\\n<think>\\n'").replace("assistant\n'", "assistant\n<think>\n'")
PREFIXES = [" We", "    We add.", "Step 1. We add.", "We add.\n\n", "We add 3 ", "7", "\\boxed{7}\n\nSo it is.\n\n"]


class AppendsTo(ChatServer):
    """llama.cpp's way: the message behind the prompt of a new turn, and once more in the answer."""

    def renders(self, messages: Messages, goes_on: bool) -> str:  # noqa: ARG002 - it does so unasked
        if messages[-1]["role"] == "user":
            return self.template(messages, add_generation_prompt=True)
        return self.template(messages[:-1], add_generation_prompt=True) + messages[-1]["content"]

    def answers(self, messages: Messages, text: str) -> str:
        return messages[-1]["content"] + text if messages[-1]["role"] == "assistant" else text


class AppendsQuietly(AppendsTo):
    """SGLang's way."""

    def answers(self, messages: Messages, text: str) -> str:  # noqa: ARG002
        return text


class BeginsATurn(ChatServer):
    """As llama-cpp-python and OpenAI do."""

    def renders(self, messages: Messages, goes_on: bool) -> str:  # noqa: ARG002
        return self.template(messages, add_generation_prompt=True)


class Trims(AppendsQuietly):
    def renders(self, messages: Messages, goes_on: bool) -> str:
        return super().renders([{**message, "content": message["content"].strip()} for message in messages], goes_on)


class TrimsTheBeginning(AppendsQuietly):
    def renders(self, messages: Messages, goes_on: bool) -> str:
        return super().renders([{**message, "content": message["content"].lstrip()} for message in messages], goes_on)


class LeavesTheMessageOut(ChatServer):
    def renders(self, messages: Messages, goes_on: bool) -> str:  # noqa: ARG002
        return self.template(messages[:1], add_generation_prompt=True)


CONTINUING = [ChatServer, AppendsTo, AppendsQuietly]


@cache
def family(name: str, template: str = TEMPLATE) -> ChatCodec:
    return ChatCodec(save(Path(tempfile.mkdtemp()), EXACT[name](), template))


def begun(codec: ChatCodec, prefix: str, seed: int = 7) -> Request:
    """A prefix to be continued, as the dataflow asks for it."""
    return Request((*prompt_of(codec), *codec.encode(prefix)), SAMPLING, seed, turns=("What is 3 + 4?", prefix))


def continued(server: ChatServer, *requests: Request, **settings: Any) -> list[Any]:
    async def scenario(engine: JournaledEngine) -> list[Any]:
        return await asyncio.gather(*map(engine.generate, requests), return_exceptions=True)

    drawn: list[Any] = run_on(server, scenario, **settings)
    return drawn


@pytest.mark.parametrize("kind", CONTINUING)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_is_continued_with_the_tokens_of_its_prompt(
    kind: type[ChatServer], prefix: str, codec: ChatCodec
) -> None:
    server, request = kind(codec), begun(codec, prefix)
    (completion,) = continued(server, request)
    assert server.prompts[-1] == codec.decode(request.prompt_ids)
    assert codec.decode(codec.without_end(completion.token_ids)) == " so it is \\boxed{7}."


@pytest.mark.parametrize("kind", CONTINUING)
def test_a_chat_without_a_prefix_asks_for_a_new_turn(kind: type[ChatServer], codec: ChatCodec) -> None:
    turns = ("What is 3 + 4?", "It is 8.", "Where is the error?")
    server, request = kind(codec), Request(codec.prompt_ids(*turns), SAMPLING, 7, turns=turns)
    (completion,) = continued(server, request)
    assert [message["role"] for message in server.asked[-1]] == ["user", "assistant", "user"]
    assert server.prompts[-1] == codec.decode(request.prompt_ids)
    assert codec.decode(codec.without_end(completion.token_ids)) == " so it is \\boxed{7}."


def test_what_the_use_of_chat_loses_is_said_once(codec: ChatCodec) -> None:
    said: list[str] = []

    async def scenario(engine: JournaledEngine) -> None:
        await asyncio.gather(*(engine.generate(begun(codec, "We add.", seed)) for seed in range(1, 9)))

    run_on(ChatServer(codec), scenario, said.append)
    (of_chat,) = [words for words in said if "chat/completions" in words]
    assert "404" in of_chat
    assert "one that it does not continue with as many tokens as it has is a lost request" in of_chat


@pytest.mark.parametrize("kind", [BeginsATurn, Trims, TrimsTheBeginning, LeavesTheMessageOut])
def test_a_server_that_does_not_continue_a_message_is_refused_at_the_start(
    kind: type[ChatServer], codec: ChatCodec
) -> None:
    refusal = refused_at_the_start(kind(codec), probes=2)
    assert "404" in refusal
    assert "answers another question (usage.prompt_tokens)" in refusal
    assert "it may begin a new turn behind the beginning of an answer" in refusal


def test_one_that_returns_its_prompt_is_refused_for_another_of_the_same_length(codec: ChatCodec) -> None:
    server = ChatServer(codec)
    server.answer = {"prompt_token_ids": [7] * len(next(chat_forms(codec)).probe.prompt_ids)}
    assert "prompt_token_ids" in refused_at_the_start(server, probes=2)


def test_one_that_counts_no_tokens_is_refused_at_the_start(codec: ChatCodec) -> None:
    server = ChatServer(codec)
    server.usage = False
    assert "does not say how many prompt tokens it computed" in refused_at_the_start(server, probes=2)


def test_one_that_takes_the_thinking_out_is_refused_at_the_start(codec: ChatCodec) -> None:
    server = ChatServer(codec)
    server.message = {"reasoning_content": "I add."}
    assert "without a reasoning parser" in refused_at_the_start(server, probes=2)


def test_a_prefix_that_the_template_changes_is_a_lost_request() -> None:
    """The count tells of what the probe had nothing of; here a template that leaves a word out."""
    codec = family("byte level", TEMPLATE.replace("m['content']", "m['content'].replace('secret', '')"))
    request = begun(codec, "We add a secret.")
    lost, *drawn = continued(ChatServer(codec), request, *(begun(codec, "We add.", seed) for seed in range(1, 9)))
    assert isinstance(lost, LostRequestError)
    assert all(isinstance(one, Completion) for one in drawn)


def test_a_server_that_adds_to_completions_is_asked_by_chat(codec: ChatCodec) -> None:
    """As those do that put the model's template around the prompt of a completion."""

    class Both(ChatServer):
        async def _completions(self, http: web.Request) -> web.StreamResponse:
            return await TextServer._completions(self, http)

    server = Both(codec)
    server.reads = lambda text: codec.decode(codec.prompt_ids(text))
    (completion,) = continued(server, begun(codec, "We add.\n\n"))
    assert server.asked[-1][-1] == {"role": "assistant", "content": "We add.\n\n"}
    assert isinstance(completion, Completion)


def test_a_server_that_comes_back_is_asked_in_the_way_that_it_had(codec: ChatCodec) -> None:
    server = ChatServer(codec)

    async def scenario(engine: JournaledEngine) -> list[Completion]:
        first = await engine.generate(begun(codec, "We add.", 1))
        await server.stop()
        second = asyncio.create_task(engine.generate(begun(codec, "We add.", 2)))
        await asyncio.sleep(0.05)
        await server.start()
        return [first, await second]

    first, second = run_on(server, scenario, retries=3)
    assert [codec.decode(codec.without_end(each.token_ids)) for each in (first, second)] == [
        f" so it is \\boxed{{{seed}}}." for seed in (1, 2)
    ]


@pytest.mark.parametrize("content", [None, 7, ["a"]])
def test_an_answer_without_text_is_none(content: Any, codec: ChatCodec) -> None:
    server = ChatServer(codec)
    server.message = {"content": content}
    with pytest.raises((TransientEngineError, EngineError), match="not a completion"):
        run_on(server, lambda engine: engine.generate(begun(codec, "We add.")))


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("template", [TEMPLATE, OPENING, TRIMMING, LLAMA_2])
@pytest.mark.parametrize("kind", [ChatServer, AppendsTo, AppendsQuietly, Trims])
def test_whatever_tokenizer_and_template_there_are_a_prompt_is_continued_or_refused(
    kind: type[ChatServer], template: str, name: str
) -> None:
    codec = family(name, template)
    requests = [begun(codec, prefix, seed) for seed, prefix in enumerate(PREFIXES, 1)]
    server = kind(codec)
    drawn = continued(server, *requests, lost_share=1.0)
    computed = [codec.as_written(prompt) for prompt in server.prompts]
    for request, completion in zip(requests, drawn, strict=True):
        assert isinstance(completion, (LostRequestError, UserError)) or list(request.prompt_ids) in computed
    if template == TEMPLATE and name == "byte level" and kind is not Trims:
        assert all(isinstance(one, Completion) for one in drawn)


def test_a_template_that_opens_thinking_is_continued_in_it() -> None:
    """By servers that put their own opening before the message, and by those that need it in there."""
    codec = family("byte level", OPENING)
    request = begun(codec, "I add 3 and 4.\n\nSo it is")
    for kind in (ChatServer, AppendsTo, AppendsQuietly):
        server = kind(codec)
        (completion,) = continued(server, request)
        assert isinstance(completion, Completion)
        assert server.prompts[-1] == codec.decode(request.prompt_ids)


def test_a_template_that_trims_is_refused_where_the_server_renders_the_message() -> None:
    codec = family("byte level", TRIMMING)
    assert "answers another question" in refused_at_the_start(ChatServer(codec), probes=2)
    (completion,) = continued(AppendsQuietly(codec), begun(codec, "We add.\n\n"))
    assert isinstance(completion, Completion)


@pytest.mark.parametrize("name", EXACT)
def test_the_count_tells_of_white_space_that_is_taken_from_the_probe(name: str) -> None:
    codec = family(name)
    probe = next(chat_forms(codec)).probe
    before, prefix = codec.rendered("."), probe.turns[-1]
    for less in (prefix.rstrip(), prefix.rstrip("\n"), prefix.lstrip(), prefix.lstrip()[:-1]):
        assert len(codec.as_written(before + less)) < len(probe.prompt_ids), less
