"""verl's client of rollout servers, without the detour over an actor that chooses the server."""

from __future__ import annotations

from typing import Any

from verl.workers.rollout.llm_server import LLMServerClient

from int_verl.generate.engines.router import LeastBusyRouter


class LocallyRoutedClient(LLMServerClient):
    """Chooses the server itself; for the one process that sends all requests, on a machine with few cores.

    verl asks an actor for a server before each request, so that many processes can share the servers
    (verl/workers/rollout/llm_server.py:68). That actor first imports all of verl, ten seconds of processor time in
    which nothing is generated, and costs a round trip a request.
    """

    def __init__(
        self, config: Any, load_balancer_handle: Any = None, *, servers: dict[str, Any], **kwargs: Any
    ) -> None:
        super().__init__(config, load_balancer_handle, **kwargs)
        self._router = LeastBusyRouter(servers)

    async def _acquire_server(self, request_id: str, **extra: Any) -> tuple[str, Any]:  # noqa: ARG002
        return self._router.acquire()

    def _release_server(self, server_id: str, request_id: str | None = None) -> None:  # noqa: ARG002
        self._router.release(server_id)
