"""verl's client of rollout servers, which chooses the server itself and ends there what is given up here."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import ray
from verl.workers.rollout.llm_server import LLMServerClient

from int_verl.generate.engines.router import Router
from int_verl.generate.engines.server_fault import ServerFault


class FamilyClient(LLMServerClient):
    """Sends requests of one family to one server; for the one process that sends all requests.

    verl asks an actor for a server before each request, so that many processes can share the servers
    (verl/workers/rollout/llm_server.py:68). That actor keeps an id to its server however busy that is
    (verl/workers/rollout/router.py:178), first imports all of verl, ten seconds of processor time in which nothing is
    generated, and costs a round trip a request. verl leaves the choice to subclasses (llm_server.py:62).

    Args:
        servers: the address and the actor of each server.
        concurrency: requests that each of them is to have in flight, see `Router`.
    """

    def __init__(
        self,
        config: Any,
        load_balancer_handle: Any = None,
        *,
        servers: dict[str, Any],
        concurrency: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(config, load_balancer_handle, **kwargs)
        self._servers = {name: _Server(name, _Generate(name, actor)) for name, actor in servers.items()}
        self._router: Router[_Server] = Router(concurrency)

    async def _acquire_server(self, request_id: Hashable, **extra: Any) -> tuple[str, Any]:  # noqa: ARG002
        """`request_id` is the request's family, as verl's own routing takes it to be that of a conversation."""
        server = self._router.choose(request_id, list(self._servers.values()))
        server.in_flight += 1
        return server.name, server

    def _release_server(self, server_id: str, request_id: Hashable = None) -> None:  # noqa: ARG002
        self._servers[server_id].in_flight -= 1

    def _vllm_request_id(self, request_id: Hashable) -> str:  # noqa: ARG002
        return uuid4().hex  # a family has many requests, and vLLM wants each to have an id of its own


@dataclass(slots=True, eq=False)
class _Server:
    name: str
    generate: _Generate
    in_flight: int = 0


class _Generate:
    """`generate` of a server's actor, which raises `ServerFault`; a call that is cancelled ends in the server, too.

    Ray cancels the coroutine there, and vLLM aborts a request whose coroutine is cancelled (`AsyncLLM.generate` in
    vllm/v1/engine/async_llm.py). verl's own `abort_request` clears the prefix cache with it, and wants vLLM's inner id.
    """

    def __init__(self, name: str, actor: Any) -> None:
        self._name, self._actor = name, actor

    async def remote(self, **arguments: Any) -> Any:
        drawn = self._actor.generate.remote(**arguments)
        try:
            return await drawn
        except asyncio.CancelledError:
            ray.cancel(drawn)
            raise
        except Exception as error:
            raise ServerFault(self._name, error) from error
