"""Servers on loopback that know no token ids, and what a run makes of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from int_verl.errors import EngineError, UserError
from int_verl.generate.chat import ChatCodec
from int_verl.generate.engines.base import Request
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.engines.make import make_engine
from int_verl.generate.journal import Journal
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling
from tests.generate.engines.test_faults import Server
from tests.generate.models import tiny_model

SAMPLING = Sampling(max_tokens=32)


class TextServer(Server):
    """Completes text, which it encodes as the model does, and counts tokens."""

    def __init__(self, codec: ChatCodec) -> None:
        super().__init__()
        self.codec = codec
        self.reads: Callable[[str], str] = str
        "What it makes of a prompt."
        self.writes: Callable[[int], str] = lambda seed: f" so it is \\boxed{{{seed}}}."
        "Its completion for a seed."
        self.usage = True
        self.prompts: list[str] = []

    async def _completions(self, http: web.Request) -> web.StreamResponse:
        body = await http.json()
        self.prompts.append(body["prompt"])
        text = self.writes(body.get("seed", 0))
        computed = len(self.codec.as_written(self.reads(body["prompt"])))
        usage = {"usage": {"prompt_tokens": computed, "completion_tokens": body["max_tokens"]}} if self.usage else {}
        choice = {"text": text, "finish_reason": "stop", **self.choice}
        return web.json_response({"choices": [choice], **usage, **self.answer})


class ChatServer(TextServer):
    """A server of chat alone, with the model's template; subclasses make something else of a final message."""

    def __init__(self, codec: ChatCodec) -> None:
        super().__init__(codec)
        self.message: dict[str, Any] = {}
        "More of its messages, or something else."
        self.asked: list[list[dict[str, str]]] = []

    async def _completions(self, _: web.Request) -> web.StreamResponse:
        raise web.HTTPNotFound

    async def _chat(self, http: web.Request) -> web.StreamResponse:
        body = await http.json()
        messages = body["messages"]
        self.asked.append(messages)
        try:
            self.prompts.append(self.renders(messages, body.get("continue_final_message", False)))
        except ValueError as refusal:  # transformers' own
            return web.json_response({"error": {"message": str(refusal)}}, status=400)
        computed = len(self.codec.as_written(self.prompts[-1]))
        usage = {"usage": {"prompt_tokens": computed, "completion_tokens": body["max_tokens"]}} if self.usage else {}
        content = self.answers(messages, self.writes(body.get("seed", 0)))
        choice = {"message": {"role": "assistant", "content": content, **self.message}, "finish_reason": "stop"}
        return web.json_response({"choices": [choice], **usage, **self.answer})

    def renders(self, messages: list[dict[str, str]], goes_on: bool) -> str:
        """As vLLM does."""
        return self.template(messages, continue_final_message=goes_on, add_generation_prompt=not goes_on)

    def answers(self, messages: list[dict[str, str]], text: str) -> str:  # noqa: ARG002 - for subclasses
        return text

    def template(self, messages: list[dict[str, str]], **rule: bool) -> str:
        return str(self.codec.tokenizer.apply_chat_template(messages, tokenize=False, **rule))


def run_on(
    server: TextServer,
    scenario: Callable[[JournaledEngine], Awaitable[Any]],
    say: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> Any:
    """``scenario(engine)``, with the engine as `make_engine` makes it, behind a new journal."""

    async def main() -> Any:
        await server.start()
        try:
            given = {"name": "openai", "tokens": "text", "retries": 0, "model": "m", "base_urls": (server.url,)}
            of_engine = EngineSettings(**given | settings)
            with Journal(Path(tempfile.mkdtemp()) / "journal.sqlite") as journal:
                model = tiny_model(server.codec, 64)
                async with make_engine(of_engine, model, (1, 32), "cpu", journal, say) as engine:
                    return await scenario(engine)
        finally:
            await server.stop()

    return asyncio.run(asyncio.wait_for(main(), 60))


def prompt_of(codec: ChatCodec) -> tuple[int, ...]:
    return codec.prompt_ids("What is 3 + 4?")


def refused_at_the_start(server: TextServer, probes: int = 1) -> str:
    async def scenario(engine: JournaledEngine) -> None:
        await engine.generate(Request(prompt_of(server.codec), SAMPLING, 1))

    with pytest.raises((UserError, EngineError)) as raised:
        run_on(server, scenario)
    assert len(server.prompts) <= probes, "no request of the run"
    assert "\n" not in str(raised.value)
    return str(raised.value)
