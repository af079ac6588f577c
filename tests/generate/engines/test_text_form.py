"""Servers that know no token ids: what goes out as text, what comes back as tokens, and what is refused."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from int_verl.errors import EngineError, LostRequestError, RefusedRequestError, TransientEngineError, UserError
from int_verl.generate.chat import ChatCodec
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.ids_form import IdsForm
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.engines.make import make_engine
from int_verl.generate.engines.openai import OpenAIEngine
from int_verl.generate.engines.text_form import CAVEAT, TextForm
from int_verl.generate.journal import Journal
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling
from tests.generate.engines.test_faults import Server, error
from tests.generate.engines.text_servers import SAMPLING, TextServer, prompt_of, refused_at_the_start, run_on
from tests.generate.models import tiny_model
from tests.generate.tokenizer_families import EXACT, save

WORDS = ["We add", " the", "count", " ", "\n", "\n\n", ".", "7", "\\boxed{", "}", "a", "B", ": "]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=8).map("".join)


def test_text_goes_out_and_its_tokens_come_back(codec: ChatCodec) -> None:
    server, request = TextServer(codec), Request(prompt_of(codec), SAMPLING, seed=7)
    completion = run_on(server, lambda engine: engine.generate(request))
    assert server.prompts[-1] == codec.decode(request.prompt_ids)
    assert codec.decode(codec.without_end(completion.token_ids)) == " so it is \\boxed{7}."
    assert completion.token_ids[-1] == codec.tokenizer.eos_token_id
    assert completion.finish_reason == "stop"


def test_what_is_off_is_said_so_that_every_server_knows_it(codec: ChatCodec) -> None:
    request = Request(prompt_of(codec), Sampling(8, top_k=-1), seed=1)
    assert TextForm(codec).asks(request)["top_k"] == len(codec.tokenizer)
    assert TextForm(codec).asks(Request(request.prompt_ids, Sampling(8, top_k=5), 1))["top_k"] == 5


@cache
def family(name: str) -> ChatCodec:
    return ChatCodec(save(Path(tempfile.mkdtemp()), EXACT[name]()))


@pytest.mark.parametrize("name", EXACT)
@given(text=TEXTS, reason=st.sampled_from(["stop", "length"]))
@settings(max_examples=25)
def test_both_forms_give_the_same_tokens(name: str, text: str, reason: str) -> None:
    """Of a model that draws the tokens that its tokenizer gives a text."""
    codec = family(name)
    prompt = codec.prompt_ids("What is 3 + 4?")
    drawn = [*codec.encode(text), *([codec.tokenizer.eos_token_id] if reason == "stop" else [])]
    request = Request(prompt, Sampling(max_tokens=max(1, len(drawn))), seed=1)
    usage = {"prompt_tokens": len(prompt), "completion_tokens": len(drawn)}
    if reason == "length" and not drawn:
        return
    answers = [
        json.dumps({"choices": [{"finish_reason": reason, **choice}], "usage": usage})
        for choice in ({"token_ids": drawn}, {"text": text})
    ]
    as_ids = IdsForm().read(answers[0], request, "http://a")
    as_text = TextForm(codec).read(answers[1], request, "http://a")
    assert as_text.finish_reason == as_ids.finish_reason
    assert codec.decode([*prompt, *as_text.token_ids]) == codec.decode([*prompt, *as_ids.token_ids])
    assert as_text.token_ids == as_ids.token_ids


def answer(text: Any, usage: Any = None, reason: str = "stop") -> str:
    return json.dumps({"choices": [{"text": text, "finish_reason": reason}], "usage": usage})


def test_an_end_that_the_server_writes_out_is_not_put_twice(codec: ChatCodec) -> None:
    end = codec.tokenizer.eos_token_id
    read = TextForm(codec).read(answer("7" + codec.decode([end])), Request(prompt_of(codec), SAMPLING, 1), "http://a")
    assert read.token_ids.count(end) == 1


def test_a_character_that_the_limit_cut_in_half_is_left_out(codec: ChatCodec) -> None:
    request = Request(prompt_of(codec), SAMPLING, 1)
    read = TextForm(codec).read(answer("seven \ufffd", reason="length"), request, "http://a")
    assert read == Completion(tuple(codec.encode("seven ")), "length")


@pytest.mark.parametrize("text", [None, 7, ["a"]])
def test_an_answer_without_text_is_none(text: Any, codec: ChatCodec) -> None:
    with pytest.raises(TransientEngineError, match="not a completion"):
        TextForm(codec).read(answer(text), Request(prompt_of(codec), SAMPLING, 1), "http://a")


def test_a_servers_own_limit_is_refused(codec: ChatCodec) -> None:
    cut = answer("7", {"completion_tokens": 1}, "length")
    with pytest.raises(UserError, match="ended at 1 tokens with finish_reason=length where max_tokens=32"):
        TextForm(codec).read(cut, Request(prompt_of(codec), SAMPLING, 1), "http://a")


def test_text_that_is_no_text_is_a_lost_request(codec: ChatCodec) -> None:
    server = TextServer(codec)
    server.writes = lambda seed: "bytes \ufffd in the middle" if seed == 3 else "7"

    async def scenario(engine: JournaledEngine) -> None:
        requests = [Request(prompt_of(codec), SAMPLING, seed) for seed in range(1, 9)]
        drawn = await asyncio.gather(*map(engine.generate, requests), return_exceptions=True)
        lost = [one for one in drawn if isinstance(one, LostRequestError)]
        assert [drawn.index(one) for one in lost] == [2]
        assert "(seed 3) does not survive the way to tokens and back" in str(lost[0])
        assert sum(isinstance(one, Completion) for one in drawn) == 7

    run_on(server, scenario, lost_share=0.2)


def test_a_prompt_whose_text_has_other_tokens_is_not_sent(codec: ChatCodec) -> None:
    split = next(
        (*prompt_of(codec), *codec.encode(text[:1]), *codec.encode(text[1:]))
        for text in (codec.decode([token]) for token in range(len(codec.tokenizer)))
        if len(text) > 1 and codec.as_written(text) != [*codec.encode(text[:1]), *codec.encode(text[1:])]
    )
    server = TextServer(codec)

    async def scenario(engine: JournaledEngine) -> None:
        with pytest.raises(LostRequestError, match=r"encodes to other tokens.*engine\.tokens=ids"):
            await engine.generate(Request(split, SAMPLING, 1))

    run_on(server, scenario)
    assert len(server.prompts) == 1, "nothing but the probe"
    with pytest.raises(RefusedRequestError):
        TextForm(codec).asks(Request(split, SAMPLING, 1))


@pytest.mark.parametrize("trims", [str.strip, str.rstrip])
def test_a_server_that_trims_at_the_joint_is_refused_at_the_start(
    trims: Callable[[str], str], codec: ChatCodec
) -> None:
    server = TextServer(codec)
    server.reads = trims
    assert "answers another question (usage.prompt_tokens)" in refused_at_the_start(server)


def test_a_server_that_adds_a_bos_is_refused_at_the_start() -> None:
    server = TextServer(family("byte level"))
    server.reads = lambda text: f"<s>{text}"
    assert "it may put a BOS token of its own before it" in refused_at_the_start(server)


def test_a_server_that_renders_a_template_around_the_prompt_is_refused_at_the_start(codec: ChatCodec) -> None:
    server = TextServer(codec)
    server.reads = lambda text: codec.decode(codec.prompt_ids(text))
    assert "answers another question" in refused_at_the_start(server)


def test_a_server_that_counts_no_tokens_is_refused_at_the_start(codec: ChatCodec) -> None:
    server = TextServer(codec)
    server.usage = False
    assert "does not say how many prompt tokens it computed (usage.prompt_tokens)" in refused_at_the_start(server)


def test_a_server_without_completions_is_refused_at_the_start(codec: ChatCodec) -> None:
    class NoneOfBoth(TextServer):
        async def _completions(self, _: web.Request) -> web.StreamResponse:
            raise web.HTTPNotImplemented

    refusal = refused_at_the_start(NoneOfBoth(codec))
    assert "refuses a request (completions): 501" in refusal
    assert "refuses a request (chat/completions): 404" in refusal


@pytest.mark.parametrize("status", [200, 400, 422, 500])
def test_the_refusal_of_a_server_without_token_ids_names_the_setting(status: int, codec: ChatCodec) -> None:
    """One that leaves the ids out, and those that break on a prompt of them."""

    class WithoutIds(TextServer):
        async def _completions(self, http: web.Request) -> web.StreamResponse:
            if status != 200:
                return await error(status, "Input should be a valid string")
            return await Server._completions(self, http)

    async def main() -> None:
        await server.start()
        try:
            async with OpenAIEngine(EngineSettings(base_urls=(server.url,)), "m"):
                pass
        finally:
            await server.stop()

    server = WithoutIds(codec)
    server.choice = {"token_ids": None}
    with pytest.raises((UserError, EngineError), match=r"engine\.tokens=text"):
        asyncio.run(main())


def test_what_is_lost_is_said_and_the_forms_do_not_share_completions(codec: ChatCodec, tmp_path: Path) -> None:
    said: list[str] = []
    urls = ("http://127.0.0.1:9/v1",)
    with Journal(tmp_path / "journal.sqlite") as journal:
        revisions = [
            make_engine(
                EngineSettings(name="openai", tokens=form, base_urls=urls),
                tiny_model(codec, 64),
                (1, 32),
                "cpu",
                journal,
                said.append,
            ).model_revision
            for form in ("ids", "text")
        ]
    assert said == [CAVEAT]
    assert revisions[0] == "r" != revisions[1]
