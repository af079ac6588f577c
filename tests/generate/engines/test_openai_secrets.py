"""A server that echoes what it was sent: no key and no password of it comes back in anything that is said."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from int_verl.errors import EngineError, UserError
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.openai import OpenAIEngine
from int_verl.redaction import redact
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling

KEY = 'sk-made-up/"by the test"+1'
Answer = Callable[[web.Request], web.StreamResponse]


def asked(answer: Answer, userinfo: str = "", query: str = "", key: bool = True) -> Completion:
    """What the engine says of a server that answers so."""

    async def main() -> Completion:
        async def respond(request: web.Request) -> web.StreamResponse:
            await request.read()
            return answer(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", respond)
        async with TestServer(app) as server:
            url = f"http://{userinfo}127.0.0.1:{server.port}/v1{query}"
            settings = EngineSettings(
                base_urls=(url,), api_key_env="SERVERS_API_KEY" if key else None, give_up_after=0.2, retries=0
            )
            async with OpenAIEngine(settings, "m") as engine:
                return await engine.generate(Request((1, 2), Sampling(max_tokens=2), seed=1))

    return asyncio.run(asyncio.wait_for(main(), 60))


def echo(request: web.Request) -> str:
    return f"You sent {request.headers.get('Authorization')} to {request.url} with {dict(request.query)}. "


def as_error(status: int) -> Answer:
    return lambda request: web.json_response({"error": {"message": echo(request)}}, status=status)


def as_page(status: int) -> Answer:
    # Cut at 200 or 300 characters, in the middle of the key.
    return lambda request: web.Response(status=status, text="x" * 165 + echo(request) + "y" * 100 + echo(request))


def as_model(request: web.Request) -> web.StreamResponse:
    return web.json_response({"data": [{"id": echo(request)}]})


def as_completion(request: web.Request) -> web.StreamResponse:
    if request.method == "GET":
        return web.json_response({"data": [{"id": "m"}]})
    return web.json_response({"choices": [{"token_ids": [echo(request)], "finish_reason": echo(request)}]})


ANSWERS = [as_error(400), as_error(401), as_error(403), as_error(500), as_page(400), as_page(502), as_page(200)]


@pytest.mark.parametrize("answer", [*ANSWERS, as_model, as_completion])
@pytest.mark.parametrize(
    ("userinfo", "query", "key"),
    [("", "", True), ("", "?token=made-up-query", True), ("me:made%2Fup-password@", "?token=made-up-query", False)],
)
def test_an_echo_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, answer: Answer, userinfo: str, query: str, key: bool
) -> None:
    monkeypatch.setenv("SERVERS_API_KEY", KEY)
    with pytest.raises((EngineError, UserError)) as caught:
        asked(answer, userinfo, query, key)
    said = str(caught.value)
    basic = b64encode(b"me:made/up-password").decode()
    for secret in (KEY, KEY[:12], "made-up-query", "made%2Fup-password", "made/up-password", basic, basic[:10]):
        assert secret not in said
    assert "\n" not in said
    assert "127.0.0.1" in said


def test_what_a_url_holds_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVERS_API_KEY", KEY)
    seen: list[tuple[str, str | None]] = []

    def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.path_qs, request.headers.get("Authorization")))
        if request.method == "GET":
            return web.json_response({"data": [{"id": "m"}]})
        return web.json_response({"choices": [{"token_ids": [2], "finish_reason": "stop"}]})

    assert asked(answer, query="?token=a%2Fb") == Completion((2,), "stop")
    assert seen[0] == ("/v1/models?token=a/b", f"Bearer {KEY}")
    assert seen[-1][0] == "/v1/completions?token=a/b"
    seen.clear()
    assert asked(answer, "me:pass%40word@", key=False) == Completion((2,), "stop")
    assert {header for _, header in seen} == {f"Basic {b64encode(b'me:pass@word').decode()}"}


@pytest.mark.parametrize("userinfo", ["me:made-up-password@", "made-up-password@", ":made-up-password@"])
def test_user_and_password_beside_a_key_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, userinfo: str) -> None:
    monkeypatch.setenv("SERVERS_API_KEY", KEY)
    settings = EngineSettings(base_urls=(f"http://{userinfo}node1:8000/v1",), api_key_env="SERVERS_API_KEY")
    with pytest.raises(UserError, match=r"^engine\.base_urls: http://\*\*\*@node1:8000/v1 has a user") as caught:
        OpenAIEngine(settings, "m")
    assert "\n" not in str(caught.value)
    assert "made-up-password" not in str(caught.value)


def test_addresses_that_are_none_are_refused_without_being_repeated() -> None:
    for url in ("http://me:made-up-password@h:x/v1", "ftp://me:made-up-password@h", "http://me:made-up#password@h/"):
        with pytest.raises(UserError, match=r"^engine\.base_urls: number 1 is no address"):
            OpenAIEngine(EngineSettings(base_urls=(url,)), "m")


def test_the_key_is_hidden_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVERS_API_KEY", KEY)
    OpenAIEngine(EngineSettings(base_urls=("http://h/v1",), api_key_env="SERVERS_API_KEY"), "m")
    assert redact(f"Bearer {KEY}") == "Bearer $SERVERS_API_KEY"
