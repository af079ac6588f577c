"""Which of the servers that are well takes the next request."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Generic, Protocol, TypeVar

_REMEMBERED_FAMILIES = 4096


class Busy(Protocol):
    """A server that knows how much it has to do."""

    in_flight: int


S = TypeVar("S", bound=Busy)


class Router(Generic[S]):
    """Sends requests of one family to one server, whose prefix cache knows them, unless it is much busier than others.

    Example: of two servers with 64 places, a family's is kept until it has 8 more in flight than the other.

    Args:
        concurrency: places of a server; a family moves when its server has an eighth of them more in use than the
            idlest, or none free.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self._slack = max(2, concurrency // 8)
        self._homes: OrderedDict[Hashable, S] = OrderedDict()

    def choose(self, family: Hashable, servers: Sequence[S]) -> S:
        """One of `servers`, which is remembered as the family's."""
        idlest = min(servers, key=lambda server: server.in_flight)
        home = self._homes.pop(family, idlest)
        if home not in servers or home.in_flight >= min(idlest.in_flight + self._slack, self.concurrency):
            home = idlest
        self._homes[family] = home
        if len(self._homes) > _REMEMBERED_FAMILIES:
            self._homes.popitem(last=False)
        return home

    def forget(self, family: Hashable) -> None:
        """The family's next request may go to another server."""
        self._homes.pop(family, None)
