"""An OpenAI-compatible server in this process, on loopback; what it answers is a subclass's affair."""

from __future__ import annotations

from aiohttp import web


class LocalServer:
    """`/v1/models`, `/v1/completions` and, where a subclass has it, `/v1/chat/completions`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._runner: web.AppRunner | None = None

    @property
    def runs(self) -> bool:
        return self._runner is not None

    async def start(self) -> None:
        application = web.Application()
        application.router.add_get("/v1/models", self._models)
        application.router.add_post("/v1/completions", self._completions)
        application.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(application, shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _models(self, request: web.Request) -> web.Response:
        raise NotImplementedError

    async def _completions(self, http: web.Request) -> web.StreamResponse:
        raise NotImplementedError

    async def _chat(self, http: web.Request) -> web.StreamResponse:  # noqa: ARG002
        raise web.HTTPNotFound
