"""Requests that fail, hang or come late, and servers that do."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from int_verl.errors import EngineError, LostRequestError, TransientEngineError, UserError
from int_verl.generate.engines.answers import said
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.endpoints import Endpoints
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.engines.openai import OpenAIEngine
from int_verl.generate.engines.scripted import ScriptedEngine
from int_verl.generate.journal import Journal, request_key
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling
from tests.generate.engines.local_server import LocalServer
from tests.generate.engines.vllm_servers import free_port

SAMPLING = Sampling(max_tokens=8)
REQUESTS = [Request((1, 2, seed), SAMPLING, seed, (seed // 4, 0, seed)) for seed in range(1, 41)]


def answer(request: Request) -> Completion:
    return Completion((request.seed, 2), "stop")


class Unreliable(ScriptedEngine):
    """Does `fault` at each request's first `times` tries, then answers."""

    def __init__(self, fault: Callable[[], Awaitable[Any]], times: int) -> None:
        super().__init__(answer)
        self.fault, self.times = fault, times
        self.tries: Counter[int] = Counter()

    async def generate(self, request: Request) -> Completion:
        self.tries[request.seed] += 1
        if self.tries[request.seed] <= self.times:
            await self.fault()
        return await super().generate(request)


async def fails() -> None:
    raise TransientEngineError("a server hiccuped")


async def never_returns() -> None:
    await asyncio.Event().wait()


def draw(engine: Any, folder: Path, requests: list[Request] = REQUESTS, **settings: Any) -> list[Completion]:
    async def main() -> list[Completion]:
        of_engine = EngineSettings(**{"in_flight": 8, "retries": 0, "timeout": None} | settings)
        with Journal(folder / "journal.sqlite") as journal:
            async with JournaledEngine(engine, journal, "r", of_engine, first_wait=0.01) as journaled:
                return list(await asyncio.gather(*map(journaled.generate, requests)))

    return asyncio.run(main())


EXPECTED = [answer(request) for request in REQUESTS]


def test_a_request_that_fails_is_made_again(tmp_path: Path) -> None:
    engine = Unreliable(fails, times=2)
    assert draw(engine, tmp_path, retries=2) == EXPECTED
    assert set(engine.tries.values()) == {3}


def test_a_request_that_never_returns_is_made_again(tmp_path: Path) -> None:
    engine = Unreliable(never_returns, times=1)
    assert draw(engine, tmp_path, timeout=0.05, retries=1) == EXPECTED
    assert set(engine.tries.values()) == {2}


def test_an_answer_that_comes_late_is_not_waited_for(tmp_path: Path) -> None:
    engine = Unreliable(lambda: asyncio.sleep(30), times=1)
    assert draw(engine, tmp_path, timeout=0.05, retries=1) == EXPECTED


@pytest.mark.parametrize(
    ("fault", "says"),
    [(fails, "failed: a server hiccuped"), (never_returns, r"did not return within engine\.timeout=0\.05 s")],
)
def test_too_often_is_an_engine_error_that_names_the_request(
    fault: Callable[[], Awaitable[Any]], says: str, tmp_path: Path
) -> None:
    engine = Unreliable(fault, times=10)
    with pytest.raises(LostRequestError, match=rf"3 prompt tokens \(seed 1\) {says}; tried 3 times"):
        draw(engine, tmp_path, REQUESTS[:1], timeout=0.05, retries=2)
    assert engine.tries[1] == 3


def test_a_lost_engine_is_not_asked_again_and_what_it_drew_is_kept(tmp_path: Path) -> None:
    asked: list[int] = []

    def dies(request: Request) -> Completion:
        asked.append(request.seed)
        if len(asked) > 10:
            raise EngineError("the engine is gone")
        return answer(request)

    with pytest.raises(EngineError, match="is gone"):
        draw(ScriptedEngine(dies), tmp_path, in_flight=1, retries=5)
    assert len(asked) == len(set(asked)), "none is tried twice"
    asked_again: list[int] = []

    def records(request: Request) -> Completion:
        asked_again.append(request.seed)
        return answer(request)

    assert draw(ScriptedEngine(records), tmp_path) == EXPECTED
    assert sorted(asked_again) == sorted({request.seed for request in REQUESTS} - set(asked[:10]))


def test_the_order_is_no_part_of_a_request() -> None:
    plain, ordered = Request((1,), SAMPLING, 1), Request((1,), SAMPLING, 1, (5, 2))
    assert plain == ordered
    assert hash(plain) == hash(ordered)
    assert request_key("r", plain) == request_key("r", ordered)


def test_deep_work_overtakes_young_work_in_the_journaled_engine(tmp_path: Path) -> None:
    asked: list[tuple[int, ...]] = []

    def records(request: Request) -> Completion:
        asked.append(request.order)
        return answer(request)

    shuffled = [REQUESTS[index * 7 % len(REQUESTS)] for index in range(len(REQUESTS))]
    draw(ScriptedEngine(records, 0.001), tmp_path / "a", shuffled, in_flight=4)
    assert asked == [request.order for request in REQUESTS]
    asked.clear()
    draw(ScriptedEngine(records, 0.001), tmp_path / "b", shuffled, in_flight=4, ordering="arrival")
    assert asked == [request.order for request in shuffled]


# A server that misbehaves.


class Server(LocalServer):
    """`/v1/models` and `/v1/completions` in this process; `faults` is what it does to each request instead."""

    def __init__(self) -> None:
        super().__init__(free_port())
        self.faults: Callable[[int], Awaitable[web.StreamResponse] | None] = lambda _: None
        self.card: dict[str, Any] = {"id": "m", "max_model_len": 64}
        self.models: list[Any] | None = None
        "What it lists; None: its card."
        self.choice: dict[str, Any] = {}
        "Laid over the choice that it returns."
        self.answer: dict[str, Any] = {}
        "Laid over the answer that holds the choice."
        self.seen: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.in_flight = self.most_in_flight = 0
        self.delay = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _models(self, request: web.Request) -> web.Response:
        self.headers = dict(request.headers)
        return web.json_response({"data": [self.card] if self.models is None else self.models})

    async def _completions(self, http: web.Request) -> web.StreamResponse:
        body = await http.json()
        is_probe = body["max_tokens"] == 1
        if not is_probe:
            self.seen.append(body)
            fault = self.faults(len(self.seen))
            if fault is not None:
                return await fault
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.delay)
        finally:
            self.in_flight -= 1
        choice = {"token_ids": [body.get("seed", 0), 2], "finish_reason": "stop", "text": "x", **self.choice}
        return web.json_response({"choices": [choice], **self.answer})


async def error(status: int, message: str = "no", headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status, headers=headers)


async def not_json() -> web.Response:
    return web.Response(text="<html>a proxy's page</html>")


async def not_a_completion() -> web.Response:
    return web.json_response({"choices": []})


async def hangs() -> web.Response:
    await asyncio.sleep(3600)
    raise AssertionError("unreachable")


async def reset() -> web.Response:
    raise asyncio.CancelledError  # aiohttp closes the connection


@asynccontextmanager
async def servers(count: int) -> AsyncIterator[list[Server]]:
    started = [Server() for _ in range(count)]
    try:
        for server in started:
            await server.start()
        yield started
    finally:
        for server in started:
            await server.stop()


def with_servers(
    count: int, scenario: Callable[..., Awaitable[Any]], prepare: Callable[..., None] = lambda *_: None, **settings: Any
) -> Any:
    """Run ``scenario(engine, *servers)`` within a time limit."""

    async def main() -> Any:
        async with servers(count) as started:
            prepare(*started)
            context_length = settings.pop("context_length", 64)
            of_engine = EngineSettings(base_urls=tuple(server.url for server in started), **settings)
            async with OpenAIEngine(of_engine, "m", context_length) as engine:
                return await scenario(engine, *started)

    return asyncio.run(asyncio.wait_for(main(), 60))


async def patiently(engine: OpenAIEngine, folder: Path, **settings: Any) -> list[Completion]:
    """All `REQUESTS` as a run makes them: behind the journaled engine, which makes failed ones again."""
    of_engine = EngineSettings(**{"in_flight": 8, "retries": 5, "timeout": None} | settings)
    with Journal(folder / "journal.sqlite") as journal:
        journaled = JournaledEngine(_Opened(engine), journal, "r", of_engine, first_wait=0.01)
        return list(await asyncio.gather(*map(journaled.generate, REQUESTS)))


class _Opened:
    """An engine that is open already."""

    def __init__(self, engine: OpenAIEngine) -> None:
        self.generate = engine.generate

    async def __aenter__(self) -> _Opened:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        return None


def test_what_is_sent_and_what_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(engine: OpenAIEngine, server: Server) -> None:
        request = Request((5, 6), Sampling(9, temperature=0.5, top_p=0.25, top_k=7), seed=3)
        assert await engine.generate(request) == Completion((3, 2), "stop")
        (sent,) = server.seen
        assert sent == {
            "model": "m",
            "prompt": [5, 6],
            "add_special_tokens": False,
            "return_token_ids": True,
            "max_tokens": 9,
            "temperature": 0.5,
            "top_p": 0.25,
            "top_k": 7,
            "seed": 3,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
        }
        assert server.headers["Authorization"] == "Bearer secret"

    monkeypatch.setenv("SERVERS_KEY", "secret")
    with_servers(1, scenario, api_key_env="SERVERS_KEY")


@pytest.mark.parametrize("fault", [lambda: error(500), lambda: error(503), not_json, not_a_completion, reset])
def test_no_request_is_lost_when_a_server_fails_now_and_then(
    fault: Callable[[], Awaitable[web.StreamResponse]], tmp_path: Path
) -> None:
    async def scenario(engine: OpenAIEngine, *both: Server) -> None:
        both[0].faults = lambda number: fault() if number % 5 == 0 else None
        assert await patiently(engine, tmp_path) == EXPECTED
        assert all(server.seen for server in both)

    with_servers(2, scenario, concurrency=4)


def test_a_server_that_hangs_is_left_by_the_time_limit(tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, *both: Server) -> None:
        both[0].faults = lambda number: hangs() if number <= 4 else None
        assert await patiently(engine, tmp_path, timeout=0.5) == EXPECTED

    with_servers(2, scenario, concurrency=4)


def test_too_many_requests_are_held_back_as_long_as_the_server_asks(tmp_path: Path) -> None:
    refusals: list[float] = []

    def busy(number: int) -> Awaitable[web.StreamResponse] | None:
        if number > 20:
            return None
        refusals.append(asyncio.get_running_loop().time())
        return error(429, headers={"Retry-After": "0.3"})

    async def scenario(engine: OpenAIEngine, server: Server) -> None:
        server.faults = busy
        assert await patiently(engine, tmp_path, retries=0) == EXPECTED, "a 429 is no failure of the request"

    with_servers(1, scenario, concurrency=4)
    assert len(refusals) == 20
    # Four at a time are refused together, then nobody asks for 0.3 s.
    assert refusals[-1] - refusals[0] > 0.3


def test_a_server_that_dies_and_returns_loses_no_request(tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, server: Server) -> None:
        server.delay = 0.02
        drawn = asyncio.create_task(patiently(engine, tmp_path))
        await asyncio.sleep(0.05)
        await server.stop()
        await asyncio.sleep(0.2)
        assert not drawn.done()
        await server.start()
        assert await drawn == EXPECTED

    with_servers(1, scenario, concurrency=8)


def test_no_server_for_too_long_stops_the_run_and_names_them(tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, *both: Server) -> None:
        for server in both:
            await server.stop()
        with pytest.raises(EngineError, match=r"no server was well for 0\.4 s") as raised:
            await patiently(engine, tmp_path)
        assert all(server.url in str(raised.value) for server in both)

    with_servers(2, scenario, give_up_after=0.4)


def test_a_server_that_refuses_for_ever_is_given_up(tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, server: Server) -> None:
        server.faults = lambda _: error(429, "quota used up", headers={"Retry-After": "0.05"})
        with pytest.raises(EngineError, match=r"engine\.give_up_after.*429 quota used up"):
            await patiently(engine, tmp_path)

    with_servers(1, scenario, give_up_after=0.4)


def test_a_server_that_refuses_only_what_is_too_much_is_not_given_up(tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, server: Server) -> None:
        server.delay = 1.0
        server.faults = lambda _: error(429, headers={"Retry-After": "0.05"}) if server.in_flight >= 6 else None
        assert await patiently(engine, tmp_path) == EXPECTED

    with_servers(1, scenario, give_up_after=0.5, concurrency=8)


def test_a_request_that_every_server_fails_on_is_named_at_last(tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, *both: Server) -> None:
        for server in both:
            server.faults = lambda _: error(500, "poisoned")
        with pytest.raises(EngineError, match=r"prompt tokens \(seed \d+\) failed: http.*500 poisoned; tried 3 times"):
            await patiently(engine, tmp_path, retries=2, lost_share=0.0)

    with_servers(2, scenario)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_user_can_mend_is_said_in_the_servers_words(status: int, tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, server: Server) -> None:
        server.faults = lambda _: error(status, "max_tokens is too large")
        with pytest.raises(UserError, match=rf"{status} max_tokens is too large"):
            await patiently(engine, tmp_path, lost_share=0.0)
        assert len(server.seen) <= 8, "not tried again"

    with_servers(1, scenario)


def test_each_server_has_no_more_in_flight_than_allowed(tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, *both: Server) -> None:
        for server in both:
            server.delay = 0.01
        assert await patiently(engine, tmp_path, in_flight=40) == EXPECTED
        assert [server.most_in_flight for server in both] == [3, 3]

    with_servers(2, scenario, concurrency=3)


def refused(prepare: Callable[[Server], None], **settings: Any) -> str:
    async def scenario(*_: object) -> None:
        raise AssertionError("it should not have started")

    with pytest.raises((UserError, EngineError)) as raised:
        with_servers(1, scenario, prepare, **settings)
    message = str(raised.value)
    assert "\n" not in message
    return f"{type(raised.value).__name__}: {message}"


def test_a_server_without_token_ids_is_refused() -> None:
    said = refused(lambda server: server.choice.update(token_ids=None))
    assert said.startswith("UserError")
    assert "return_token_ids" in said
    assert "vLLM" in said


def test_a_server_of_another_model_is_refused() -> None:
    assert "serves other, not m; set engine.model" in refused(lambda server: server.card.update(id="other"))


def test_a_server_with_too_short_a_context_is_refused() -> None:
    assert "--max-model-len 128" in refused(lambda _: None, context_length=128)


def test_no_server_at_the_start_is_said_at_once() -> None:
    async def main() -> None:
        async with OpenAIEngine(EngineSettings(base_urls=(f"http://127.0.0.1:{free_port()}/v1",)), "m"):
            pass

    with pytest.raises(EngineError, match=r"no server answers: http://127.*mend engine\.base_urls"):
        asyncio.run(asyncio.wait_for(main(), 30))


def test_one_of_two_servers_at_the_start_is_enough(tmp_path: Path) -> None:
    async def main() -> None:
        late = Server()
        async with servers(1) as (early,):
            settings = EngineSettings(base_urls=(late.url, early.url), concurrency=4)
            async with OpenAIEngine(settings, "m") as engine:
                early.delay = 0.02
                drawn = asyncio.create_task(patiently(engine, tmp_path))
                await asyncio.sleep(0.02)
                await late.start()
                assert await drawn == EXPECTED
                assert late.seen, "a server that comes later is used"
                await late.stop()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_server_that_returns_with_another_model_is_waited_for_and_named(tmp_path: Path) -> None:
    async def scenario(engine: OpenAIEngine, server: Server) -> None:
        await server.stop()
        drawn = asyncio.create_task(patiently(engine, tmp_path))
        await asyncio.sleep(0.1)
        server.card["id"] = "other"
        await server.start()
        with pytest.raises(EngineError, match=r"engine\.give_up_after.*serves other"):
            await drawn

    with_servers(1, scenario, give_up_after=1.0)


def test_requests_that_share_a_prefix_go_to_one_server_unless_it_is_overloaded() -> None:
    async def main() -> None:
        async def well(_: str) -> None:
            return None

        endpoints = Endpoints(["a", "b"], well, concurrency=32, give_up_after=60)
        held = asyncio.Event()
        went: dict[int, list[str]] = {}

        async def use(problem: int) -> None:
            async with endpoints.place(Request((problem,), SAMPLING, 1, (problem, 0))) as endpoint:
                went.setdefault(problem, []).append(endpoint.url)
                await held.wait()

        def start(problem: int, number: int) -> list[asyncio.Task[None]]:
            return [asyncio.create_task(use(problem)) for _ in range(number)]

        tasks = start(1, 4) + start(2, 4) + start(3, 4)
        await asyncio.sleep(0.01)
        assert [len(set(urls)) for urls in went.values()] == [1, 1, 1]
        assert went[1] != went[2]
        tasks += start(1, 50)
        await asyncio.sleep(0.01)
        assert sum(endpoint.in_flight for endpoint in endpoints.all) == 62
        assert max(endpoint.in_flight for endpoint in endpoints.all) <= 32
        held.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_json_of_other_shapes_has_a_message_too() -> None:
    assert said(json.dumps({"error": {"message": "a\nb"}})) == "a b"
    assert said(json.dumps({"detail": "x"})) == json.dumps({"detail": "x"})
    assert said(json.dumps({"message": "y"})) == "y"
    assert said("gateway\n") == "gateway"


class UntilClosed(Server):
    """Answers no request, and says when its client is gone."""

    closed: asyncio.Event

    async def _completions(self, http: web.Request) -> web.StreamResponse:
        if (await http.json())["max_tokens"] > 1:
            while http.transport is not None:
                await asyncio.sleep(0.01)
            self.closed.set()
        return await super()._completions(http)


def test_a_request_that_is_given_up_closes_its_connection() -> None:
    """Whereupon vLLM aborts it (`with_cancellation` in vllm/entrypoints/serve/utils/api_utils.py)."""

    async def main() -> None:
        server = UntilClosed()
        server.closed = asyncio.Event()
        await server.start()
        async with OpenAIEngine(EngineSettings(base_urls=(server.url,)), "m") as engine:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(engine.generate(REQUESTS[0]), 0.2)
            await asyncio.wait_for(server.closed.wait(), 5)
        await server.stop()

    asyncio.run(main())


def test_without_seeds_the_keys_are_the_same_and_rollouts_of_one_prompt_are_distinct(tmp_path: Path) -> None:
    rollouts = [Request((1, 2), SAMPLING, seed) for seed in range(1, 9)]

    async def scenario(engine: OpenAIEngine, server: Server) -> None:
        for asked in (rollouts[:4], rollouts):
            with Journal(tmp_path / "journal.sqlite") as journal:
                async with JournaledEngine(_Opened(engine), journal, "r", engine.settings) as journaled:
                    await asyncio.gather(*map(journaled.generate, asked))
        assert (journaled.replayed, journaled.drawn, len(server.seen)) == (4, 4, 8)
        assert not any("seed" in body for body in server.seen)

    with_servers(1, scenario, seeded=False)
    unused = Unreliable(fails, times=9)
    assert len(draw(unused, tmp_path, rollouts)) == 8, "with seeds, the journal answers for all of them"
    assert not unused.tries
