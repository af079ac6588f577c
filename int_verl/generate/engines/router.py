"""Which rollout server takes the next request."""

from __future__ import annotations

from typing import Any


class LeastBusyRouter:
    """Sends each request to the server with the fewest in flight.

    Example: with servers a and b, four requests go to a, b, a, b; after one of b's ends, the next goes to b.
    """

    def __init__(self, servers: dict[str, Any]) -> None:
        if not servers:
            raise ValueError("no rollout server to send requests to")
        self.servers = dict(servers)
        self.in_flight = dict.fromkeys(self.servers, 0)

    def acquire(self) -> tuple[str, Any]:
        """Name and handle of the server; to be released when the request has ended."""
        server = min(self.servers, key=self.in_flight.__getitem__)
        self.in_flight[server] += 1
        return server, self.servers[server]

    def release(self, server: str) -> None:
        self.in_flight[server] -= 1
