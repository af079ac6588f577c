"""What servers say they did, against what they were asked."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from int_verl.errors import EngineError, TransientEngineError, UserError
from int_verl.generate.engines.answers import model_cards, read_completion
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.openai import OpenAIEngine
from int_verl.generate.journal import Journal
from int_verl.settings.sampling import Sampling
from tests.generate.engines.test_faults import EXPECTED, Server, error, patiently, refused, with_servers

REQUEST = Request((7, 8, 9), Sampling(max_tokens=4), seed=1)


def answer(usage: Any = None, **choice: Any) -> str:
    whole = {"token_ids": [5, 2], "finish_reason": "stop", "text": "x", **choice}
    return json.dumps({"choices": [whole], **({"usage": usage} if usage is not None else {})})


@pytest.mark.parametrize(
    "text",
    [
        answer(),
        answer({"prompt_tokens": 3}),
        answer({"prompt_tokens": 3}, prompt_token_ids=[7, 8, 9]),
        answer({}, prompt_token_ids=None),
        answer(usage={"prompt_tokens": None}),
    ],
)
def test_an_answer_to_what_was_asked(text: str) -> None:
    assert read_completion(text, REQUEST, "http://a") == Completion((5, 2), "stop")


def test_the_limit_that_was_asked_for_is_a_completion_cut_there() -> None:
    cut = answer(token_ids=[5, 6, 7, 8], finish_reason="length")
    assert read_completion(cut, REQUEST, "http://a") == Completion((5, 6, 7, 8), "length")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (answer({"prompt_tokens": 2}), "3 tokens was sent and one of 2 computed; give it a longer context"),
        (answer({"prompt_tokens": 4}), "3 tokens was sent and one of 4 computed; it may put a BOS"),
        (answer(prompt_token_ids=[1, 7, 8, 9]), "3 tokens was sent and one of 4 computed; it may put a BOS"),
        (answer(prompt_token_ids=[7, 8, 10]), "with other tokens in it"),
        (
            answer(token_ids=[5, 6], finish_reason="length"),
            "ended at 2 tokens with finish_reason=length where max_tokens=4",
        ),
    ],
)
def test_a_server_that_does_something_else_is_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(UserError) as raised:
        read_completion(text, REQUEST, "http://a")
    assert says in str(raised.value)
    assert str(raised.value).startswith("engine.base_urls: http://a ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[1]",
        '"words"',
        '{"choices": [null]}',
        '{"choices": ["text"]}',
        answer(token_ids=None),
        answer(token_ids=[-1, 2]),
        answer(token_ids=[2**31]),
        answer(token_ids=[2**70]),
        answer(token_ids=[1.5]),
        answer(token_ids=["5"]),
        answer(token_ids=[True]),
        answer(token_ids="52"),
        answer(finish_reason="content_filter"),
        answer(usage=[1]),
        answer(usage="3"),
        "\ufffd\ufffd<html>",
    ],
)
def test_whatever_else_comes_is_no_completion(text: str) -> None:
    with pytest.raises(TransientEngineError, match="not a completion"):
        read_completion(text, REQUEST, "http://a")


def test_models_are_listed_in_several_ways() -> None:
    assert model_cards({"data": [{"id": "m", "max_model_len": 8}]}) == {"m": {"id": "m", "max_model_len": 8}}
    assert list(model_cards({"data": ["m", "n"]})) == ["m", "n"]
    assert model_cards({"data": None}) == model_cards({"data": {"m": 1}}) == model_cards({}) == {}


async def page_in_another_encoding(status: int) -> web.Response:
    return web.Response(
        body="网关错误".encode("gbk"), status=status, headers={"Content-Type": "text/html; charset=utf-8"}
    )


@pytest.mark.parametrize("status", [200, 502])
def test_a_page_that_is_not_utf8_is_a_fault_of_the_moment(status: int, tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, server: Server) -> None:
        server.faults = lambda number: page_in_another_encoding(status) if number % 4 == 0 else None
        assert await patiently(engine, tmp_path) == EXPECTED

    with_servers(1, scenario)


async def ids_that_no_table_holds() -> web.Response:
    return web.Response(text=answer(token_ids=[2**31, -5]))


def test_ids_that_no_table_holds_do_not_reach_the_journal(tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, server: Server) -> None:
        server.faults = lambda _: ids_that_no_table_holds()
        with pytest.raises(EngineError, match="not a completion"):
            await patiently(engine, tmp_path, retries=1)

    with_servers(1, scenario)
    with Journal(tmp_path / "journal.sqlite") as journal:
        assert len(journal) == 0


def test_a_server_that_adds_a_token_is_refused_at_the_start() -> None:
    words = refused(lambda server: server.answer.update(usage={"prompt_tokens": 2}))
    assert "1 tokens was sent and one of 2 computed" in words


def test_bare_names_of_models_are_read() -> None:
    assert "serves m2, not m" in refused(lambda server: setattr(server, "models", ["m2"]))


def test_a_server_that_lists_no_model_is_not_ready() -> None:
    assert refused(lambda server: setattr(server, "models", [])).startswith("EngineError: no server answers")


def of_router(number: int) -> Awaitable[web.StreamResponse] | None:
    return error(404, "no worker for model m") if 5 <= number < 9 else None


def test_a_router_whose_workers_register_anew_is_waited_for(tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, server: Server) -> None:
        server.faults = of_router
        assert await patiently(engine, tmp_path, retries=0) == EXPECTED

    with_servers(1, scenario)
