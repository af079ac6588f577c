"""OpenAI-compatible servers, such as vLLM's, as the generator's engine."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import aiohttp
from yarl import URL

from int_verl.errors import RefusedRequestError, TransientEngineError, UserError
from int_verl.generate.engines.answers import model_cards, read_object, said
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.endpoints import Endpoint, Endpoints
from int_verl.generate.engines.ids_form import IdsForm
from int_verl.redaction import hide, hide_credentials, redact, without_credentials
from int_verl.settings.engine import EngineSettings

_PROBE_TIMEOUT = aiohttp.ClientTimeout(total=20)
# How long a completion may take is the journaled engine's affair.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=20)
_DEFAULT_PAUSE = 2.0
_FAULTS_OF_THE_MOMENT = (408, 409, 425)


class Form(Protocol):
    """How prompts and completions go over the wire: as token ids, as text or as a chat."""

    @property
    def path(self) -> str:
        """Where requests go, below a server's URL."""

    @property
    def way(self) -> str:
        """What is done in this form, said of a server that knows none of those that were tried before it."""

    @property
    def remedy(self) -> str:
        """What to do where a server does not know this form, behind its words."""

    @property
    def probe(self) -> Request:
        """Asked at the start, and whenever a server comes back."""

    def asks(self, request: Request) -> dict[str, Any]:
        """The fields of a request's body that say what is to be completed and how it is to come back.

        Raises:
            RefusedRequestError: it cannot be said in this form.
        """

    def check(self, answer: str, url: str) -> None:
        """Refuse (`UserError`) a server whose answer to the probe lacks what this form needs."""

    def read(self, answer: str, request: Request, url: str) -> Completion:
        """The completion that an answer holds."""


class OpenAIEngine:
    """``/v1/completions``, or another path that the form has, of any number of servers, each serving the same model.

        async with OpenAIEngine(EngineSettings(base_urls=("http://node1:8000/v1",)), "my-model") as engine:
            completion = await engine.generate(Request((1, 42, 7), Sampling(max_tokens=64), seed=1))

    A server that fails is taken out until it is well again; meanwhile its requests wait or go to others. A request that
    never reached a server is sent again without end, one that a server failed on raises `TransientEngineError`.

    Args:
        model: the name under which the servers know the model, unless `engine.model` says another.
        context_length: prompt and completion tokens that every server has to allow.
        forms: how prompts and completions may go over the wire; a server is asked in the first whose probe it answers.
        say: called with what the user should know of a server.

    Raises:
        UserError: `engine.base_urls` or `engine.api_key_env` names nothing that there is.
    """

    def __init__(
        self,
        settings: EngineSettings,
        model: str,
        context_length: int | None = None,
        forms: Sequence[Form] = (IdsForm(),),
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.forms, self._say = forms, say
        self._form_of: dict[str, Form] = {}
        self.settings, self.model, self.context_length = settings, settings.model or model, context_length
        settings.check_servers()
        urls = settings.base_urls
        self._api_key = os.environ.get(settings.api_key_env) if settings.api_key_env is not None else None
        if settings.api_key_env is not None and not self._api_key:
            raise UserError(f"engine.api_key_env={settings.api_key_env}: this environment variable is not set")
        # A server may echo what it was sent.
        hide(self._api_key or "", f"${settings.api_key_env}")
        hide_credentials(" ".join(urls))
        concurrency = settings.concurrency or -(-settings.places // len(urls))
        self._endpoints = Endpoints(urls, self._probe, concurrency, settings.give_up_after)
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> OpenAIEngine:
        """Checks the servers.

        Raises:
            UserError: a server does not serve the model, serves too short a context, or lacks what the form needs.
            EngineError: no server answers.
        """
        headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        # A connection for each request: one kept open may be closed by the server just when it is used again.
        connector = aiohttp.TCPConnector(limit=0, socket_factory=_socket, force_close=True)
        self._session = aiohttp.ClientSession(connector=connector, headers=headers)
        try:
            await self._endpoints.open()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._endpoints.close()
        await self._session.close()

    def servers(self) -> list[dict[str, Any]]:
        return [
            {"url": each.url, "in_flight": each.in_flight, "well": each.well, "fault": each.fault}
            for each in self._endpoints.all
        ]

    async def generate(self, request: Request) -> Completion:
        """Draws one completion.

        Raises:
            TransientEngineError: the server lost or refused this request.
            RefusedRequestError: the server says that the request is wrong.
            UserError: the server does something else than it is asked to.
            EngineError: no server was well for too long.
        """
        while True:
            async with self._endpoints.place(request) as endpoint:
                completion = await self._ask(endpoint, request)
            if completion is not None:
                return completion

    async def _ask(self, endpoint: Endpoint, request: Request) -> Completion | None:
        """None: the server did not take the request; ask again, there or elsewhere."""
        sampling, form = request.sampling, self._form_of[endpoint.url]
        body = {
            "model": self.model,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            **({"seed": request.seed} if self.settings.seeded else {}),
            # Servers take what is not said from the model's generation_config.json.
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            **form.asks(request),
        }
        try:
            completion = form.read(await self._send(endpoint.url, form.path, body), request, endpoint.url)
        except _NotTaken as fault:
            self._endpoints.failed(endpoint, str(fault), fault.pause)
            return None
        except TransientEngineError as fault:
            self._endpoints.failed(endpoint, str(fault))
            raise TransientEngineError(f"{endpoint.name}: {fault}") from fault
        except _NotFoundError as fault:  # behind a router: its workers are about to register anew
            self._endpoints.failed(endpoint, str(fault))
            return None
        except asyncio.CancelledError:  # given up, perhaps because the server hangs
            self._endpoints.forget(request)
            raise
        self._endpoints.answered(endpoint)
        return completion

    async def _probe(self, url: str) -> None:
        """Whether the server is up, serves the model and knows a form: the one that it knew before, or any."""
        self._check_model(url, read_object(await self._send(url, "models", timeout=_PROBE_TIMEOUT)))
        known = self._form_of.get(url)
        faults: list[UserError] = []
        for form in self.forms if known is None else (known,):
            try:
                await self._try(url, form)
            except UserError as fault:
                faults.append(fault)
                continue
            if faults:
                self._say(f"{faults[0]}; {form.way}")
            self._form_of[url] = form
            return
        words = dict.fromkeys(map(str, (faults[0], faults[-1])))
        raise UserError("; beside that, ".join(words)) from faults[0]

    async def _try(self, url: str, form: Form) -> None:
        """One token: a server whose engine is dead may still list its models."""
        probe = form.probe
        body = {"model": self.model, "max_tokens": probe.sampling.max_tokens, **form.asks(probe)}
        try:
            text = await self._send(url, form.path, body, _PROBE_TIMEOUT)
        except _NotTaken:
            raise
        except (RefusedRequestError, TransientEngineError) as error:  # some break on what they do not know
            raise type(error)(f"{error}{form.remedy}") from error
        form.check(text, url)
        form.read(text, probe, url)

    async def _send(
        self, url: str, path: str, body: dict[str, Any] | None = None, timeout: aiohttp.ClientTimeout = _NO_TIMEOUT
    ) -> str:
        """What a server answers to a POST of `body`, or to a GET.

        Raises:
            TransientEngineError: it failed; `_NotTaken` where another attempt loses nothing.
            UserError: it refuses.
        """
        try:
            method = "GET" if body is None else "POST"
            async with self._session.request(method, _address(url, path), json=body, timeout=timeout) as response:
                text = (await response.read()).decode(errors="replace")  # a proxy's page may be in any encoding
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise _NotTaken(_say(error)) from error
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise TransientEngineError(_say(error)) from error
        words, name = f"{response.status} {said(text)}", without_credentials(url)
        if response.status == 429:
            raise _NotTaken(words, _retry_after(response))
        if (response.status >= 500 and response.status != 501) or response.status in _FAULTS_OF_THE_MOMENT:
            raise TransientEngineError(words)
        if response.status in (401, 403):
            variable = self.settings.api_key_env
            key = f"the key in ${variable}" if variable else "no key, engine.api_key_env is not set"
            raise UserError(f"engine.base_urls: {name} refuses {key}: {words}")
        if response.status >= 400:
            refused = _NotFoundError if response.status == 404 else RefusedRequestError
            raise refused(f"engine.base_urls: {name} refuses a request ({path}): {words}")
        return text

    def _check_model(self, url: str, models: dict[str, Any]) -> None:
        cards, name = model_cards(models), without_credentials(url)
        if not cards:
            raise TransientEngineError("serves no model")
        if self.model not in cards:
            served = redact(", ".join(cards))
            raise UserError(f"engine.base_urls: {name} serves {served}, not {self.model}; set engine.model")
        longest = cards[self.model].get("max_model_len")
        if self.context_length and longest and longest < self.context_length:
            raise UserError(
                f"engine.base_urls: {name} serves {longest} tokens (max_model_len), engine.context_length is "
                f"{self.context_length}; lower that, or start the server with --max-model-len {self.context_length}"
            )


class _NotTaken(TransientEngineError):
    """The server did not take the request; `pause`: seconds for which it asks to be left alone."""

    def __init__(self, fault: str, pause: float | None = None) -> None:
        super().__init__(fault)
        self.pause = pause


class _NotFoundError(RefusedRequestError):
    """There is no such path or model."""


def _retry_after(response: aiohttp.ClientResponse) -> float:
    """Seconds; the header's other form, a date, is not worth a parser."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", _DEFAULT_PAUSE)))
    except ValueError:
        return _DEFAULT_PAUSE


def _say(error: BaseException) -> str:
    return redact(f"{type(error).__name__}: {error}") if str(error) else type(error).__name__


def _address(url: str, path: str) -> URL:
    """Below a server's URL, whose query goes with every request."""
    base = URL(url)
    return (base / path).with_query(base.query)


def _socket(address: tuple[Any, ...]) -> socket.socket:
    """Notices within two minutes that a server's machine is gone, which without traffic nothing else would."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):  # not on every system
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
